"""What a sensor tells that shows the mean power of the last so many seconds: more than the mean, if one remembers."""

from bisect import bisect_right
from typing import NamedTuple

from carbonsdk.engine.ledger.accounting import Limits, Stamped, Step
from carbonsdk.model import PowerReading
from carbonsdk.units import NS_PER_S


class Averaged(NamedTuple):
    """A step, and where on the curve it leans: the stretch that the window's beginning lies in."""

    step: Step
    width_ns: int = 1
    share: float = 0.0
    rise: float = 0.0


class Averages:
    """The energy behind a row of means: E(t) = E(t - window) + window × mean(t), with E between readings on straight lines.

    That is exact where a reading stands at the window's beginning, and sees a change of power at an edge at once, which the
    mean itself shows only when the whole window has passed. Steps may be negative: what came before was then put too high.
    """

    __slots__ = ("_at", "_joules", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._at: list[int] = []
        self._joules: list[float] = []

    def take(self, previous: Stamped, current: Stamped) -> Averaged:
        """Return what happened since the reading before."""
        old, new = previous.reading, current.reading
        elapsed_ns = current.at_ns - previous.at_ns
        if elapsed_ns > self._limits.longest_gap_ns or not isinstance(old, PowerReading) or not isinstance(new, PowerReading):
            self._at, self._joules = [], []
            return Averaged(Step(0.0, 0))
        begin_ns = current.at_ns - round(new.window_s * NS_PER_S)
        averaged_joules = new.watts * new.window_s
        if not self._at or self._at[-1] != previous.at_ns:  # also where a reading was broken off: see `Points`
            # Within the first window, power is taken to have been even.
            first_ns = previous.at_ns - max(1, round(new.window_s * NS_PER_S))
            self._at, self._joules = [first_ns, previous.at_ns], [-old.watts * new.window_s, 0.0]
        at, joules = self._at, self._joules
        width_ns, share, rise = 1, 0.0, 0.0
        if begin_ns >= at[-1]:
            # What lies between the last reading and the window is inferred from both.
            width_ns = begin_ns - at[-1] + 1
            share, rise = 0.5, 0.5 * (old.watts + new.watts) * (begin_ns - at[-1]) / NS_PER_S
            before_joules = joules[-1] + rise
        else:
            i = max(bisect_right(at, begin_ns) - 1, 0)
            width_ns = at[i + 1] - at[i]
            rise, share = joules[i + 1] - joules[i], (begin_ns - at[i]) / width_ns
            before_joules = joules[i] + share * rise
            if i > 16:  # a slice costs its length: do it seldom
                del at[:i], joules[:i]
        taken = before_joules + averaged_joules - joules[-1]
        if elapsed_ns > 0:
            at += (current.at_ns,)
            joules += (joules[-1] + taken,)
        return Averaged(Step(taken, elapsed_ns), width_ns, max(0.0, share), rise)
