"""Lines that wait for a disk that takes them: in order, and bounded."""

from collections import deque
from collections.abc import Iterator
from enum import IntEnum


class Worth(IntEnum):
    """What goes first when there is no more room."""

    DETAIL = 0  # states and slots: later ones say more
    EPOCH = 1
    HEAD = 2  # without it the rest cannot be read


class Backlog:
    """A queue of lines of at most `limit_bytes`; `dropped` counts those that had to go."""

    __slots__ = ("_bytes", "_limit_bytes", "_lines", "dropped")

    def __init__(self, limit_bytes: int) -> None:
        self._lines: deque[tuple[Worth, bytes]] = deque()
        self._bytes = 0
        self._limit_bytes = limit_bytes
        self.dropped = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __iter__(self) -> Iterator[bytes]:
        return (line for _, line in self._lines)

    def append(self, line: bytes, *, worth: Worth) -> None:
        """Add a line; where that is too much, let the least worthy go, oldest first."""
        self._lines.append((worth, line))
        self._bytes += len(line)
        if self._bytes > self._limit_bytes:
            self._shrink()

    def first(self) -> bytes:
        """Return the oldest line."""
        return self._lines[0][1]

    def pop(self) -> None:
        """Take the oldest line away."""
        size = len(self._lines[0][1])
        del self._lines[0]
        self._bytes -= size

    def put_first(self, line: bytes, *, worth: Worth) -> None:
        """Set a line before all others."""
        self._lines.appendleft((worth, line))
        self._bytes += len(line)

    def _shrink(self) -> None:
        """Drop a good part at once, so that the cost of looking is spread over many lines."""
        target_bytes = self._limit_bytes * 3 // 4
        for worth in (Worth.DETAIL, Worth.EPOCH):
            kept: deque[tuple[Worth, bytes]] = deque()
            newest = self._lines[-1]
            for item in self._lines:
                if item[0] == worth and item is not newest and self._bytes > target_bytes:
                    self._bytes -= len(item[1])
                    self.dropped += 1
                else:
                    kept.append(item)
            self._lines = kept
            if self._bytes <= target_bytes:
                return
