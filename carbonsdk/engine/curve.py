"""One device's monotone curve: cumulative joules against the monotonic clock."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from carbonsdk.engine.accounting import WHOLE, Limits, Stamped, Step, flaw, step
from carbonsdk.engine.averaging import Averages
from carbonsdk.engine.chase import Sighting
from carbonsdk.engine.points import Points
from carbonsdk.engine.trend import Trend
from carbonsdk.model import CounterReading, PowerReading

_SHORT = 0.02  # of the distance of two readings
_NEAR_NS = 10_000_000  # so little beyond a reading, power is taken to go on, and that is that
_SLIGHT = 0.001  # of an interval's energy: what is open at its end and is less than that is left open


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


class Curve(Points):
    """Readings in, marks out. Not thread-safe: the ledger holds the lock."""

    __slots__ = (
        "_averages",
        "_counted",
        "_covered_counted",
        "_held_ns",
        "_lag_at_first",
        "_last",
        "_limits",
        "_stepped_ns",
        "_told_ns",
        "_trend",
    )

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._last: Stamped | None = None
        self._counted = 0.0  # what the readings add up to; a knot may run ahead of it by a little
        self._covered_counted = 0.0
        self._trend = Trend(limits)
        self._averages: Averages | None = None
        self._lag_at_first: float | None = None  # None until the first power is known
        self._stepped_ns = 0  # when the counter stepped to what it shows, where that was watched
        self._held_ns: int | None = None  # from here on the curve may still be sharpened
        self._told_ns = 0  # up to here somebody was told, and the curve stays as it is

    @property
    def known_until_ns(self) -> int | None:
        """Return the newest instant at which the curve is final."""
        if self._held_ns is None or not self._at:
            return self.last_ns
        return min(self._held_ns, self._at[-1])

    @property
    def wrap_s(self) -> float | None:
        """Return the least time in which the counter can wrap, or None where it does not."""
        reading = None if self._last is None else self._last.reading
        if not isinstance(reading, CounterReading) or reading.wraps_at_joules is None:
            return None
        return reading.wraps_at_joules / self._limits.max_watts

    @property
    def leans(self) -> bool:
        """Return whether the curve can be drawn on beyond its newest reading: not before its power is known."""
        return self._trend.leans

    def most_joules(self, duration_ns: int) -> float:
        """Return what the device can have used in some time, by the most that it drew lately."""
        return self._trend.most_joules(duration_ns)

    def record(self, current: Stamped) -> str | None:
        """Add a reading; return what is wrong with it, or None.

        It is there as a whole or not at all, and then the next one tells what it would have told; see `Points`.
        """
        fault = flaw(current.reading, self._limits)
        if fault is not None:
            return fault
        taken, slack_joules = (Step(0.0, 0), 0.0) if self._last is None else self._step(self._last, current)
        counted, trend = self._counted + taken.joules, self._trend
        if taken.covered_ns > 0:
            trend.learn(current, counted, joules=taken.joules, elapsed_ns=taken.covered_ns)
        else:
            trend.begin(current, counted)
        variance = 0.0
        if self._last is not None:
            # A driver may have taken the value at any time of a call that hung.
            slack_joules += 0.5 * trend.slope * current.took_ns
            variance = self._variance[-1] + taken.variance
        covered_ns = self._covered_counted + taken.covered_ns
        stepped_ns = 0 if taken.joules else self._stepped_ns
        joules = counted + self._unseen_joules(current.at_ns, stepped_ns)
        self._put(current.at_ns, joules, covered_ns, variance, math.hypot(trend.doubt_joules, slack_joules))
        self._last, self._counted, self._covered_counted, self._stepped_ns = current, counted, covered_ns, stepped_ns
        return taken.fault

    def _step(self, previous: Stamped, current: Stamped) -> tuple[Step, float]:
        """Return what happened since the reading before, and how far off the newest point alone can be."""
        reading = current.reading
        if not isinstance(reading, PowerReading):
            return step(previous, current, self._limits), 0.0
        if reading.window_s > 0 and current.part is WHOLE:
            if self._averages is None:
                self._averages = Averages(self._limits)
            averaged = self._averages.take(previous, current)
            return averaged.step, self._trend.shape_joules(averaged.width_ns, averaged.share, averaged.rise)
        taken = step(previous, current, self._limits)
        return taken._replace(variance=taken.variance + self._trend.missed(taken.covered_ns)), 0.0

    def _unseen_joules(self, at_ns: int, stepped_ns: int) -> float:
        """Return what was used since the first reading but does not show yet; `stepped_ns` is when the counter stepped."""
        trend = self._trend
        lag_joules = trend.lag_joules
        if self._lag_at_first is None and trend.slope > 0:
            # Before its first reading the device is taken to have drawn what it drew after it.
            doubts = [trend.doubt_joules] * len(self._at)
            self._lag_at_first, self._doubt = lag_joules, doubts
        if stepped_ns:
            lag_joules = min(2.0 * lag_joules, trend.slope * (at_ns - stepped_ns))
        return lag_joules - (self._lag_at_first or 0.0)

    def hold(self, since_ns: int) -> None:
        """Leave the curve open from an instant on: its shape there is being found out."""
        if self._held_ns is None:
            self._held_ns = since_ns

    def release(self) -> None:
        """Let the curve be final as it stands."""
        self._held_ns = None

    def sharpen(self, sightings: Sequence[Sighting], period_ns: int) -> None:
        """Redraw the latest stretch through instants at which the counter was seen to step, the newest of them last.

        What was told stays as it is, and the curve goes on from there.
        """
        last = self._last
        if last is None or not isinstance(last.reading, CounterReading) or last.part is not WHOLE:
            return
        self._trend.tune(period_ns)
        begun_ns, offset = sightings[0].at_ns, self._counted - last.reading.joules
        if self._lag_at_first is None or begun_ns <= self._at[0] >= self._told_ns:
            self._lag_at_first = self._lag_of_first(sightings, offset)
        offset -= self._lag_at_first
        told = self.mark(self._told_ns) if begun_ns < self._told_ns <= self._at[-1] else None
        self._cut(begun_ns, sightings[0].joules + offset)
        if told is not None and self._at[-1] < self._told_ns:
            self._put(self._told_ns, *told[:4])
        for sighting in sightings:
            if sighting.at_ns > self._at[-1]:
                covered_ns = self._covered_counted - (last.at_ns - sighting.at_ns)
                doubt = self._trend.peak * sighting.slack_ns
                self._put(sighting.at_ns, sighting.joules + offset, covered_ns, self._variance[-1], doubt)
        if sightings[-1].joules == last.reading.joules:
            self._stepped_ns = sightings[-1].at_ns

    def _cut(self, at_ns: int, joules: float) -> None:
        """Drop the points from an instant on, and those before it that were put too high; but none that was told."""
        least = max(1, bisect_right(self._at, self._told_ns))
        keep = max(least, bisect_left(self._at, at_ns))
        while keep > least and self._joules[keep - 1] > joules:
            keep -= 1
        self._drop(slice(keep, None))

    def _lag_of_first(self, sightings: Sequence[Sighting], offset: float) -> float:
        """Return what had been used at the first reading but did not show, as far as that is known."""
        first_ns = self._at[0]
        for early, late in pairwise(sightings):
            if early.at_ns <= first_ns < late.at_ns:
                share = (first_ns - early.at_ns) / (late.at_ns - early.at_ns)
                return max(0.0, early.joules + offset + share * (late.joules - early.joules))
        return self._trend.lag_joules

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
            # A short one may have drawn anything, which spares the cost of working it out: there can be millions.
            noise = 2.0 * part * climb if part < _SHORT else self._trend.shape_joules(width, part, climb)
            return (first, part * climb, part * (covered[i + 1] - covered[i]), noise)
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
