"""Drift-free ticks in a daemon thread."""

import threading
from collections.abc import Callable

from carbonsdk.clock import Clock
from carbonsdk.units import NS_PER_S


class Sampler:
    """Calls `tick(now_ns)` every `interval_ns()`; a late tick is not made up for, and shifts no later one."""

    def __init__(self, tick: Callable[[int], None], *, interval_ns: Callable[[], int], clock: Clock) -> None:
        self._tick = tick
        self._interval_ns = interval_ns
        self._clock = clock
        # No Event, and no `with` of the condition itself: a signal's handler may come, and raise, in the midst of those.
        self._lock = threading.RLock()
        self._turn = threading.Condition(self._lock)
        self._nudged = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start ticking, one interval from now. Raises RuntimeError where no thread can be had."""
        thread = threading.Thread(target=self._live, name="carbonsdk-sampler", daemon=True)
        thread.start()
        self._thread = thread

    def nudge(self) -> None:
        """Have a tick as soon as possible."""
        with self._lock:
            self._nudged = True
            self._turn.notify_all()

    def _live(self) -> None:
        due_ns = self._clock.monotonic_ns() + self._interval_ns()
        while True:
            wait_s = (due_ns - self._clock.monotonic_ns()) / NS_PER_S
            with self._lock:
                nudged = self._turn.wait_for(lambda: self._nudged or self._stopping, max(0.0, wait_s))
                if self._stopping:
                    return
                self._nudged = False
            now_ns = self._clock.monotonic_ns()
            self._tick(now_ns)
            if not nudged or now_ns >= due_ns:
                interval_ns = self._interval_ns()
                due_ns += max(1, (self._clock.monotonic_ns() - due_ns) // interval_ns + 1) * interval_ns

    def stop(self, timeout_s: float) -> str | None:
        """End the ticks; return the thread's name if it does not end in time."""
        self._stopping = True
        self.nudge()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return None
        thread.join(timeout_s)
        return thread.name if thread.is_alive() else None
