"""What lies between the epochs ahead: what every gap costs, and what only some do."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, median_low

from carbonsdk.engine.prediction.outlook import Outlook
from carbonsdk.engine.prediction.recurrence import recurrence

WINDOW = 500
UNSEEN = 0.05
"""Share of an epoch that something between epochs may cost, for all that is known before it was seen once."""

PRIOR_SPREAD = 0.15
"""Relative deviation of one gap from another of its kind."""


@dataclass(frozen=True, slots=True)
class GapForecast:
    """The outlook of the gaps to come, and how often something recurs in them (None: nothing does, or in no order)."""

    rest: Outlook
    period: int | None = None


def gaps_ahead(gaps: Sequence[float], *, epoch: float, left: int) -> GapForecast:
    """Forecast the gaps behind each of the next `left` epochs and behind the one that just ended.

    `gaps` are those seen, oldest first; `epoch` is the amount of one epoch ahead. The gap behind the very last epoch is
    expected like the others, but may be left out.
    """
    seen = len(gaps)
    if not gaps:
        return GapForecast(Outlook(0.0, 0.0, left * epoch * UNSEEN))
    recent = gaps[-WINDOW:]
    usual = median_low(recent)
    dear = [i for i, gap in enumerate(recent) if gap - usual > max(0.005 * epoch, abs(usual))]
    extra = median([recent[i] - usual for i in dear]) if dear else 0.0
    # One pause longer than an epoch is no evaluation: somebody had lunch.
    again = recurrence([i + 1 for i in dear], seen=len(recent), total=len(recent) + left + 1, single_repeats=extra <= epoch)
    if len(dear) == 1:
        extra = min(extra, epoch)
    rest = _usual(recent, usual=usual, left=left).plus(
        Outlook(again.count * extra, (again.down + 0.1 * again.count) * extra, (again.up + 0.1 * again.count) * extra)
    )
    if not dear:
        rest = rest.plus(Outlook(0.0, 0.0, left * epoch * UNSEEN / (seen + 1)))
    return GapForecast(rest, again.period)


def _usual(gaps: Sequence[float], *, usual: float, left: int) -> Outlook:
    spread = median_low([abs(gap - usual) for gap in gaps])
    each = (PRIOR_SPREAD * abs(usual) + spread * len(gaps)) / (1 + len(gaps))
    doubt = each * left * (1 / len(gaps) + 1 / (left + 1)) ** 0.5
    return Outlook(usual * (left + 1), doubt + 0.6 * max(0.0, usual), doubt)
