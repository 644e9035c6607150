"""Which epochs have been seen, in little memory: numbers run on, so stretches of them tell all."""

from bisect import bisect_right

_MOST_STRETCHES = 100_000


class NumberSet:
    """Whole numbers, kept as stretches without a gap."""

    __slots__ = ("_ends", "_starts", "count")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []  # exclusive
        self.count = 0

    @property
    def next(self) -> int:
        """Return the number after the highest, 0 at first."""
        return self._ends[-1] if self._ends else 0

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """Return the stretches without a gap, in order, as (first, last + 1)."""
        return list(zip(self._starts, self._ends, strict=True))

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._ends[at]

    def add(self, number: int) -> bool:
        """Add a number; return whether it is new."""
        after = bisect_right(self._starts, number)
        before = after - 1
        if before >= 0 and number < self._ends[before]:
            return False
        self.count += 1
        joins_before = before >= 0 and self._ends[before] == number
        joins_after = after < len(self._starts) and self._starts[after] == number + 1
        if joins_before and joins_after:
            self._ends[before] = self._ends.pop(after)
            del self._starts[after]
        elif joins_before:
            self._ends[before] = number + 1
        elif joins_after:
            self._starts[after] = number
        elif len(self._starts) < _MOST_STRETCHES:  # a hostile journal may count without memory of what it counted
            self._starts.insert(after, number)
            self._ends.insert(after, number + 1)
        return True
