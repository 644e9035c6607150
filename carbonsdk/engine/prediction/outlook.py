"""What is expected of the time ahead: an amount, and how far it may fall short or run over."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from carbonsdk.reports import Estimate


@dataclass(frozen=True, slots=True)
class Outlook:
    """An amount to come, in joules or seconds; `down` and `up` are standard deviations to either side.

    `freedom` is the number of degrees of freedom that the deviations rest on.
    """

    value: float = 0.0
    down: float = 0.0
    up: float = 0.0
    freedom: float = math.inf

    def plus(self, other: "Outlook") -> "Outlook":
        """Add an independent amount."""
        return Outlook(
            self.value + other.value,
            math.hypot(self.down, other.down),
            math.hypot(self.up, other.up),
            _freedom(self, other),
        )

    def mixed(self, other: "Outlook", *, share: float) -> "Outlook":
        """Return the outlook where the other one is right with a probability of `share`."""
        value = (1 - share) * self.value + share * other.value
        off, other_off = self.value - value, other.value - value
        mine, theirs = math.sqrt(1 - share), math.sqrt(share)
        doubtful = (1 - share) / self.freedom + share / other.freedom
        return Outlook(
            value,
            math.hypot(mine * self.down, mine * off, theirs * other.down, theirs * other_off),
            math.hypot(mine * self.up, mine * off, theirs * other.up, theirs * other_off),
            1 / doubtful if doubtful > 0 else math.inf,
        )

    def estimate(self, used: float, *, level: float) -> Estimate:
        """Return the total with what was `used` already, below which it cannot fall."""
        reach = quantile(level, freedom=self.freedom)
        total = used + max(0.0, self.value)
        return Estimate(total, min(total, max(used, total - reach * self.down)), total + reach * self.up, level)


def _freedom(*parts: Outlook) -> float:
    """Return the degrees of freedom of a sum (Welch-Satterthwaite equation)."""
    spreads = [math.hypot(part.down, part.up) for part in parts]
    most = max(spreads)
    if most == 0:
        return min(part.freedom for part in parts)
    squares = [(spread / most) ** 2 for spread in spreads]
    doubtful = sum(square**2 / part.freedom for square, part in zip(squares, parts, strict=True))
    return sum(squares) ** 2 / doubtful if doubtful > 0 else math.inf


def quantile(level: float, *, freedom: float = math.inf) -> float:
    """Return how many deviations to either side hold `level` of Student's t.

    Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5), within 1 % for three and more degrees of freedom.
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + (first + (second + third / freedom) / freedom) / freedom
