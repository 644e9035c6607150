"""The backends of a run: opened side by side, read at edges and ticks, and closed."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.channel import EDGE_WAIT_S, Channel
from carbonsdk.engine.devices.choosing import Choosing, OnChosen
from carbonsdk.engine.devices.span_pace import Cost, SpanPace
from carbonsdk.engine.guard import is_showable
from carbonsdk.engine.plan import Plan
from carbonsdk.errors import BackendUnavailable
from carbonsdk.units import NS_PER_S, nanoseconds

if TYPE_CHECKING:
    from carbonsdk.engine.processes import Family

FIRST_WAIT_S = 0.25  # how long the first epoch waits, once, for backends whose reads are short file reads
NAMED_WAIT_S = 5.0
_HUNG_S = 10.0
_OUT_OF_STEP = 0.99029  # loads that pulse do so in round periods: samples of power in step with them see the same each time


def _family_of_this_process() -> "Family":
    from carbonsdk.engine.processes import family_of_this_process

    return family_of_this_process()


class Hardware:
    """All channels of a run, as its plan wants them.

    `on_chosen` hears of each round of newly adopted devices, in a channel's thread. `family` tells which processes are the
    run's, where the plan counts these alone.
    """

    def __init__(
        self, plan: Plan, books: Books, *, on_chosen: OnChosen, family: "Callable[[], Family]" = _family_of_this_process
    ) -> None:
        self._plan, self._clock, self._notices = plan, books.clock, books.notices
        self._interval_ns = nanoseconds(plan.interval_s)
        reach_ns = 2 * self._interval_ns if plan.edge_reads == "never" else None
        self.channels = [Channel(each, books, reach_ns=reach_ns) for each in plan.backends]
        self.choosing = Choosing(plan, self.channels, books, family=family, on_chosen=on_chosen)
        self.waited = False  # whether the first epoch has waited for backends
        self.span_pace = SpanPace()

    def start(self) -> None:
        """Open every backend in a thread of its own."""
        self.choosing.start()

    def await_first(self) -> None:
        """Give backends whose reading is quick a moment to answer before the first epoch; once."""
        if self.waited:
            return
        self.waited = True
        with self.choosing.settled:
            self.choosing.settled.wait_for(self._quick_ones_answered, FIRST_WAIT_S)

    def _quick_ones_answered(self) -> bool:
        return not any(channel.plan.inline and channel.state == "opening" for channel in self.channels)

    def await_all(self, timeout_s: float) -> bool:
        """Wait until every backend has answered or failed; return whether they have."""
        with self.choosing.settled:
            return self.choosing.settled.wait_for(
                lambda: all(channel.state != "opening" for channel in self.channels), timeout_s
            )

    def await_named(self) -> None:
        """Wait for backends named by the user; raise BackendUnavailable for one that does not answer."""
        named = [channel for channel in self.channels if channel.plan.named]
        with self.choosing.settled:
            self.choosing.settled.wait_for(lambda: all(channel.state != "opening" for channel in named), NAMED_WAIT_S)
        for channel in named:
            if channel.state == "opening":
                raise BackendUnavailable(f"backend {channel.plan.name!r} has not answered in {NAMED_WAIT_S:.0f} s")
            if channel.state == "failed":
                if channel.error is not None and is_showable(channel.error):
                    raise channel.error
                raise BackendUnavailable(f"backend {channel.plan.name!r}: {channel.reason}")

    def read_edge(self, at_ns: int, *, last: bool = False) -> None:
        """Have the devices read at an edge, waiting `EDGE_WAIT_S` at most for those that can hang; at the `last` one all."""
        if self._plan.edge_reads == "never" and not last:
            return
        sparing = self._plan.edge_reads == "auto" and not last
        awaited = []
        for channel in self.choosing.live:
            source = channel.source
            if source is None or (sparing and at_ns < source.spare_until_ns):
                continue
            channel.ask(at_ns, edge=True)
            # One that has kept us waiting once is not waited for again before it has answered.
            if not channel.plan.inline and channel.busy_s < EDGE_WAIT_S:
                awaited.append(channel)
        if awaited:
            deadline_s = time.monotonic() + EDGE_WAIT_S
            for channel in awaited:
                channel.wait(at_ns, max(0.0, deadline_s - time.monotonic()))

    def await_steps(self, timeout_s: float) -> None:
        """Wait until slow counters have stepped after the latest edges, so that those are known as well as can be."""
        deadline_s = time.monotonic() + timeout_s
        for channel in self.choosing.live:
            channel.await_steps(max(0.0, deadline_s - time.monotonic()))

    def read_span_edge(self, at_ns: int) -> None:
        """Have the devices read at a span's edge, where that is cheap; waits for nobody, other threads included."""
        if self._plan.edge_reads == "never":
            self.span_pace.due_ns = sys.maxsize
            return
        pace, costs = self.span_pace, []
        pace.begin(at_ns)
        for channel in self.choosing.live:
            if channel.source is None:
                continue
            cost = Cost(channel.source.last_read_ns, channel.source.cost_ns)
            if pace.is_due(at_ns, cost):
                channel.ask(at_ns, patience_s=0.0)
                cost = cost._replace(last_ns=at_ns)  # also where another thread is at it, and waits for its turn to run
            costs.append(cost)
        pace.plan(self._clock.monotonic_ns(), costs)

    def tick(self, now_ns: int) -> None:
        """Have every device read, waiting for none; notice those that hang."""
        self.choosing.tick()
        for channel in self.choosing.live:
            channel.ask(now_ns)
            if channel.busy_s > _HUNG_S and channel.source is not None:
                channel.source.silence("its driver does not answer")
                self._notices.warn(f"backend {channel.plan.name} has not answered for {_HUNG_S:.0f} s; its devices are missing")

    def tick_ns(self) -> int:
        """Return how often to read: as asked, but four times in the time that a counter takes to wrap."""
        every_ns = interval_ns(self._interval_ns / NS_PER_S, self.shortest_wrap_s)
        return round(_OUT_OF_STEP * every_ns) if self.choosing.sampled else every_ns

    @property
    def shortest_wrap_s(self) -> float | None:
        """Return the least time in which a counter can wrap, or None where none does."""
        times = [
            channel.source.wrap_s
            for channel in self.choosing.live
            if channel.source is not None and channel.source.wrap_s is not None
        ]
        return min(times, default=None)

    def end(self) -> None:
        """Ask all channels to end; `stop` waits for them."""
        self.choosing.end()
        for channel in self.channels:
            channel.stop()

    def stop(self, deadline_s: float) -> list[str]:
        """End all channels until `time.monotonic()` reaches the deadline; return the names of threads that are stuck."""
        self.end()
        stuck = [self.choosing.stop(min(0.5, max(0.0, deadline_s - time.monotonic())))]
        stuck.extend(channel.join(max(0.0, deadline_s - time.monotonic())) for channel in self.channels)
        return [name for name in stuck if name is not None]


def interval_ns(update_interval_s: float, shortest_wrap_s: float | None) -> int:
    """Return how often to read: as asked, but at least four times in the time that a counter takes to wrap."""
    seconds = update_interval_s if shortest_wrap_s is None else min(update_interval_s, shortest_wrap_s / 4)
    return max(round(seconds * NS_PER_S), 1_000_000)
