"""Mean power of each device between two samples, for those who listen."""

from collections.abc import Callable

from carbonsdk.clock import Clock, utc
from carbonsdk.engine.ledger import Ledger, Marks
from carbonsdk.engine.scribe import Scribe
from carbonsdk.events import PowerSampled, RunInfo
from carbonsdk.units import NS_PER_S


class PowerMeter:
    """Turns the ledger's newest stretch into watts: energy divided by time, never a sensor's own figure."""

    def __init__(self, info: Callable[[], RunInfo], ledger: Ledger, scribe: Scribe, clock: Clock) -> None:
        self._info, self._ledger, self._scribe, self._clock = info, ledger, scribe, clock
        self._before: Marks | None = None

    def sample(self) -> None:
        """Tell the sinks of the power since the sample before."""
        until_ns = self._ledger.known_until()
        if not self._scribe.has_listeners or until_ns is None:
            return
        before, now = self._before and self._ledger.renewed(self._before), self._ledger.marks(until_ns)
        if before is not None and before.at_ns >= until_ns:
            return
        self._before = now
        if before is None:
            return
        seconds = (now.at_ns - before.at_ns) / NS_PER_S
        uses = self._ledger.uses(before, now)
        watts = tuple(
            (self._ledger.accounts[use.device].device, None if use.joules is None else use.joules / seconds) for use in uses
        )
        moment = utc(self._clock.wall_ns(until_ns))
        self._scribe.tell(lambda: PowerSampled(self._info(), moment, watts))
