"""A straight line through the steady epochs that single odd ones do not bend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, median_low

# What is believed of any run before it was seen, as shares of one epoch. It weighs like PRIOR_FREEDOM epochs.
PRIOR_NOISE = 0.012
PRIOR_FREEDOM = 3.0
DOUBTFUL = 2.0
"""How many times the prior's deviation halves its weight."""

OUTLIER = 4.0
"""Deviations from the line beyond which an epoch is odd."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, what scatters around it, and the odd values: their places and how far off they lie."""

    count: int
    used: int
    middle: float
    level: float
    slope: float
    slope_sd: float
    noise: float
    freedom: float
    outliers: tuple[int, ...]
    excesses: tuple[float, ...]

    def at(self, place: float) -> float:
        """Return the line's value at a place, 0 being the first steady epoch."""
        return self.level + self.slope * (place - self.middle)


def scale_of(values: Sequence[float]) -> float:
    """Return a deviation that neither a trend nor single outliers enlarge: of the values, or of their differences."""
    middle = median(values)
    spread = 1.4826 * median_low([abs(value - middle) for value in values])
    jumps = [abs(after - before) for before, after in pairwise(values)]
    step = 1.4826 / math.sqrt(2) * median_low(jumps)
    seen = len(values) - 1
    return _blended(seen * min(spread, step) ** 2, freedom=seen, prior=PRIOR_NOISE * middle)[0]


def _blended(squares: float, *, freedom: int, prior: float) -> tuple[float, float]:
    """Return the deviation that `squares` with `freedom` degrees and the prior tell together, and their degrees together.

    The more the values contradict the prior by scattering, the less it weighs against them.
    """
    doubtful = freedom * (DOUBTFUL * prior) ** 2
    if prior <= 0 or doubtful == 0:  # nothing to tell it from, or so little that its square is nothing
        return max(0.0, prior), PRIOR_FREEDOM + freedom
    contradiction = squares / doubtful
    weight = PRIOR_FREEDOM / (1 + contradiction)
    return math.sqrt((weight * prior**2 + squares) / (weight + freedom)), weight + freedom


def fitted(values: Sequence[float], *, scale: float, slope_prior: float) -> Line:
    """Fit a line whose slope is held back by what drifts are usual, without the values that lie far off it."""
    count = len(values)
    tilt, centre = _first_line(values)
    reach = OUTLIER * (1 + 2 / count) * scale  # of few epochs the scale is little known
    inside = [i for i, value in enumerate(values) if abs(value - centre - tilt * i) <= reach]
    if not inside:
        inside = list(range(count))
    middle = sum(inside) / len(inside)
    level = sum(values[i] for i in inside) / len(inside)
    s_tt = sum((i - middle) ** 2 for i in inside)
    s_ty = sum((i - middle) * (values[i] - level) for i in inside)
    drift = slope_prior * level
    held = (scale / drift) * (scale / drift) if drift > 0 else math.inf
    stiff = s_tt + held or math.inf  # of a single epoch with hardly any scatter it may vanish
    slope = s_ty / stiff
    # Most runs do not drift: a slope counts as far as it stands out of the noise, for half at two deviations.
    # Ratios, since the squares of tiny figures vanish.
    doubt = scale / slope if slope else 0.0
    slope /= 1.0 + 4.0 * doubt * doubt / stiff
    squares = sum((values[i] - level - slope * (i - middle)) ** 2 for i in inside)
    noise, freedom = _blended(squares, freedom=len(inside) - 1, prior=PRIOR_NOISE * level)
    kept = set(inside)
    outside = tuple(i for i in range(count) if i not in kept)
    return Line(
        count=count,
        used=len(inside),
        middle=middle,
        level=level,
        slope=slope,
        slope_sd=noise / math.sqrt(stiff),
        noise=noise,
        freedom=freedom,
        outliers=outside,
        excesses=tuple(values[i] - level - slope * (i - middle) for i in outside),
    )


def _first_line(values: Sequence[float]) -> tuple[float, float]:
    """Return slope and value at place 0 of a line through the medians of the first and last third, or of a level one.

    A few odd values at one end tilt the medians of thirds, not the median of all: the line nearer to most values counts.
    """
    count = len(values)
    if count < 9:
        return 0.0, median_low(values)
    third = count // 3
    tilt = (median(values[-third:]) - median(values[:third])) / (count - third)
    lines = [(slope, median([value - slope * i for i, value in enumerate(values)])) for slope in (0.0, tilt)]
    return min(lines, key=lambda line: median([abs(value - line[1] - line[0] * i) for i, value in enumerate(values)]))
