"""One backend from its making to its closing, with the thread that its calls may hang in."""

import threading
from collections.abc import Callable

from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.answer import Answer, first_answer
from carbonsdk.engine.devices.border import checked_device
from carbonsdk.engine.devices.source import Source
from carbonsdk.engine.guard import Guard, message_of
from carbonsdk.engine.plan import BackendPlan
from carbonsdk.interruption import taken
from carbonsdk.model import Device
from carbonsdk.units import NS_PER_S

EDGE_WAIT_S = 0.05


class Channel:
    """A backend under way.

    It is made, opened and asked for a first reading in a thread of its own. A backend that is not `inline` is read in that
    thread for the rest of its life, since a driver call can hang; the edges wait for it no longer than `EDGE_WAIT_S`.
    """

    def __init__(self, plan: BackendPlan, books: Books, *, reach_ns: int | None = None) -> None:
        self.plan = plan
        self._reach_ns = reach_ns
        self.state = "opening"  # then "ready" or "failed", and "closed"
        self.reason: str | None = None
        self.error: BaseException | None = None
        self.answers: list[Answer] = []
        self.source: Source | None = None
        self._books, self._clock, self._notices = books, books.clock, books.notices
        self._lock = threading.RLock()  # taken by itself: what a signal's handler raises can break off a condition's `with`
        self._turn = threading.Condition(self._lock)
        self._asked_ns = 0
        self._edge_asked = False
        self._started_ns = -1
        self._finished_ns = -1
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self, on_settled: Callable[["Channel"], None]) -> None:
        """Open the backend in its thread, then call `on_settled` there; or here, where no thread can be had."""
        name = f"carbonsdk-{self.plan.name}"
        try:
            thread = threading.Thread(target=self._live, args=(on_settled,), name=name, daemon=True)
            thread.start()
        except RuntimeError as error:  # a limit on processes, or the interpreter is ending
            self._live_without_thread(on_settled, error)
        else:
            self._thread = thread

    def _live_without_thread(self, on_settled: Callable[["Channel"], None], error: RuntimeError) -> None:
        self._notices.warn(f"backend {self.plan.name}: {error}")
        if self.plan.inline:
            self._live(on_settled)
        else:
            self.reason, self.state = str(error), "failed"
            on_settled(self)

    def _live(self, on_settled: Callable[["Channel"], None]) -> None:
        try:
            self._open()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to a plugin
            self.error = error
            self.reason = message_of(error)
            self.state = "failed"
        with Guard(f"backend {self.plan.name}", self._notices.fault):
            on_settled(self)
        if self.state == "failed":
            return
        if not self.plan.inline:
            self._serve()
        elif self._stopping:
            self._close()

    def _open(self) -> None:
        backend = self.plan.make()
        self.source = Source(self.plan.name, backend, self._books, reach_ns=self._reach_ns)
        self.source.chases = not self.plan.inline
        with self.source.lock:
            devices = [checked_device(device) for device in backend.open()]
            self.answers = [first_answer(backend, device, self._clock) for device in devices]
        if not self.answers:
            self.reason, self.state = "it found no device", "failed"
        elif all(answer.first is None for answer in self.answers):
            self.reason, self.state = self.answers[0].reason, "failed"
        else:
            self.state = "ready"
        if self.state == "failed":
            self.source.close()

    def renew(self, device: Device) -> None:
        """Take a new first reading of a device that is adopted late: what it used before is none of the run's.

        The caller holds the source's lock.
        """
        assert self.source is not None  # noqa: S101 - a ready channel has one
        backend = self.source.backend
        self.answers = [
            first_answer(backend, device, self._clock) if answer.device.id == device.id else answer for answer in self.answers
        ]

    def _serve(self) -> None:
        source = self.source
        assert source is not None  # noqa: S101 - a ready channel has one
        while True:
            with self._lock:
                self._turn.wait_for(lambda: self._stopping or self._asked_ns > self._started_ns, self._until_poll_s(source))
                if self._stopping:
                    break
                asked, edge = self._asked_ns > self._started_ns, self._edge_asked
                if asked:
                    self._started_ns = max(self._clock.monotonic_ns(), self._asked_ns)
                    self._edge_asked = False
                started_ns = self._started_ns
            with source.lock:
                if asked:
                    source.read_all(edge=edge)
                else:
                    source.poll()
            with self._lock:
                self._finished_ns = started_ns
                self._turn.notify_all()
        self._close()

    def _until_poll_s(self, source: Source) -> float | None:
        return max(0.0, (source.due_ns - self._clock.monotonic_ns()) / NS_PER_S) if source.due_ns else None

    def _close(self) -> None:
        """Close the backend once; one that somebody hangs in is left as it is."""
        source = self.source
        if source is None or not taken(source.lock, EDGE_WAIT_S):
            return
        try:
            if self.state != "closed":
                self.state = "closed"
                source.close()
        finally:
            source.lock.release()

    @property
    def busy_s(self) -> float:
        """Return for how long the reading under way has been going on; 0 where none is."""
        with self._lock:
            if self._started_ns <= self._finished_ns:
                return 0.0
            return (self._clock.monotonic_ns() - self._started_ns) / 1e9

    def ask(self, at_ns: int, *, edge: bool = False, patience_s: float = EDGE_WAIT_S) -> None:
        """Have the devices read at or after an instant, without waiting for a driver; at an epoch's `edge` to the step.

        `patience_s` is for another thread that is reading the same `inline` backend.
        """
        if self.plan.inline:
            self._read_here(at_ns, patience_s, edge=edge)
            return
        with self._lock:
            self._edge_asked = self._edge_asked or edge
            self._asked_ns = max(self._asked_ns, at_ns)
            self._turn.notify_all()

    def wait(self, at_ns: int, timeout_s: float) -> bool:
        """Wait until what was asked for that instant is read; return whether it is."""
        if self.plan.inline:
            return True
        with self._lock:
            return self._turn.wait_for(lambda: self._finished_ns >= at_ns or self._stopping, timeout_s)

    def await_steps(self, timeout_s: float) -> None:
        """Wait until no counter's step is waited for any more."""
        source = self.source
        if source is not None and not self.plan.inline:
            with self._lock:
                self._turn.wait_for(lambda: not source.due_ns or self._stopping, timeout_s)

    def _read_here(self, at_ns: int, patience_s: float, *, edge: bool) -> None:
        source = self.source
        if source is None or not taken(source.lock, patience_s):
            return
        busy = source.busy  # then a signal's handler came in the midst of a reading
        try:
            # Another thread's reading, waited for, may do as well.
            if source.last_read_ns < at_ns and not busy:
                source.busy = True
                source.read_all(edge=edge)
        finally:
            source.busy = busy
            source.lock.release()

    def stop(self) -> None:
        """Ask the channel to end; `join` waits for it."""
        with self._lock:
            self._stopping = True
            self._turn.notify_all()
        if self.state == "ready" and (self.plan.inline or self._thread is None):
            self._close()

    def join(self, timeout_s: float) -> str | None:
        """Wait for the channel's thread; return its name if it is stuck in a call of the backend."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return None
        thread.join(timeout_s)
        return thread.name if thread.is_alive() else None
