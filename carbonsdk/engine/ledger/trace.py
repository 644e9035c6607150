"""What can be asked of a device's curve: where it stands at an instant, and what it rises by over an interval."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from carbonsdk.engine.ledger.accounting import Limits, Stamped
from carbonsdk.engine.ledger.points import Points
from carbonsdk.engine.ledger.trend import Trend

_NEAR_NS = 10_000_000  # so little beyond a reading, power is taken to go on, and that is that
_SLIGHT = 0.001  # of an interval's energy: what is open at its end and is less than that is left open


Rise = tuple[float, float, float, float]
"""Start joules, joules, covered nanoseconds and noise of one device over one interval."""


class Mark(NamedTuple):
    """The curve at one instant.

    `covered_ns` and `variance` (J²) accumulate along the curve like the joules. `edge_joules` is the half-width of what the
    instant itself leaves open: the counter's step, and the shape of the curve between two readings. `settled` says that
    readings stand on both sides, or that the instant was made a knot. It is not `firm` where the device had fallen silent: what
    is told stands, but once a reading comes the curve is known better.
    """

    joules: float
    covered_ns: float
    variance: float
    edge_joules: float
    settled: bool
    firm: bool = True


class Trace(Points):
    """Points, and the trend that tells how far off a line between or beyond them can be. Not thread-safe."""

    __slots__ = ("_held_ns", "_last", "_told_ns", "_trend")

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._last: Stamped | None = None
        self._trend = Trend(limits)
        self._held_ns: int | None = None  # from here on the curve may still be sharpened
        self._told_ns = 0  # up to here somebody was told, and the curve stays as it is

    @property
    def known_until_ns(self) -> int | None:
        """Return the newest instant at which the curve is final."""
        if self._held_ns is None or not self._at:
            return self.last_ns
        return min(self._held_ns, self._at[-1])

    def most_joules(self, duration_ns: int) -> float:
        """Return what the device can have used in some time, by the most that it drew lately."""
        return self._trend.most_joules(duration_ns)

    def mark(self, at_ns: int, *, silent: bool = False, reach_ns: int = 0, since: Mark | None = None) -> Mark | None:
        """Return the curve at an instant, or None before the first reading.

        Beyond the newest reading it goes on with its latest slope for `reach_ns`, and is flat and not covered after that, or if
        the device is `silent`. A mark that readings to come can change is not settled, unless that could not be seen in the
        energy since the mark `since`: then it becomes a knot.
        """
        at = self._at
        if not at or at_ns < at[0]:
            return None
        if at_ns > at[-1]:
            return self._beyond(at_ns, silent=silent, reach_ns=reach_ns, since=since)
        mark = self._within(at_ns)
        if not mark.settled and (silent or _is_slight(mark, since)):
            mark = mark._replace(settled=True)
        if mark.settled and at_ns > self._told_ns:
            self._told_ns = at_ns
        return mark

    def _within(self, at_ns: int) -> Mark:
        at = self._at
        i = bisect_right(at, at_ns) - 1
        settled = self._held_ns is None or at_ns <= self._held_ns or at_ns <= self._told_ns
        if at[i] == at_ns:
            return Mark(self._joules[i], self._covered[i], self._variance[i], self._doubt[i], settled)
        width_ns = at[i + 1] - at[i]
        share = (at_ns - at[i]) / width_ns
        rise = self._joules[i + 1] - self._joules[i]
        doubt = self._doubt[i] + share * (self._doubt[i + 1] - self._doubt[i])
        return Mark(
            self._joules[i] + share * rise,
            self._covered[i] + share * (self._covered[i + 1] - self._covered[i]),
            self._variance[i] + share * (self._variance[i + 1] - self._variance[i]),
            math.hypot(doubt, self._trend.shape_joules(width_ns, share, rise)),
            settled,
        )

    def _beyond(self, at_ns: int, *, silent: bool, reach_ns: int, since: Mark | None) -> Mark:
        ahead_ns = at_ns - self._at[-1]
        unread_ns = ahead_ns if self._last is None else at_ns - self._last.at_ns
        if silent:
            return Mark(self._joules[-1], self._covered[-1], self._variance[-1], self._doubt[-1], True, firm=False)
        known = unread_ns <= reach_ns
        joules, covered_ns, variance = self._joules[-1], self._covered[-1], self._variance[-1]
        doubt = math.hypot(self._doubt[-1], self._trend.beyond_joules(ahead_ns))
        if known:
            joules += self._trend.slope * ahead_ns
            covered_ns += ahead_ns
        settled = known and unread_ns <= _NEAR_NS and self._held_ns is None
        mark = Mark(joules, covered_ns, variance, doubt, settled)
        if known and not settled and _is_slight(mark, since):
            mark, settled = mark._replace(settled=True), True
        if settled:
            self._put(at_ns, joules, covered_ns, variance, doubt)
            self._told_ns = at_ns
        return mark

    def rises(self, intervals: Sequence[tuple[int, int]]) -> list[Rise]:
        """Return what the curve rises by over each interval; cheaper than two marks each.

        Within one stretch between two readings the rise may have come at any time: a short interval's noise says so.
        """
        at, energy, covered = self._at, self._joules, self._covered
        found: list[Rise] = []
        begun_ns, ended_ns = 0, -1  # the stretch that the interval before lay in: there can be millions in few of them
        width_ns, base, climb, climb_ns, most, root = 1, 0.0, 0.0, 0.0, 0.0, 0.0
        for start_ns, end_ns in intervals:
            if start_ns < begun_ns or end_ns > ended_ns:
                i = bisect_right(at, start_ns) - 1
                if not 0 <= i < len(at) - 1 or end_ns > at[i + 1]:
                    found.append(self._rise(start_ns, end_ns))
                    continue
                begun_ns, ended_ns = at[i], at[i + 1]
                width_ns, base, climb = ended_ns - begun_ns, energy[i], energy[i + 1] - energy[i]
                climb_ns = covered[i + 1] - covered[i]
                most, root = self._trend.shape(width_ns, climb)
            share = (end_ns - start_ns) / width_ns
            spread = share * (1.0 - share)
            first = base + (start_ns - begun_ns) / width_ns * climb
            found.append((first, share * climb, share * climb_ns, min(most * spread, root * math.sqrt(spread))))
        return found

    def _rise(self, start_ns: int, end_ns: int) -> Rise:
        """Return what the curve rises by over one interval, wherever it lies."""
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
            return (first, part * climb, part * (covered[i + 1] - covered[i]), self._trend.shape_joules(width, part, climb))
        shape_joules = self._trend.shape_joules
        early = shape_joules(width, share, climb) + self._doubt[i]
        j = min(bisect_right(at, end_ns) - 1, top - 1)
        width, climb = at[j + 1] - at[j], energy[j + 1] - energy[j]
        share = min(1.0, (end_ns - at[j]) / width)
        late = shape_joules(width, share, climb) + self._doubt[j]
        last, last_covered = energy[j] + share * climb, covered[j] + share * (covered[j + 1] - covered[j])
        variance = max(0.0, self._variance[j] - self._variance[i])
        return (first, last - first, last_covered - first_covered, math.sqrt(early * early + late * late + variance))


def _is_slight(mark: Mark, since: Mark | None) -> bool:
    return since is not None and mark.edge_joules <= _SLIGHT * (mark.joules - since.joules)
