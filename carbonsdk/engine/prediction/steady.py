"""The rate of the epochs ahead: which of the epochs seen tell it, and how well."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, median_low

from carbonsdk.engine.prediction.outlook import Outlook
from carbonsdk.engine.prediction.recurrence import recurrence
from carbonsdk.engine.prediction.warmup import WarmUp, warm_up

WINDOW = 500
"""The newest epochs that set the rate; bounds the cost of a forecast."""

# What is believed of any run before it was seen, as shares of one epoch. They weigh like PRIOR_FREEDOM epochs.
PRIOR_NOISE = 0.012
PRIOR_FREEDOM = 3.0
PRIOR_DRIFT = 0.045  # standard deviation of the drift over the whole run
PRIOR_WANDER = 0.012  # of the level of a run's rest, for no reason seen so far
PRIOR_OUTLIER = 0.5  # size of an outlier while none was seen
FIRST_EPOCH_DOWN = 0.25
FIRST_EPOCH_UP = 0.07
OUTLIER = 4.0  # deviations from the line


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
    start = _steady_start(recent, warm=warm.length)
    line = _fit(recent[start:], scale=_scale(recent), slope_prior=PRIOR_DRIFT / total)
    rest = _ahead(line, left=left, total=total)
    fading = Outlook(0.0, left * warm.doubt, left * min(warm.doubt, warm.left))
    rest = rest.plus(fading)
    return Rate(line.at(line.count), rest, start, len(line.outliers))


@dataclass(frozen=True, slots=True)
class _Line:
    """A straight line through the steady epochs; `slope_sd` and `noise` are absolute."""

    count: int
    used: int
    middle: float
    level: float
    slope: float
    slope_sd: float
    noise: float
    outliers: tuple[int, ...]
    excesses: tuple[float, ...]

    def at(self, place: float) -> float:
        return self.level + self.slope * (place - self.middle)


def _scale(values: Sequence[float]) -> float:
    """Return a deviation that neither a trend nor single outliers enlarge: of the values, or of their differences."""
    middle = median(values)
    spread = 1.4826 * median_low([abs(value - middle) for value in values])
    jumps = [abs(after - before) for before, after in pairwise(values)]
    step = 1.4826 / math.sqrt(2) * median_low(jumps)
    seen = len(values) - 1
    return math.sqrt((PRIOR_FREEDOM * (PRIOR_NOISE * middle) ** 2 + seen * min(spread, step) ** 2) / (PRIOR_FREEDOM + seen))


def _steady_start(values: Sequence[float], *, warm: int) -> int:
    """Return where the steady epochs begin: behind the warm-up, and behind the last change of level."""
    scale = _scale(values)
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


def _fit(values: Sequence[float], *, scale: float, slope_prior: float) -> _Line:
    """Fit a line whose slope is held back by what drifts are usual, without the values that lie far off it."""
    count = len(values)
    tilt, centre = _first_line(values)
    inside = [i for i, value in enumerate(values) if abs(value - centre - tilt * i) <= OUTLIER * scale]
    if not inside:
        inside = list(range(count))
    middle = sum(inside) / len(inside)
    level = _middle_mean([values[i] for i in inside])
    s_tt = sum((i - middle) ** 2 for i in inside)
    s_ty = sum((i - middle) * (values[i] - level) for i in inside)
    held = (scale / (slope_prior * level)) ** 2 if level > 0 else math.inf
    slope = s_ty / (s_tt + held)
    # Most runs do not drift: a slope counts as far as it stands out of the noise.
    slope *= slope**2 * (s_tt + held) / (slope**2 * (s_tt + held) + 2 * scale**2) if slope else 0.0
    squares = sum((values[i] - level - slope * (i - middle)) ** 2 for i in inside)
    noise = math.sqrt((PRIOR_FREEDOM * (PRIOR_NOISE * level) ** 2 + squares) / (PRIOR_FREEDOM + len(inside) - 1))
    kept = set(inside)
    outside = tuple(i for i in range(count) if i not in kept)
    return _Line(
        count=count,
        used=len(inside),
        middle=middle,
        level=level,
        slope=slope,
        slope_sd=noise / math.sqrt(s_tt + held) if held < math.inf else 0.0,
        noise=noise,
        outliers=outside,
        excesses=tuple(values[i] - level - slope * (i - middle) for i in outside),
    )


def _middle_mean(values: Sequence[float]) -> float:
    """Return the mean of the middle half while the values are few, and more and more the plain mean as they become many.

    Few cannot tell a rare value from a usual one; of many, the rare ones belong to the mean that is to come.
    """
    count = len(values)
    cut = count // 4 if count != 3 else 1
    middle = sorted(values)[cut : count - cut]
    weight = count / (count + 20)
    return weight * sum(values) / count + (1 - weight) * sum(middle) / len(middle)


def _first_line(values: Sequence[float]) -> tuple[float, float]:
    """Return slope and value at place 0 of a line through the medians of the first and last third."""
    count = len(values)
    if count < 9:
        return 0.0, median_low(values)
    third = count // 3
    first, last = median(values[:third]), median(values[-third:])
    tilt = (last - first) / (count - third)
    return tilt, median([value - tilt * i for i, value in enumerate(values)])


def _outlier(line: _Line) -> tuple[float, float]:
    """Return what another outlier would add, and its size for the interval; a single one is not believed beyond an epoch."""
    if not line.excesses:
        return 0.0, PRIOR_OUTLIER * line.level
    if len(line.excesses) == 1:
        single = max(-line.level, min(line.level, line.excesses[0]))
        return single, abs(single)
    return median(line.excesses), math.sqrt(median([excess * excess for excess in line.excesses]))


def _ahead(line: _Line, *, left: int, total: int) -> Outlook:
    """Add up the `left` epochs behind the line."""
    if left == 0:
        return Outlook()
    beyond = (left + 1) / 2
    # A trend is trusted for as long as it was seen; after that it fades.
    trusted = line.count * (1 - math.exp(-beyond / line.count))
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
    return Outlook(
        left * mean + habit.count * excess,
        math.hypot(left * both, habit.down * size),
        math.hypot(left * both, habit.up * size),
        PRIOR_FREEDOM + line.used - 1,
    )
