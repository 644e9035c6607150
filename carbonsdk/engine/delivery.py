"""Events on their way to sinks: a bounded queue and a thread each, so that a bad sink harms itself alone."""

import threading
import time
from collections import deque
from collections.abc import Callable

from carbonsdk.engine.guard import Guard
from carbonsdk.engine.notices import Notices
from carbonsdk.events import Event
from carbonsdk.interfaces import Sink

_QUEUE_LENGTH = 10_000
_TRIES = 3


class Delivery:
    """One sink's queue and thread.

    `put` takes a function that makes the event, so that building reports costs the sink's thread and not the user's. The
    sink is made in its thread as well: a factory that hangs hangs alone. A sink that raises gets the event again, at most
    three times, then the event is dropped and counted; a full queue drops its oldest.
    """

    def __init__(self, name: str, make: Callable[[], Sink], notices: Notices) -> None:
        self.name = name
        self.dropped = 0
        self._make = make
        self._notices = notices
        self._queue: deque[Callable[[], Event | None]] = deque()
        self._lock = threading.RLock()  # taken by itself: what a signal's handler raises can break off a condition's `with`
        self._turn = threading.Condition(self._lock)
        self._closing = False
        self._idle = True
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the sink's thread; where none can be had, the sink is dropped."""
        with Guard(f"sink {self.name}", self._notices.fault) as started:
            thread = threading.Thread(target=self._live, name=f"carbonsdk-sink-{self.name}", daemon=True)
            thread.start()
            self._thread = thread
        if started.error is not None:
            self._give_up()

    def put(self, event: Callable[[], Event | None]) -> None:
        """Queue an event; never blocks."""
        with self._lock:
            if self._closing:
                return
            if len(self._queue) >= _QUEUE_LENGTH:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(event)
            self._idle = False
            self._turn.notify_all()

    def _live(self) -> None:
        with Guard(f"sink {self.name}", self._notices.fault) as made:
            sink = self._make()
        if made.error is not None:
            self._give_up()
            return
        while (make_event := self._next()) is not None:
            self._hand_over(sink, make_event)
        with Guard(f"closing sink {self.name}", self._notices.fault):
            sink.close()

    def _give_up(self) -> None:
        with self._lock:
            self._closing = True
            self.dropped += len(self._queue)
            self._queue.clear()
            self._turn.notify_all()

    def _next(self) -> Callable[[], Event | None] | None:
        with self._lock:
            self._idle = not self._queue
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._queue or self._closing)
            self._idle = False
            return self._queue.popleft() if self._queue else None

    def _hand_over(self, sink: Sink, make_event: Callable[[], Event | None]) -> None:
        with Guard(f"event for sink {self.name}", self._notices.fault) as made:
            event = make_event()
        if made.error is not None or event is None:
            return
        for _ in range(_TRIES):
            with Guard(f"sink {self.name}", self._notices.fault) as handed:
                sink.handle(event)
            if handed.error is None:
                return
        self.dropped += 1

    def drain(self, timeout_s: float) -> None:
        """Wait until the sink has taken all that is queued, or the time is up."""
        with self._lock:
            self._turn.wait_for(lambda: self._idle or self._closing, timeout_s)

    def close(self) -> None:
        """Take no more events; those queued are still delivered. `join` waits."""
        with self._lock:
            self._closing = True
            self._turn.notify_all()

    def join(self, deadline_s: float) -> str | None:
        """Wait until `time.monotonic()` reaches the deadline; return the thread's name if the sink is stuck."""
        thread = self._thread
        if thread is None:
            return None
        thread.join(max(0.0, deadline_s - time.monotonic()))
        if not thread.is_alive():
            return None
        with self._lock:
            self.dropped += len(self._queue)
            self._queue.clear()
        return thread.name
