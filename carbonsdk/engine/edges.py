"""The edges of epochs and spans: an instant, and readings taken at it."""

from collections.abc import Callable

from carbonsdk.clock import Clock
from carbonsdk.engine.devices.hardware import Hardware
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.phase import Phase


class Edges:
    """Stamps edges. `sync` has work that was handed to a device end before an epoch's edge."""

    def __init__(
        self, clock: Clock, *, hardware: Hardware, notices: Notices, phase: Phase, sync: Callable[[], object] | None
    ) -> None:
        self._clock, self._hardware, self._phase, self._sync = clock, hardware, phase, sync
        self._span_pace = hardware.span_pace
        self.notices = notices

    def stamp(self, *, last: bool = False) -> int:
        """Stamp an epoch's edge, and have the devices read; without fail at the end of the run, which no reading follows."""
        if self._sync is not None:
            with Guard("sync", self.notices.fault):
                self._sync()
        now_ns = self._clock.monotonic_ns()
        with Guard("reading at an edge", self.notices.fault):
            self._hardware.read_edge(now_ns, last=last)
        return now_ns

    def await_first(self) -> None:
        """Give the sensors a moment to answer, before the first epoch."""
        if not self._hardware.waited:
            with Guard("waiting for the sensors", self.notices.fault):
                self._hardware.await_first()

    def read(self, at_ns: int) -> None:
        """Have the devices read. Raises what goes wrong with that."""
        self._hardware.read_edge(at_ns)

    def now(self) -> int:
        """Return the instant, without a reading."""
        return self._clock.monotonic_ns()

    def stamp_span(self) -> int:
        """Stamp a span's edge; the devices are read where that is cheap and of use, and nobody is waited for."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._span_pace.due_ns and self._phase.running:
            with Guard("reading at an edge", self.notices.fault):
                self._hardware.read_span_edge(now_ns)
        return now_ns

    def unix_ns(self, at_ns: int) -> int:
        """Return the Unix time of an edge."""
        return self._clock.wall_ns(at_ns)
