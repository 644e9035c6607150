"""The warm-up: what the first epochs cost more than those to come, and how much of that the latest may still hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from carbonsdk.engine.prediction.line import PRIOR_FREEDOM, PRIOR_NOISE, scale_of

LONGEST = 32
"""Epochs in which a warm-up is looked for."""

KEPT = (0.2, 0.35, 0.5, 0.65, 0.8)
"""The share of its height that a fading warm-up may keep from one epoch to the next."""

PLATEAUS = (2, 3, 4, 5, 6)
"""How many epochs a warm-up of one height may last, other than the first alone."""

LEAST_LEFT = 0.5
"""Epochs are not expected to come below this share of the least one seen."""

NONE, FIRST_ALONE = 0.5, 0.35
"""How far it is believed in advance that there is no warm-up, or the first epoch holds all of it; other ways share the rest."""

FALL_OF_TWO = 0.6
"""After two epochs, the deviation of what is still to fall, as a share of what fell: as much again if half of it was kept."""

LEAST_HEIGHT, SPAN = 0.005, 6.0
"""A warm-up adds anything from half a percent of an epoch to two epochs, evenly on a scale of logarithms: ln(2 / 0.005)."""


_PRIOR_SQUARES = PRIOR_FREEDOM * PRIOR_NOISE**2


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What the warm-up, if there is one, added to each epoch from the first on, and the deviation of that in the later ones.

    `likely` is how far it is believed in at all.
    """

    likely: float = 0.0
    added: tuple[float, ...] = ()
    doubt: float = 0.0

    @property
    def left(self) -> float:
        """Return what the last epoch looked at still held."""
        return self.added[-1] if self.added else 0.0


def warm_up(values: Sequence[float], *, drift: float) -> WarmUp:
    """Return the warm-up at the start of two or more epochs.

    Several ways it may go are fitted (none, the first epoch alone, a plateau, a fading by a constant factor), and their
    answers are averaged by how well they explain the epochs (Bayesian model averaging), beside a drift of about `drift` of an
    epoch from each to the next. Of two epochs nobody can tell how it goes on: it may have been all, or half.
    """
    early = _without_jumps(values[:LONGEST])
    mean = sum(early) / len(early)
    if mean <= 0:
        return WarmUp()
    early = [value / mean for value in early]  # squares of tiny figures vanish, those of huge ones overflow
    product = _Product(len(early), held=(scale_of(early) / drift) ** 2)
    none = _without(early, product)
    fits = [_Fit.of(early, product, shape=shape, belief=belief) for shape, belief in _shapes(len(early))]
    best = max(none, *(fit.log_weight for fit in fits))
    weights = [math.exp(fit.log_weight - best) for fit in fits]
    whole = sum(weights)
    if whole <= 0:
        return WarmUp()
    likely = whole / (whole + math.exp(none - best))
    floor = sum(weight * fit.floor for weight, fit in zip(weights, fits, strict=True)) / whole
    spread = sum(weight * (fit.floor - floor) ** 2 for weight, fit in zip(weights, fits, strict=True)) / whole
    added = tuple(
        mean * sum(weight * fit.height * fit.shape[place] for weight, fit in zip(weights, fits, strict=True)) / whole
        for place in range(len(early))
    )
    doubt = FALL_OF_TWO * added[0] if len(early) == 2 else mean * math.sqrt(spread)
    return WarmUp(likely, added, doubt)


def _shapes(count: int) -> list[tuple[list[float], float]]:
    """Return each way a warm-up may go, as its height in each of `count` epochs, and how far it is believed."""
    first = [1.0] + [0.0] * (count - 1)
    if count == 2:
        return [(first, 1 - NONE)]
    others = [[kept**place for place in range(count)] for kept in KEPT]
    others += [[1.0] * length + [0.0] * (count - length) for length in PLATEAUS if length < count]
    belief = (1 - NONE - FIRST_ALONE) / len(others)
    return [(first, FIRST_ALONE), *((shape, belief) for shape in others)]


def _without_jumps(values: Sequence[float]) -> list[float]:
    """Return the values with single dear ones cut down: a warm-up only ever falls."""
    step = 3 * scale_of(values)
    kept = [values[0]]
    for value in values[1:]:
        kept.append(min(value, kept[-1] + step))
    return kept


class _Product:
    """The product of two courses around their means, without as much of a line in both as a drift explains.

    That is generalised least squares with a slope that varies from run to run: a run that becomes cheaper all along has no
    warm-up for that. `held` is the variance of an epoch over that of the slope.
    """

    def __init__(self, count: int, *, held: float) -> None:
        middle = (count - 1) / 2
        self._places = [place - middle for place in range(count)]
        self._stiff = sum(place * place for place in self._places) + held

    def __call__(self, first: Sequence[float], second: Sequence[float]) -> float:
        count = len(self._places)
        plain = sum(a * b for a, b in zip(first, second, strict=True)) - sum(first) * sum(second) / count
        return plain - self._tilt(first) * self._tilt(second) / self._stiff

    def _tilt(self, course: Sequence[float]) -> float:
        return sum(place * value for place, value in zip(self._places, course, strict=True))


def _without(values: Sequence[float], product: _Product) -> float:
    """Return the logarithm of how likely the values, 1 in the mean, are without a warm-up."""
    squares = max(0.0, product(values, values))
    return math.log(NONE) - 0.5 * (PRIOR_FREEDOM + len(values) - 1) * math.log1p(squares / _PRIOR_SQUARES)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Least squares of floor + height * shape, with no negative height, for values that are 1 in the mean."""

    shape: Sequence[float]
    floor: float
    height: float
    log_weight: float

    @classmethod
    def of(cls, values: Sequence[float], product: _Product, *, shape: Sequence[float], belief: float) -> "_Fit":
        variety, together = product(shape, shape), product(shape, values)
        height = together / variety
        floor = 1 - height * sum(shape) / len(shape)
        if height <= 0 or floor < LEAST_LEFT * min(values):
            return cls(shape, floor, height, -math.inf)
        squares = max(0.0, product(values, values) - height * together)
        # The height integrated out: Student's t, times how likely a height like this is in advance (Occam's factor).
        freedom = PRIOR_FREEDOM + len(values) - 2
        narrow = math.sqrt(2 * math.pi * _PRIOR_SQUARES / (freedom * variety)) / (SPAN * max(height, LEAST_HEIGHT))
        log_fit = math.log(narrow) - 0.5 * freedom * math.log1p(squares / _PRIOR_SQUARES)
        return cls(shape, floor, height, math.log(belief) + log_fit)
