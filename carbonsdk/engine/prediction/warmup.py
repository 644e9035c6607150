"""The warm-up: what the first epochs cost more than those to come, and how much of that the latest may still hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from carbonsdk.engine.prediction.line import PRIOR_FREEDOM, PRIOR_NOISE

LONGEST = 32
"""Epochs in which a warm-up is looked for."""

KEPT = (0.2, 0.35, 0.5, 0.65, 0.8)
"""The share of its height that a fading warm-up may keep from one epoch to the next."""

PLATEAUS = (2, 3, 4, 5, 6)
"""How many epochs a warm-up of one height may last, other than the first alone."""

LEAST_LEFT = 0.5
"""Epochs are not expected to come below this share of the least one seen."""

FIRST_ALONE = 0.7
"""How far it is believed in advance that the first epoch holds the whole warm-up; the other ways share the rest."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What the warm-up added to each epoch from the first on, and the deviation of that in the later ones.

    The first `length` do not set the rate at all.
    """

    length: int = 0
    added: tuple[float, ...] = ()
    doubt: float = 0.0

    @property
    def left(self) -> float:
        """Return what the last epoch looked at still held."""
        return self.added[-1] if self.added else 0.0


def warm_up(values: Sequence[float]) -> WarmUp:
    """Return the warm-up at the start of two or more epochs.

    Of two, only a dearer first one counts as warm-up, and nobody can tell how it goes on: it may have been all, or half.
    From three on, several ways it may go are fitted (the first epoch alone, a plateau, a fading by a constant factor), and
    their answers are averaged by how well they explain the epochs (Bayesian model averaging).
    """
    if len(values) == 2:
        drop = values[0] - values[1]
        return WarmUp(0) if drop < 0 else WarmUp(1, doubt=0.5 * drop)
    early = _without_jumps(values[:LONGEST])
    fits = [_Fit.of(early, shape=shape, belief=belief) for shape, belief in _shapes(len(early))]
    best = max(fit.log_weight for fit in fits)
    weights = [math.exp(fit.log_weight - best) for fit in fits]
    whole = sum(weights)
    floor = sum(weight * fit.floor for weight, fit in zip(weights, fits, strict=True)) / whole
    spread = sum(weight * (fit.floor - floor) ** 2 for weight, fit in zip(weights, fits, strict=True)) / whole
    added = tuple(
        sum(weight * fit.height * fit.shape[place] for weight, fit in zip(weights, fits, strict=True)) / whole
        for place in range(len(early))
    )
    return WarmUp(1, added, math.sqrt(spread))


def _shapes(count: int) -> list[tuple[list[float], float]]:
    """Return each way a warm-up may go, as its height in each of `count` epochs, and how far it is believed."""
    others = [[kept**place for place in range(count)] for kept in KEPT]
    others += [[1.0] * length + [0.0] * (count - length) for length in PLATEAUS if length < count]
    belief = (1 - FIRST_ALONE) / len(others)
    return [([1.0] + [0.0] * (count - 1), FIRST_ALONE), *((shape, belief) for shape in others)]


def _without_jumps(values: Sequence[float]) -> list[float]:
    """Return the values with single dear ones cut down: a warm-up only ever falls."""
    step = 3 * PRIOR_NOISE * median_low(values)
    kept = [values[0]]
    for value in values[1:]:
        kept.append(min(value, kept[-1] + step))
    return kept


@dataclass(frozen=True, slots=True)
class _Fit:
    """Least squares of floor + height * shape, with no negative height."""

    shape: Sequence[float]
    floor: float
    height: float
    log_weight: float

    @classmethod
    def of(cls, values: Sequence[float], *, shape: Sequence[float], belief: float) -> "_Fit":
        count = len(values)
        shape_mean, mean = sum(shape) / count, sum(values) / count
        variety = sum((s - shape_mean) ** 2 for s in shape)
        height = max(0.0, sum((s - shape_mean) * value for s, value in zip(shape, values, strict=True)) / variety)
        floor = mean - height * shape_mean
        squares = sum((value - floor - height * s) ** 2 for s, value in zip(shape, values, strict=True))
        prior = PRIOR_FREEDOM * (PRIOR_NOISE * mean) ** 2
        log_fit = -0.5 * (PRIOR_FREEDOM + count - 2) * math.log((prior + squares) / prior) if prior > 0 else 0.0
        likely = floor >= LEAST_LEFT * min(values)
        return cls(shape, floor, height, math.log(belief) + log_fit if likely else -math.inf)
