"""One device as it is read: stamped, put into its account, and left alone for a while when it fails."""

from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.border import checked_reading
from carbonsdk.engine.devices.crosscheck import PAUSE_NS, CrossCheck
from carbonsdk.engine.guard import Guard, message_of
from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.engine.ledger.chase import SLOWEST_NS, Chase
from carbonsdk.errors import DeviceLost, GiveUp, ReadFailed
from carbonsdk.interfaces import Backend, SupportsPowerCheck
from carbonsdk.interruption import let_through
from carbonsdk.model import CounterReading, Device
from carbonsdk.units import NS_PER_S

_PATIENCE = 3  # failures in a row before a device is left alone for a while
_SLOW_NS = NS_PER_S // 4
_LONGEST_BACKOFF_NS = 60 * NS_PER_S


class Probe:
    """A device of a backend, named by its ledger index, and how it has been answering.

    The lock of its source serialises the calls.
    """

    __slots__ = (
        "_backend",
        "_chase",
        "_check",
        "_checker",
        "_clock",
        "_failures",
        "_index",
        "_ledger",
        "_next_check_ns",
        "_notices",
        "_rests",
        "_retry_ns",
        "_source",
        "account",
        "device",
    )

    def __init__(self, index: int, device: Device, *, source: str, backend: Backend, books: Books) -> None:
        self.device = device
        self.account = books.ledger.accounts[index]
        self._index, self._source, self._backend = index, source, backend
        self._ledger, self._clock, self._notices = books
        refresh_ns = round(device.sensor.refresh_s * NS_PER_S)
        self._chase = Chase(refresh_ns) if refresh_ns >= SLOWEST_NS else None
        self._checker = backend if isinstance(backend, SupportsPowerCheck) else None
        self._check = CrossCheck()
        self._next_check_ns = 0
        self._failures = 0
        self._rests = 0
        self._retry_ns = 0

    @property
    def is_resting(self) -> bool:
        """Return whether the device has failed too often to be read again just yet."""
        return bool(self._retry_ns) and self._clock.monotonic_ns() < self._retry_ns

    @property
    def due_ns(self) -> int:
        """Return when to look again for a step of the counter; 0 for never."""
        return 0 if self._chase is None else self._chase.due_ns

    def read(self) -> bool:
        """Read the device into its account; return whether it gave a reading. Raise GiveUp if its backend does."""
        try:
            taken = self._take()
            fault = self._ledger.record(self._index, taken)
        except (Exception, SystemExit) as error:  # a plugin may raise anything; this is its border
            let_through(error)
            self._failed(error)
            if isinstance(error, GiveUp):
                raise
            return False
        if fault is not None and (self.account.curve.last_ns or 0) < taken.at_ns:
            # Refused, and not a reset: a curve that stands still would hold up the settling of all others.
            self._failed(ReadFailed(fault))
            return False
        self._failures = self._rests = self._retry_ns = 0
        if self._chase is not None:
            self._watch(self._chase, taken)
        if self._checker is not None and isinstance(taken.reading, CounterReading):
            self._cross_check(self._checker, taken.reading)
        if fault is not None:
            self._notices.missing(f"{self.device.name} ({self._source}): {fault}; the coverage shows what is missing")
        return True

    def await_step(self, now_ns: int) -> None:
        """Begin to wait for the next step of a slow counter; of a part of a device's energy nobody knows when it is used."""
        chase, account = self._chase, self.account
        if chase is not None and account.part is None and account.silent is None and chase.begin(now_ns):
            self._ledger.hold(self._index, now_ns - chase.refresh_ns)

    def poll(self) -> None:
        """Read the counter to see whether it has stepped."""
        chase, ledger = self._chase, self._ledger
        if chase is None:
            return
        with Guard(f"waiting for a step of {self.device.name} ({self._source})") as guard:
            taken = self._take()
            if not chase.has_shown(taken.reading):
                ledger.record(self._index, taken)
            self._watch(chase, taken)
        if guard.error is not None:  # the next round sees what is the matter
            chase.end()
            ledger.release(self._index)

    def silence(self, reason: str) -> None:
        """Note that no readings are to be expected until the next one comes."""
        self._ledger.silence(self._index, reason)

    def _take(self) -> Stamped:
        """Return a stamped reading; raise what the backend raises."""
        clock = self._clock
        for _ in range(2):
            before_ns = clock.monotonic_ns()
            reading = checked_reading(self._backend.read(self.device))
            took_ns = clock.monotonic_ns() - before_ns
            if took_ns <= _SLOW_NS:
                break
            # Of a call that hung nobody knows which instant its answer is of: the next, quick one tells the same and more.
        return Stamped(before_ns + took_ns // 2, reading, took_ns)

    def _watch(self, chase: Chase, taken: Stamped) -> None:
        """Compare a reading with the counter's steps."""
        was_under_way = bool(chase.due_ns)
        found = chase.take(taken)
        if found:
            self._ledger.sharpen(self._index, found, chase.rhythm.period_ns)
        elif was_under_way and not chase.due_ns:
            self._ledger.release(self._index)

    def _cross_check(self, checker: SupportsPowerCheck, reading: CounterReading) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._next_check_ns:
            return
        self._next_check_ns = now_ns + PAUSE_NS
        verdict = None
        with Guard(f"the power sensor of {self.device.name} ({self._source})") as guard:
            power = checker.power_reading(self.device)
            verdict = None if power is None else self._check.add(now_ns, reading, power)
        if verdict is not None:
            self._notices.warn(f"{self.device.name} ({self._source}): {verdict}")
        if guard.error is not None or verdict is not None:
            self._checker = None

    def _failed(self, error: BaseException) -> None:
        reason = message_of(error)
        self._notices.missing(f"{self.device.name} ({self._source}) gives no reading: {reason}")
        if self._chase is not None:
            self._chase.end()
            self._ledger.release(self._index)
        self._failures += 1
        if self._failures >= _PATIENCE or isinstance(error, DeviceLost):
            pause_ns = min(NS_PER_S << min(self._rests, 6), _LONGEST_BACKOFF_NS)
            self._retry_ns = self._clock.monotonic_ns() + pause_ns
            self._rests += 1
            self.silence(reason)
