"""One backend under way: its devices are read one at a time, stamped, and put into the ledger."""

import threading
from collections import deque
from collections.abc import Sequence

from carbonsdk.clock import Clock
from carbonsdk.engine.accounting import Stamped
from carbonsdk.engine.allowance import Allowance
from carbonsdk.engine.border import checked_reading
from carbonsdk.engine.chase import SLOWEST_NS, Chase
from carbonsdk.engine.crosscheck import PAUSE_NS, CrossCheck
from carbonsdk.engine.guard import Guard, is_of_a_signal, told
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.notices import Notices
from carbonsdk.errors import DeviceLost, GiveUp, ReadFailed
from carbonsdk.interfaces import Backend, SupportsPowerCheck
from carbonsdk.model import CounterReading, Device
from carbonsdk.units import NS_PER_S

SPARING = 50  # reading at edges takes one part in so many of the time, on the average
_BURST_NS = NS_PER_S // 100
_AT_ONCE_NS = NS_PER_S // 1_000  # an edge so soon after a reading needs none of its own: RAPL's counters move as often
_CHASE_SPARING, _CHASE_BURST_NS = 100, NS_PER_S // 50  # the same for readings that wait for a slow counter's step
_TOGETHER_NS = 300_000  # of two that are due so close to each other the later is read with the earlier
_LEARNING = 4  # rounds before a median says what a round costs
_PATIENCE = 3  # failures in a row before a device is left alone for a while
_SLOW_NS = NS_PER_S // 4
_LONGEST_BACKOFF_NS = 60 * NS_PER_S


class _Health:
    """How a device has been answering, and when its counter steps, where that is worth knowing."""

    __slots__ = ("chase", "check", "check_over", "failures", "next_check_ns", "rests", "retry_ns")

    def __init__(self, device: Device) -> None:
        refresh_ns = round(device.sensor.refresh_s * NS_PER_S)
        self.chase = Chase(refresh_ns) if refresh_ns >= SLOWEST_NS else None
        self.check = CrossCheck()
        self.check_over = False
        self.next_check_ns = 0
        self.failures = 0
        self.rests = 0
        self.retry_ns = 0


