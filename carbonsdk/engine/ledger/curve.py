"""One device's monotone curve: cumulative joules against the monotonic clock."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from carbonsdk.engine.ledger.accounting import WHOLE, Limits, Stamped, Step, flaw, step
from carbonsdk.engine.ledger.averaging import Averages
from carbonsdk.engine.ledger.chase import Sighting
from carbonsdk.engine.ledger.trace import Trace
from carbonsdk.model import CounterReading, PowerReading


class Curve(Trace):
    """Readings in, marks out. Not thread-safe: the ledger holds the lock."""

    __slots__ = (
        "_averages",
        "_counted",
        "_covered_counted",
        "_lag_at_first",
        "_limits",
        "_stepped_ns",
    )

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._limits = limits
        self._counted = 0.0  # what the readings add up to; a knot may run ahead of it by a little
        self._covered_counted = 0.0
        self._averages: Averages | None = None
        self._lag_at_first: float | None = None  # None until the first power is known
        self._stepped_ns = 0  # when the counter stepped to what it shows, where that was watched

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
        told = self.mark(self._told_ns) if self._told_ns <= self._at[-1] else None
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
