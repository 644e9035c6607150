"""A clock that moves only when it is told to."""

from collections.abc import Callable
from datetime import UTC, datetime

from carbonsdk import units
from carbonsdk.clock import unix_ns

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class FakeClock:
    """A `Clock` for tests: `advance` moves it, and tells whoever listens, so that simulated hardware moves along."""

    def __init__(self, start: datetime = START) -> None:
        self._now_ns = 1_000 * units.NS_PER_S  # not 0, so that a forgotten stamp shows
        self._offset_ns = unix_ns(start) - self._now_ns
        self._listeners: list[Callable[[int], None]] = []

    def monotonic_ns(self) -> int:
        """Return the current instant."""
        return self._now_ns

    def wall_ns(self, monotonic_ns: int) -> int:
        """Return the Unix time in nanoseconds of a monotonic stamp."""
        return monotonic_ns + self._offset_ns

    def listen(self, listener: Callable[[int], None]) -> None:
        """Have `listener` called with the monotonic nanoseconds after every move."""
        self._listeners.append(listener)

    def advance(self, seconds: float) -> int:
        """Move on by `seconds`, and return the new instant."""
        self._now_ns += units.nanoseconds(seconds)
        for listener in self._listeners:
            listener(self._now_ns)
        return self._now_ns
