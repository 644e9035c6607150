"""One backend under way: its devices are read together, one after the other, as often as is worth the cost."""

import threading
from collections import deque
from collections.abc import Sequence

from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.allowance import Allowance
from carbonsdk.engine.devices.probe import Probe
from carbonsdk.engine.guard import message_of
from carbonsdk.errors import GiveUp
from carbonsdk.interfaces import Backend
from carbonsdk.interruption import let_through
from carbonsdk.model import Device
from carbonsdk.units import NS_PER_S

SPARING = 50  # reading at edges takes one part in so many of the time, on the average
_BURST_NS = NS_PER_S // 100
_AT_ONCE_NS = NS_PER_S // 1_000  # an edge so soon after a reading needs none of its own: RAPL's counters move as often
_CHASE_SPARING, _CHASE_BURST_NS = 100, NS_PER_S // 50  # the same for readings that wait for a slow counter's step
_TOGETHER_NS = 300_000  # of two that are due so close to each other the later is read with the earlier
_LEARNING = 4  # rounds before a median says what a round costs


class Source:
    """A backend, its open devices, and what reading them costs.

    `read_all` is called by whichever thread reads (the caller of an edge, the sampler, or the backend's own thread); a lock
    serialises the calls, so that a backend never sees two at once. `chases` says that somebody calls `poll` when it is due.
    `reach_ns` is how far beyond its newest reading a curve may be drawn on; None has it follow from what reading costs.
    """

    def __init__(self, name: str, backend: Backend, books: Books, *, reach_ns: int | None = None) -> None:
        self.name = name
        self.backend = backend
        self.lock = threading.RLock()
        self.busy = False  # with a reading, which a signal's handler may have interrupted
        self.last_read_ns = 0
        self.given_up = False
        self.reads = 0  # rounds of reading so far
        self.chases = False
        self.due_ns = 0  # when `poll` is due; 0 while no counter's step is waited for
        self.spare_until_ns = 0  # an edge before this is not worth a reading of its own
        self.cost_ns = 0  # median of the last rounds; 0 while that says nothing yet
        self._books = books
        self._reach_ns = reach_ns
        self._at_edges = Allowance(sparing=SPARING, burst_ns=_BURST_NS)
        self._at_steps = Allowance(sparing=_CHASE_SPARING, burst_ns=_CHASE_BURST_NS)
        self._probes: list[Probe] = []
        self._costs: deque[int] = deque(maxlen=15)
        self._cost_known = False

    def adopt(self, devices: Sequence[tuple[int, Device]]) -> None:
        """Read these devices, named by their ledger index, from now on."""
        with self.lock:
            self._probes.extend(
                Probe(index, device, source=self.name, backend=self.backend, books=self._books) for index, device in devices
            )
            self._cost_known = False

    def abandon(self, device_id: str, reason: str) -> None:
        """Read a device no more."""
        for probe in self._probes:
            if probe.device.id == device_id:
                probe.silence(reason)
        self._probes = [probe for probe in self._probes if probe.device.id != device_id]

    def silence(self, reason: str) -> None:
        """Note that no device of the backend answers for now."""
        for probe in self._probes:
            probe.silence(reason)

    @property
    def wrap_s(self) -> float | None:
        """Return the least time in which a counter of these can wrap at full power, or None."""
        times = [seconds for probe in self._probes if (seconds := probe.account.curve.wrap_s) is not None]
        return min(times, default=None)

    def read_all(self, *, edge: bool = False) -> None:
        """Read every device that is not resting; after an edge, begin to wait for slow counters. The caller holds `lock`."""
        if self.given_up:
            return
        self.reads += 1
        clock = self._books.clock
        begun_ns = clock.monotonic_ns()
        try:
            for probe in self._probes:
                if not probe.is_resting and not probe.read():
                    self._cost_known = False
        except GiveUp as error:
            self.given_up = True
            self.silence(message_of(error))
        self.last_read_ns = clock.monotonic_ns()
        self._costs.append(self.last_read_ns - begun_ns)
        if not self._cost_known or self.reads % _LEARNING == 0:
            self._spare()
        self._at_edges.spend(self.last_read_ns, self.cost_ns)
        self.spare_until_ns = max(self._at_edges.free_ns, self.last_read_ns + min(SPARING * self.cost_ns, _AT_ONCE_NS))
        if self.due_ns or (edge and self.chases and self.last_read_ns >= self._at_steps.free_ns):
            self._await_steps(edge=edge)

    def _spare(self) -> None:
        """Work out what a round costs, and how far the curves may be drawn on instead of paying it again."""
        accounts = [probe.account for probe in self._probes]
        # The first rounds are dearer than the rest, and say nothing yet of the power that would have to be drawn on.
        self._cost_known = known = len(self._costs) >= _LEARNING and all(each.curve.leans or each.silent for each in accounts)
        self.cost_ns = sorted(self._costs)[len(self._costs) // 2] if known else 0
        reach_ns = self._reach_ns if self._reach_ns is not None else 2 * SPARING * self.cost_ns
        for account in accounts:
            account.reach_ns = reach_ns

    def _await_steps(self, *, edge: bool) -> None:
        now_ns = self._books.clock.monotonic_ns()
        for probe in self._probes if edge else ():
            probe.await_step(now_ns)
        self._plan()

    def _plan(self) -> None:
        self.due_ns = min((probe.due_ns for probe in self._probes if probe.due_ns), default=0)

    def poll(self) -> None:
        """Read the counters that may have stepped by now. The caller holds `lock`."""
        begun_ns = self._books.clock.monotonic_ns()
        for probe in self._probes:
            if 0 < probe.due_ns <= begun_ns + _TOGETHER_NS:
                probe.poll()
        self._plan()
        now_ns = self._books.clock.monotonic_ns()
        self._at_steps.spend(now_ns, now_ns - begun_ns)

    def close(self) -> None:
        """Close the backend. The caller holds `lock`."""
        self.given_up = True
        try:
            self.backend.close()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to a plugin
            let_through(error)
            self._books.notices.fault(f"closing backend {self.name}", error)
