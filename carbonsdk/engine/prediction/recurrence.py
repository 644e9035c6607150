"""When something that happened now and then will happen again: an evaluation every k epochs, a checkpoint, an outlier."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

RARE = 10
"""How many places without it are believed in advance."""

NEVER_YET, SOMETIMES = 0.8, 1.4
"""The deviation upwards of how often it will happen, over the root of one more than how often it did.

Once it happened, nine in ten of the rates that explain it lie within 1.4 roots (a gamma distribution's quantile at 95 %); where
it never did, most often it never will.
"""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How often it is expected among the places ahead, and how far that count may be off to either side."""

    count: float
    down: float
    up: float
    period: int | None = None


def recurrence(places: Sequence[int], *, seen: int, total: int, single_repeats: bool) -> Recurrence:
    """Return what the `places` (1-based, rising) at which it happened, of the first `seen`, say about those up to `total`.

    Places at one spacing with none missed are periodic. `single_repeats`: one at place k, none before and too early for
    a second, is taken for the first of every k-th.
    """
    period = _period(places, seen=seen, single_repeats=single_repeats)
    if period is not None:
        count = (total - places[-1]) // period
        doubt = count * (0.35 if len(places) == 1 else 0.05)
        return Recurrence(count, doubt, doubt, period)
    ahead = total - seen
    # One may be an accident; it counts for half until there are others.
    habit = ahead * max(0.0, len(places) - 0.5) / (seen + RARE)
    up = ahead * (SOMETIMES * (len(places) + 1) ** 0.5 if places else NEVER_YET) / (seen + RARE)
    return Recurrence(habit, min(habit, up), up)


def _period(places: Sequence[int], *, seen: int, single_repeats: bool) -> int | None:
    if not places:
        return None
    if len(places) == 1:
        period = places[0]
        return period if single_repeats and period > 1 and 2 * period > seen else None
    spacings = {after - before for before, after in pairwise(places)}
    period = min(spacings)
    regular = len(spacings) == 1 and places[0] <= 2 * period and places[-1] + period > seen
    # Two alone may be any two; they are believed where counting from the run's start gives them too.
    return period if regular and (len(places) > 2 or places[0] in {period, period - 1, 1}) else None
