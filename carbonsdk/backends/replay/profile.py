"""Power as a known function of time, with its exact integral."""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Profile:
    """Watts against seconds: a sum of piecewise-linear curves, each of which may repeat.

    Time starts at 0; before it a profile draws nothing. `joules(b) - joules(a)` is the exact energy of [a, b), to rounding.
    """

    curves: tuple["_Curve", ...]

    @classmethod
    def constant(cls, watts: float) -> "Profile":
        """Return a profile that always draws `watts`."""
        return cls.trace([(0.0, watts)])

    @classmethod
    def square(cls, low: float, high: float, period_s: float, duty: float = 0.5) -> "Profile":
        """Return `high` watts for the first `duty` of each period, then `low`."""
        _require(period_s > 0, f"a square wave needs a period above 0 s, not {period_s}")
        _require(0 <= duty <= 1, f"a duty cycle lies in [0, 1], not {duty}")
        edge_s = period_s * duty
        return cls.trace([(0.0, high), (edge_s, high), (edge_s, low), (period_s, low)], repeat=True)

    @classmethod
    def ramp(cls, start: float, end: float, duration_s: float) -> "Profile":
        """Return a line from `start` to `end` watts over `duration_s`, then `end`."""
        _require(duration_s > 0, f"a ramp needs a duration above 0 s, not {duration_s}")
        return cls.trace([(0.0, start), (duration_s, end)])

    @classmethod
    def trace(cls, points: Iterable[Point], *, repeat: bool = False) -> "Profile":
        """Return straight lines between (seconds, watts) points; the first and last values hold outside them.

        Two points at one time make a step: the later holds from then on. With `repeat` the curve starts again at its last
        point's time.
        """
        return cls((_curve(tuple((float(t_s), float(watts)) for t_s, watts in points), repeat=repeat),))

    @classmethod
    def steps(cls, points: Iterable[Point], *, repeat_s: float | None = None) -> "Profile":
        """Return a staircase: each value holds until the next point's time; `repeat_s` is the period, where it repeats."""
        held: list[Point] = []
        for t_s, watts in points:
            if held:
                held.append((t_s, held[-1][1]))
            held.append((t_s, watts))
        if repeat_s is not None and held:
            held.append((repeat_s, held[-1][1]))
        return cls.trace(held, repeat=repeat_s is not None)

    def watts(self, t_s: float) -> float:
        """Return the power at `t_s`."""
        return math.fsum(curve.watts(t_s) for curve in self.curves)

    def joules(self, t_s: float) -> float:
        """Return the energy from 0 to `t_s`."""
        return math.fsum(curve.joules(t_s) for curve in self.curves)

    def __add__(self, other: "Profile") -> "Profile":
        return Profile(self.curves + other.curves)

    def __mul__(self, factor: float) -> "Profile":
        return Profile(tuple(curve.scaled(factor) for curve in self.curves))

    __rmul__ = __mul__


@dataclass(frozen=True, slots=True)
class _Curve:
    """One piecewise-linear curve: `energies[i]` is the integral from 0 to `times[i]`."""

    times: tuple[float, ...]
    values: tuple[float, ...]
    energies: tuple[float, ...]
    repeat: bool

    def watts(self, t_s: float) -> float:
        if t_s < 0:
            return 0.0
        _, phase_s = self._fold(t_s)
        after = bisect_right(self.times, phase_s)
        if after == 0:
            return self.values[0]
        if after == len(self.times):
            return self.values[-1]
        t0, t1 = self.times[after - 1], self.times[after]
        w0, w1 = self.values[after - 1], self.values[after]
        return w0 + (w1 - w0) * (phase_s - t0) / (t1 - t0)

    def joules(self, t_s: float) -> float:
        if t_s <= 0:
            return 0.0
        periods, phase_s = self._fold(t_s)
        return periods * self.energies[-1] + self._within(phase_s)

    def _within(self, phase_s: float) -> float:
        """Return the energy from 0 to `phase_s` of one period."""
        after = bisect_right(self.times, phase_s)
        if after == 0:
            return self.values[0] * phase_s
        begun_s = phase_s - self.times[after - 1]
        mean_watts = self.values[after - 1]
        if after < len(self.times):
            slope = (self.values[after] - self.values[after - 1]) / (self.times[after] - self.times[after - 1])
            mean_watts += slope * begun_s / 2
        return self.energies[after - 1] + mean_watts * begun_s

    def scaled(self, factor: float) -> "_Curve":
        values = tuple(watts * factor for watts in self.values)
        return _Curve(self.times, values, tuple(joules * factor for joules in self.energies), self.repeat)

    def _fold(self, t_s: float) -> tuple[int, float]:
        """Return the whole periods before `t_s`, and what is left of it."""
        if not self.repeat:
            return 0, t_s
        # fmod is exact, so hours of a short period lose no phase to rounding.
        phase_s = math.fmod(t_s, self.times[-1])
        return round((t_s - phase_s) / self.times[-1]), phase_s


def _curve(points: tuple[Point, ...], *, repeat: bool) -> _Curve:
    _require(bool(points), "a profile needs at least one point")
    times, values = zip(*points, strict=True)
    _require(all(map(math.isfinite, times + values)), "a profile's seconds and watts must be finite")
    _require(
        times[0] >= 0 and all(a <= b for a, b in pairwise(times)), "a profile's seconds must start at 0 or later and ascend"
    )
    _require(not repeat or times[-1] > 0, "a profile that repeats needs a length above 0 s")
    energies = [times[0] * values[0]]
    for (t0, w0), (t1, w1) in pairwise(points):
        energies.append(energies[-1] + (t1 - t0) * (w0 + w1) / 2)
    return _Curve(times, values, tuple(energies), repeat)


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - it is the subject
    if not condition:
        raise ValueError(message)
