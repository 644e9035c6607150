"""The rate of the epochs ahead: which of the epochs seen tell it, and how well."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, median_low

from carbonsdk.engine.prediction.line import OUTLIER, PRIOR_FREEDOM, Line, fitted, scale_of
from carbonsdk.engine.prediction.outlook import Outlook
from carbonsdk.engine.prediction.recurrence import recurrence
from carbonsdk.engine.prediction.warmup import WarmUp, warm_up

WINDOW = 500
"""The newest epochs that set the rate; bounds the cost of a forecast."""

# What is believed of any run before it was seen, as shares of one epoch.
PRIOR_DRIFT = 0.045  # standard deviation of the drift over the whole run
PRIOR_WANDER = 0.012  # of the level of a run's rest, for no reason seen so far
PRIOR_OUTLIER = 0.5  # size of an outlier while none was seen
WARM = 0.02  # added by the warm-up, from which on an epoch is said to belong to it
FIRST_EPOCH_DOWN = 0.25
FIRST_EPOCH_UP = 0.07


@dataclass(frozen=True, slots=True)
class Rate:
    """What the next epochs are like: the amount of one, and the outlook of all that are left."""

    level: float
    rest: Outlook
    put_aside: int
    outliers: int


def rate_of(values: Sequence[float], *, left: int) -> Rate:
    """Forecast the sum of `left` more values from those seen, oldest first, at least one."""
    if len(values) == 1:
        level = values[0]
        rest = Outlook(left * level, left * level * FIRST_EPOCH_DOWN, left * level * FIRST_EPOCH_UP, PRIOR_FREEDOM + 1)
        return Rate(level, rest, 0, 0)
    total = len(values) + left
    recent = values[-WINDOW:]
    warm = warm_up(recent) if len(values) <= WINDOW else WarmUp()
    recent = [*(value - added for value, added in zip(recent, warm.added, strict=False)), *recent[len(warm.added) :]]
    # The warm-up was fitted to the first epoch, which scatters no more; of three epochs it must still be a witness.
    scale = scale_of(recent[warm.length :] if len(recent) > 3 else recent)
    start = _steady_start(recent, warm=warm.length, scale=scale)
    line = fitted(recent[start:], scale=scale, slope_prior=PRIOR_DRIFT / total)
    rest = _ahead(line, left=left, total=total)
    fading = Outlook(0.0, left * warm.doubt, left * min(warm.doubt, warm.left))
    level = line.at(line.count)
    put_aside = max(start, sum(1 for added in warm.added if added > WARM * level))
    return Rate(level, rest.plus(fading), put_aside, len(line.outliers))


def _steady_start(values: Sequence[float], *, warm: int, scale: float) -> int:
    """Return where the steady epochs begin: behind the warm-up, and behind the last change of level."""
    start = warm
    while (
        0 < start < min(len(values) // 2 + 1, len(values) - 1)
        and values[start] > median_low(values[start + 1 :]) + OUTLIER * scale
    ):
        start += 1
    for _ in range(4):
        change = _change(values[start:], scale=scale)
        if change is None:
            break
        start += change
    return start


def _change(values: Sequence[float], *, scale: float) -> int | None:
    """Return where the level changes for good, if a step explains the values much better than a line does."""
    count = len(values)
    if count < 8:
        return None
    centre = median(values)
    clipped = [max(-25 * scale, min(25 * scale, value - centre)) for value in values]
    total = sum(clipped)
    best, place, left = 0.0, 0, 0.0
    for before in range(1, count - 2):
        left += clipped[before - 1]
        if before < 3:
            continue
        gain = left * left / before + (total - left) ** 2 / (count - before) - total * total / count
        if gain > best:
            best, place = gain, before
    middle = (count - 1) / 2
    tilt = sum((i - middle) * value for i, value in enumerate(clipped))
    spread = sum(value * value for value in clipped) - total * total / count
    line = tilt * tilt * 12 / (count * (count * count - 1))
    if best < 25 * scale**2 or spread - best > 0.6 * (spread - line):
        return None
    return place


def _outlier(line: Line) -> tuple[float, float]:
    """Return what another outlier would add, and its size for the interval; a single one is not believed beyond an epoch."""
    if not line.excesses:
        return 0.0, PRIOR_OUTLIER * line.level
    if len(line.excesses) == 1:
        single = max(-line.level, min(line.level, line.excesses[0]))
        return single, abs(single)
    return median(line.excesses), math.sqrt(median([excess * excess for excess in line.excesses]))


def _ahead(line: Line, *, left: int, total: int) -> Outlook:
    """Add up the `left` epochs behind the line."""
    if left == 0:
        return Outlook()
    beyond = (left + 1) / 2
    # A trend is trusted to go on about as long again; after that it fades.
    reach = 2 * line.count
    trusted = reach * (1 - math.exp(-beyond / reach))
    last = line.count - 1 - line.middle
    mean = max(0.1 * line.level, line.level + line.slope * (last + trusted))
    habit = recurrence([i + 1 for i in line.outliers], seen=line.count, total=line.count + left, single_repeats=False)
    excess, size = _outlier(line)
    both = math.hypot(
        line.noise * math.sqrt(1 / line.used + 1 / left),
        line.slope_sd * (last + beyond),
        0.5 * abs(line.slope) * (beyond - trusted),
        PRIOR_WANDER * line.level * math.sqrt(left / total),
    )
    # Among few epochs an odd one may be no outlier: they may all scatter as much.
    scatter = left * size * 2 * math.sqrt(len(line.outliers)) / line.count**2
    return Outlook(
        left * mean + habit.count * excess,
        math.hypot(left * both, habit.down * size, 0.5 * scatter),
        math.hypot(left * both, habit.up * size, scatter),
        PRIOR_FREEDOM + line.used - 1,
    )
