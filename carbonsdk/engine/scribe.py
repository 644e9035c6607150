"""The journal of a session, and the queues of its sinks."""

import _thread
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from carbonsdk.engine.delivery import Delivery
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.plan import SinkPlan
from carbonsdk.events import Event
from carbonsdk.interruption import let_through
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.records import EpochEnded, Record, RunBegan, RunEnded
from carbonsdk.journal.writer import JournalWriter

_MOST_UNFOLDED = 1_024

_MOST_OPENING = 1_000  # records before the first epoch that could still go to another run


class Scribe:
    """Notes records in the journal and in the assembly that reports are made from; tells sinks of events."""

    def __init__(self, path: Path | None, sinks: Sequence[SinkPlan], notices: Notices) -> None:
        self._assembly = Assembly(aside=_beside(path))
        self._unfolded: deque[Record] = deque()
        self._folding = threading.RLock()
        self._is_folding = False
        self._left_out: deque[tuple[str, BaseException]] = deque()
        self._noting = threading.RLock()  # a problem with the record is itself noted
        self._notices = notices
        self._opening: list[Record] | None = []
        self._writer = None if path is None else JournalWriter(path, on_problem=notices.warn)
        self._deliveries = [Delivery(each.name, each.make, notices) for each in sinks]

    def start(self) -> None:
        """Start the sinks' threads."""
        for delivery in self._deliveries:
            delivery.start()

    @property
    def has_listeners(self) -> bool:
        """Return whether any sink would hear of an event."""
        return bool(self._deliveries)

    @property
    def assembly(self) -> Assembly:
        """Return what reports are made from, with every record noted so far folded in."""
        interruptible = threading.current_thread() is threading.main_thread()
        if self._unfolded and not (interruptible and self._folded_aside()):
            self._fold()
        while self._left_out:  # here, since who waits for the thread above may hold what noting a warning needs
            self._notices.fault(*self._left_out.popleft())
        return self._assembly

    def _folded_aside(self) -> bool:
        """Fold where no signal's handler comes, which could raise in the midst of it and leave half a record folded."""
        folding = threading.Lock()
        folding.acquire()

        def fold() -> None:
            try:
                self._fold()
            finally:
                folding.release()

        try:
            _thread.start_new_thread(fold, ())  # a Thread whose start is broken off is listed among the living for ever
        except RuntimeError as error:
            let_through(error)
            return False  # no more threads may be had: a limit, or the interpreter is ending
        with folding:
            return True

    def _fold(self) -> None:
        with self._folding:
            if not self._is_folding:  # else a signal's handler asks in the midst of it
                self._is_folding = True
                try:
                    while self._unfolded:
                        record = self._unfolded[0]
                        with Guard(f"a record ({type(record).__name__}) is in no report", self._leave_out):
                            self._assembly.add(record)
                        del self._unfolded[0]
                finally:
                    self._is_folding = False

    def _leave_out(self, what: str, error: BaseException) -> None:
        self._left_out.append((what, error))

    def note(self, record: Record) -> None:
        """Put a record into the journal; it is the operating system's when this returns.

        Folding it into the assembly is left to who asks first, or the next tick: an epoch's path does not pay for it.
        """
        with self._noting:
            if self._writer is not None:
                self._writer.write(record)
            self._unfolded.append(record)
            if isinstance(record, RunBegan):  # before a signal's handler can ask for a report
                _ = self.assembly
            if self._opening is not None:
                done = isinstance(record, EpochEnded | RunEnded) or len(self._opening) >= _MOST_OPENING
                self._opening = None if done else [*self._opening, record]
        if len(self._unfolded) > _MOST_UNFOLDED:
            _ = self.assembly

    def move(self, path: Path | None, began: RunBegan) -> bool:
        """Go on in another record, with another head; return False where it is too late, since an epoch has ended."""
        with self._noting:
            if self._opening is None:
                return False
            records: list[Record] = [began, *(each for each in self._opening if not isinstance(each, RunBegan))]
            with self._folding:
                self._assembly = Assembly(aside=_beside(path))
                self._unfolded = deque(records)
            if self._writer is not None:
                self._writer.discard()
            self._writer = None
            if path is not None:
                self._writer = JournalWriter(path, on_problem=self._notices.warn)
                for record in records:
                    self._writer.write(record)
            return True

    def tell(self, event: Callable[[], Event | None]) -> None:
        """Queue an event for every sink; it is made in the sinks' threads."""
        for delivery in self._deliveries:
            delivery.put(event)

    def drain(self, timeout_s: float) -> None:
        """Wait until the sinks have taken all that is queued, or the time is up for each."""
        for delivery in self._deliveries:
            delivery.drain(timeout_s)

    def sync(self) -> None:
        """Have the journal survive a loss of power."""
        if self._writer is not None:
            self._writer.sync()

    def close_sinks(self) -> None:
        """Let the sinks deliver what is queued, and no more."""
        for delivery in self._deliveries:
            delivery.close()

    def close(self) -> None:
        """Close the journal."""
        if self._writer is not None:
            self._writer.close()

    def join(self, deadline_s: float) -> list[str]:
        """Wait for the sinks until `time.monotonic()` reaches the deadline; return the threads that are stuck."""
        stuck = (delivery.join(deadline_s) for delivery in self._deliveries)
        return [name for name in stuck if name is not None]

    @property
    def dropped(self) -> dict[str, int]:
        """Return how many events each sink lost, where any."""
        return {each.name: each.dropped for each in self._deliveries if each.dropped}


def _beside(record: Path | None) -> Path | None:
    return None if record is None else record.parent
