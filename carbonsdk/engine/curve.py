"""One device's monotone curve: cumulative joules against the monotonic clock."""

from bisect import bisect_right
from typing import NamedTuple

from carbonsdk.engine.accounting import Limits, Stamped, flaw, step
from carbonsdk.model import CounterReading, PowerReading
from carbonsdk.units import NS_PER_S


class Mark(NamedTuple):
    """The curve at one instant.

    `covered_ns` and `variance` (J²) accumulate along the curve like the joules. `edge_joules` is the half-width of what the
    instant itself leaves open: the counter's step, and the shape of the curve between two readings. `settled` says that
    readings stand on both sides, or that the instant was made a knot.
    """

    joules: float
    covered_ns: float
    variance: float
    edge_joules: float
    settled: bool


class Curve:
    """Readings in, marks out. Not thread-safe: the ledger holds the lock."""

    __slots__ = (
        "_at",
        "_counted",
        "_covered",
        "_covered_counted",
        "_joules",
        "_last",
        "_limits",
        "_peak",
        "_slope",
        "_variance",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._at: list[int] = []
        self._joules: list[float] = []
        self._covered: list[float] = []
        self._variance: list[float] = []
        self._last: Stamped | None = None
        self._counted = 0.0  # what the readings add up to; a knot may run ahead of it by a little
        self._covered_counted = 0.0
        self._slope = 0.0  # joules per ns, lately
        self._peak = 0.0  # the steepest that it was lately

    def __len__(self) -> int:
        return len(self._at)

    @property
    def last_ns(self) -> int | None:
        """Return the newest instant that the curve knows of."""
        return self._at[-1] if self._at else None

    @property
    def wrap_s(self) -> float | None:
        """Return the least time in which the counter can wrap, or None where it does not."""
        reading = None if self._last is None else self._last.reading
        if not isinstance(reading, CounterReading) or reading.wraps_at_joules is None:
            return None
        return reading.wraps_at_joules / self._limits.max_watts

    def record(self, current: Stamped) -> str | None:
        """Add a reading; return what is wrong with it, or None."""
        fault = flaw(current.reading, self._limits)
        if fault is not None:
            return fault
        at_ns = current.at_ns
        if self._last is None:
            self._append(at_ns, self._variance[-1] if self._variance else 0.0)
        else:
            taken = step(self._last, current, self._limits)
            fault = taken.fault
            self._counted += taken.joules
            self._covered_counted += taken.covered_ns
            self._lean(taken.joules, taken.covered_ns, current)
            self._append(at_ns, self._variance[-1] + taken.variance)
        self._last = current
        return fault

    def _append(self, at_ns: int, variance: float) -> None:
        joules, covered = self._counted, self._covered_counted
        if self._at:
            at_ns = max(at_ns, self._at[-1] + 1)
            joules = max(joules, self._joules[-1])
            covered = max(covered, self._covered[-1])
        self._at.append(at_ns)
        self._joules.append(joules)
        self._covered.append(covered)
        self._variance.append(variance)

    def _lean(self, joules: float, covered_ns: int, current: Stamped) -> None:
        if isinstance(current.reading, PowerReading):
            self._slope = current.part.of(current.reading.watts, NS_PER_S) / 1e9
        elif covered_ns > 4 * self._limits.refresh_ns:
            # Over fewer steps of the counter than that, the slope is the step's and not the power's.
            self._slope = joules / covered_ns
        self._peak = max(self._slope, 0.98 * self._peak)

    def mark(self, at_ns: int, *, freeze: bool = False, silent: bool = False) -> Mark | None:
        """Return the curve at an instant, or None before the first reading.

        Beyond the newest reading this instant becomes a knot if `freeze`: the curve goes on with its latest slope, or, if the
        device is `silent`, stays flat and uncovered. Without `freeze` the mark is flat, and not settled.
        """
        at = self._at
        if not at or at_ns < at[0]:
            return None
        if at_ns > at[-1]:
            return self._beyond(at_ns, freeze=freeze, silent=silent)
        i = bisect_right(at, at_ns) - 1
        if at[i] == at_ns:
            return Mark(self._joules[i], self._covered[i], self._variance[i], self._step_joules(), True)
        share = (at_ns - at[i]) / (at[i + 1] - at[i])
        rise = self._joules[i + 1] - self._joules[i]
        # The rise may have come early or late: at most what lies to either side, nothing right at a reading.
        shape = 2.0 * share * (1.0 - share) * rise
        return Mark(
            self._joules[i] + share * rise,
            self._covered[i] + share * (self._covered[i + 1] - self._covered[i]),
            self._variance[i] + share * (self._variance[i + 1] - self._variance[i]),
            shape + self._step_joules(),
            True,
        )

    def _beyond(self, at_ns: int, *, freeze: bool, silent: bool) -> Mark:
        ahead_ns = at_ns - self._at[-1]
        joules, covered, variance = self._joules[-1], self._covered[-1], self._variance[-1]
        open_joules = self._peak * ahead_ns + self._step_joules()
        if not freeze:
            return Mark(joules, covered, variance, open_joules, False)
        if not silent:
            joules += self._slope * ahead_ns
            covered += ahead_ns
        self._at.append(at_ns)
        self._joules.append(joules)
        self._covered.append(covered)
        self._variance.append(variance)
        return Mark(joules, covered, variance, open_joules, True)

    def _step_joules(self) -> float:
        # A counter read at a random point of its refresh interval lags by 0…refresh: 95 % lie within ±0.475 of that.
        return 0.475 * self._peak * self._limits.refresh_ns

    def rise(self, start_ns: int, end_ns: int) -> tuple[float, float, float, float]:
        """Return start joules, joules, covered nanoseconds and noise of an interval; cheaper than two marks.

        Within one stretch between two readings the rise may have come at any time: a short interval's noise says so.
        """
        at, energy, covered = self._at, self._joules, self._covered
        top = len(at) - 1
        if top < 1 or end_ns <= at[0]:
            return (0.0, 0.0, 0.0, 0.0)
        i = min(max(bisect_right(at, start_ns) - 1, 0), top - 1)
        width, climb = at[i + 1] - at[i], energy[i + 1] - energy[i]
        share = max(0.0, (start_ns - at[i]) / width) if start_ns < at[i + 1] else 1.0
        first, first_covered = energy[i] + share * climb, covered[i] + share * (covered[i + 1] - covered[i])
        if end_ns <= at[i + 1]:
            part = max(0.0, (end_ns - max(start_ns, at[0])) / width)
            return (first, part * climb, part * (covered[i + 1] - covered[i]), 2.0 * part * (1.0 - part) * climb)
        noise = 2.0 * share * (1.0 - share) * climb
        j = min(bisect_right(at, end_ns) - 1, top - 1)
        climb = energy[j + 1] - energy[j]
        share = min(1.0, (end_ns - at[j]) / (at[j + 1] - at[j]))
        noise += 2.0 * share * (1.0 - share) * climb + self._step_joules()
        last, last_covered = energy[j] + share * climb, covered[j] + share * (covered[j + 1] - covered[j])
        return (first, last - first, last_covered - first_covered, noise)

    def forget_before(self, at_ns: int) -> None:
        """Let go of what lies before an instant, but for the last point before it."""
        keep = bisect_right(self._at, at_ns) - 1
        if keep > 64:  # a slice costs its length: do it seldom
            for column in (self._at, self._joules, self._covered, self._variance):
                del column[:keep]