class Source:
    """A backend, its open devices, and how their readings go.

    `read_all` is called by whichever thread reads (the caller of an edge, the sampler, or the backend's own thread); a lock
    serialises the calls, so that a backend never sees two at once. `chases` says that somebody calls `poll` when it is due.
    """

    def __init__(
        self, name: str, backend: Backend, *, ledger: Ledger, clock: Clock, notices: Notices, reach_ns: int | None
    ) -> None:
        self.name = name
        self.backend = backend
        self.lock = threading.RLock()
        self.busy = False  # with a reading, which a signal's handler may have interrupted
        self.last_read_ns = 0
        self.given_up = False
        self.dropped_faults = 0
        self.reads = 0  # rounds of reading so far
        self.chases = False
        self.due_ns = 0  # when `poll` is due; 0 while no counter's step is waited for
        self.spare_until_ns = 0  # an edge before this is not worth a reading of its own
        self._at_edges = Allowance(sparing=SPARING, burst_ns=_BURST_NS)
        self._at_steps = Allowance(sparing=_CHASE_SPARING, burst_ns=_CHASE_BURST_NS)
        self._checker = backend if isinstance(backend, SupportsPowerCheck) else None
        self._reach_ns = reach_ns
        self._ledger = ledger
        self._clock = clock
        self._notices = notices
        self._devices: list[tuple[int, Device, _Health]] = []
        self._costs: deque[int] = deque(maxlen=15)
        self._cost_known = False
        self.cost_ns = 0  # median of the last rounds; 0 while that says nothing yet

    @property
    def device_count(self) -> int:
        """Return how many devices are read."""
        return len(self._devices)

    def adopt(self, devices: Sequence[tuple[int, Device]]) -> None:
        """Read these devices, named by their ledger index, from now on."""
        with self.lock:
            self._devices.extend((index, device, _Health(device)) for index, device in devices)
            self._cost_known = False

    def abandon(self, device_id: str, reason: str) -> None:
        """Read a device no more."""
        for index, device, _ in self._devices:
            if device.id == device_id:
                self._ledger.silence(index, reason)
        self._devices = [entry for entry in self._devices if entry[1].id != device_id]

    def silence(self, reason: str) -> None:
        """Note that no device of the backend answers for now."""
        for index, _, _ in self._devices:
            self._ledger.silence(index, reason)

    @property
    def wrap_s(self) -> float | None:
        """Return the least time in which a counter of these can wrap at full power, or None."""
        times = [seconds for index, _, _ in self._devices if (seconds := self._ledger.wrap_s(index)) is not None]
        return min(times, default=None)

    def read_all(self, *, edge: bool = False) -> None:
        """Read every device that is not resting; after an edge, begin to wait for slow counters. The caller holds `lock`."""
        if self.given_up:
            return
        self.reads += 1
        clock = self._clock
        begun_ns = clock.monotonic_ns()
        for index, device, health in self._devices:
            if health.retry_ns and clock.monotonic_ns() < health.retry_ns:
                continue
            self._read(index, device, health)
        self.last_read_ns = clock.monotonic_ns()
        self._costs.append(self.last_read_ns - begun_ns)
        if not self._cost_known or self.reads % _LEARNING == 0:
            self._spare()
        self._at_edges.spend(self.last_read_ns, self.cost_ns)
        self.spare_until_ns = max(self._at_edges.free_ns, self.last_read_ns + min(SPARING * self.cost_ns, _AT_ONCE_NS))
        if self.due_ns or (edge and self.chases and self.last_read_ns >= self._at_steps.free_ns):
            self._chase(edge=edge)

    def _spare(self) -> None:
        """Work out what a round costs, and how far the curves may be drawn on instead of paying it again."""
        accounts = [self._ledger.accounts[index] for index, _, _ in self._devices]
        # The first rounds are dearer than the rest, and say nothing yet of the power that would have to be drawn on.
        self._cost_known = known = len(self._costs) >= _LEARNING and all(each.curve.leans or each.silent for each in accounts)
        self.cost_ns = sorted(self._costs)[len(self._costs) // 2] if known else 0
        reach_ns = self._reach_ns if self._reach_ns is not None else 2 * SPARING * self.cost_ns
        for account in accounts:
            account.reach_ns = reach_ns

    def _chase(self, *, edge: bool) -> None:
        """Wait for the steps of slow counters; of a part of a device's energy nobody knows when it is used."""
        now_ns = self._clock.monotonic_ns()
        for index, _, health in self._devices:
            account = self._ledger.accounts[index]
            if (
                edge
                and health.chase is not None
                and account.part is None
                and account.silent is None
                and health.chase.begin(now_ns)
            ):
                self._ledger.hold(index, now_ns - health.chase.refresh_ns)
        self._plan()

    def _plan(self) -> None:
        dues = [chase.due_ns for _, _, health in self._devices if (chase := health.chase) is not None and chase.due_ns]
        self.due_ns = min(dues, default=0)

    def poll(self) -> None:
        """Read the counters that may have stepped by now. The caller holds `lock`."""
        begun_ns = self._clock.monotonic_ns()
        for index, device, health in self._devices:
            if health.chase is not None and 0 < health.chase.due_ns <= begun_ns + _TOGETHER_NS:
                self._look(index, device, health.chase)
        self._plan()
        now_ns = self._clock.monotonic_ns()
        self._at_steps.spend(now_ns, now_ns - begun_ns)

    def _look(self, index: int, device: Device, chase: Chase) -> None:
        with Guard(f"waiting for a step of {device.name} ({self.name})") as guard:
            taken = self._take(device)
            if not chase.has_shown(taken.reading):
                self._ledger.record(index, taken)
            self._watch(index, chase, taken)
        if guard.error is not None:  # the next round sees what is the matter
            chase.end()
            self._ledger.release(index)

    def _watch(self, index: int, chase: Chase, taken: Stamped) -> None:
        """Hold a reading against a counter's steps."""
        was_under_way = bool(chase.due_ns)
        found = chase.take(taken)
        if found:
            self._ledger.sharpen(index, found, chase.rhythm.period_ns)
        elif was_under_way and not chase.due_ns:
            self._ledger.release(index)

    def _take(self, device: Device) -> Stamped:
        """Read a device; raise what its backend raises."""
        clock = self._clock
        for _ in range(2):
            before_ns = clock.monotonic_ns()
            reading = checked_reading(self.backend.read(device))
            took_ns = clock.monotonic_ns() - before_ns
            if took_ns <= _SLOW_NS:
                break
            # Of a call that hung nobody knows which instant its answer is of: the next, quick one tells the same and more.
        return Stamped(before_ns + took_ns // 2, reading, took_ns)

    def _read(self, index: int, device: Device, health: _Health) -> None:
        try:
            taken = self._take(device)
            fault = self._ledger.record(index, taken)
        except (Exception, SystemExit) as error:  # a plugin may raise anything; this is its border
            if is_of_a_signal(error):
                raise
            self._failed(index, device, health, error)
            return
        if fault is not None and (self._ledger.accounts[index].curve.last_ns or 0) < taken.at_ns:
            # Refused, and not a reset: a curve that stands still would hold up the settling of all others.
            self.dropped_faults += 1
            self._failed(index, device, health, ReadFailed(fault))
            return
        health.failures = health.rests = health.retry_ns = 0
        if health.chase is not None:
            self._watch(index, health.chase, taken)
        if self._checker is not None and isinstance(taken.reading, CounterReading):
            self._cross_check(self._checker, device, taken.reading, health)
        if fault is not None:
            self.dropped_faults += 1
            self._notices.missing(f"{device.name} ({self.name}): {fault}; the coverage shows what is missing")

    def _cross_check(self, backend: SupportsPowerCheck, device: Device, reading: CounterReading, health: _Health) -> None:
        now_ns = self._clock.monotonic_ns()
        if health.check_over or now_ns < health.next_check_ns:
            return
        health.next_check_ns = now_ns + PAUSE_NS
        verdict = None
        with Guard(f"the power sensor of {device.name} ({self.name})") as guard:
            power = backend.power_reading(device)
            verdict = None if power is None else health.check.add(now_ns, reading, power)
        if verdict is not None:
            self._notices.warn(f"{device.name} ({self.name}): {verdict}")
        health.check_over = guard.error is not None or verdict is not None

    def _failed(self, index: int, device: Device, health: _Health, error: BaseException) -> None:
        reason = told(error)
        self._cost_known = False
        self._notices.missing(f"{device.name} ({self.name}) gives no reading: {reason}")
        if health.chase is not None:
            health.chase.end()
            self._ledger.release(index)
        if isinstance(error, GiveUp):
            self.given_up = True
            self.silence(reason)
            return
        health.failures += 1
        if health.failures >= _PATIENCE or isinstance(error, DeviceLost):
            health.retry_ns = self._clock.monotonic_ns() + min(NS_PER_S << min(health.rests, 6), _LONGEST_BACKOFF_NS)
            health.rests += 1
            self._ledger.silence(index, reason)

    def close(self) -> None:
        """Close the backend. The caller holds `lock`."""
        self.given_up = True
        try:
            self.backend.close()
        except (Exception, SystemExit) as error:
            if is_of_a_signal(error):
                raise
            self._notices.fault(f"closing backend {self.name}", error)
