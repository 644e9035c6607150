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
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._live, name="carbonsdk-sampler", daemon=True)

    def start(self) -> None:
        """Start ticking, one interval from now."""
        self._thread.start()

    def nudge(self) -> None:
        """Have a tick as soon as possible."""
        self._wake.set()

    def _live(self) -> None:
        due_ns = self._clock.monotonic_ns() + self._interval_ns()
        while True:
            wait_s = (due_ns - self._clock.monotonic_ns()) / NS_PER_S
            nudged = self._wake.wait(max(0.0, wait_s))
            if self._stopping:
                return
            self._wake.clear()
            now_ns = self._clock.monotonic_ns()
            self._tick(now_ns)
            if not nudged or now_ns >= due_ns:
                interval_ns = self._interval_ns()
                due_ns += max(1, (self._clock.monotonic_ns() - due_ns) // interval_ns + 1) * interval_ns

    def stop(self, timeout_s: float) -> str | None:
        """End the ticks; return the thread's name if it does not end in time."""
        self._stopping = True
        self._wake.set()
        if self._thread is threading.current_thread() or not self._thread.is_alive():
            return None
        self._thread.join(timeout_s)
        return self._thread.name if self._thread.is_alive() else None
