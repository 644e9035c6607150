"""The rate of the epochs ahead: which of the epochs seen tell it, and how well."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, median_low

from carbonsdk.engine.prediction.ahead import ahead
from carbonsdk.engine.prediction.line import OUTLIER, PRIOR_FREEDOM, fitted, scale_of
from carbonsdk.engine.prediction.outlook import Outlook
from carbonsdk.engine.prediction.warmup import WarmUp, warm_up

WINDOW = 500
"""The newest epochs that set the rate; bounds the cost of a forecast."""

PRIOR_DRIFT = 0.045  # of an epoch: standard deviation of a run's drift from start to end, before anything is seen
LEAST_LIKELY = 0.02  # the probability of a warm-up below which there was none
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

    def mixed(self, other: "Rate", *, share: float) -> "Rate":
        """Return what to believe where the other is right with a probability of `share`."""
        likelier = other if share > 0.5 else self
        level = (1 - share) * self.level + share * other.level
        return Rate(level, self.rest.mixed(other.rest, share=share), likelier.put_aside, likelier.outliers)


def rate_of(values: Sequence[float], *, left: int) -> Rate:
    """Forecast the sum of `left` more values from those seen, oldest first, at least one."""
    if len(values) == 1:
        level = values[0]
        rest = Outlook(left * level, left * level * FIRST_EPOCH_DOWN, left * level * FIRST_EPOCH_UP, PRIOR_FREEDOM + 1)
        return Rate(level, rest, 0, 0)
    recent = values[-WINDOW:]
    total = len(values) + left
    cold = _rate(recent, left=left, total=total, warm=WarmUp())
    warm = warm_up(recent, drift=PRIOR_DRIFT / total) if len(values) <= WINDOW else WarmUp()
    if warm.likely < LEAST_LIKELY:
        return cold
    return _rate(recent, left=left, total=total, warm=warm).mixed(cold, share=1 - warm.likely)


def _rate(values: Sequence[float], *, left: int, total: int, warm: WarmUp) -> Rate:
    """Forecast from the values without what that warm-up added."""
    recent = [*(value - added for value, added in zip(values, warm.added, strict=False)), *values[len(warm.added) :]]
    # The warm-up was fitted to the first epoch, which scatters no more; of three epochs it must still be a witness.
    first = 1 if warm.added else 0
    scale = scale_of(recent[first:] if len(recent) > 3 else recent)
    start = _steady_start(recent, warm=first, scale=scale)
    line = fitted(recent[start:], scale=scale, slope_prior=PRIOR_DRIFT / total)
    rest = ahead(line, left=left, total=total)
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
