"""The points that a curve is drawn through, column by column, so that a run of days costs little memory and time."""

from bisect import bisect_right


class Points:
    """Instants in order, with the joules, the covered nanoseconds, the variance and the doubt of each.

    A signal's handler, which may raise, comes where something is called or a loop goes round, and nowhere else (CPython's
    eval breaker): what changes together does so between two such places, and is never left half done.
    """

    __slots__ = ("_at", "_covered", "_doubt", "_joules", "_variance")

    def __init__(self) -> None:
        self._at: list[int] = []
        self._joules: list[float] = []
        self._covered: list[float] = []
        self._variance: list[float] = []
        self._doubt: list[float] = []

    def __len__(self) -> int:
        return len(self._at)

    @property
    def last_ns(self) -> int | None:
        """Return the newest instant that the curve knows of."""
        return self._at[-1] if self._at else None

    def _put(self, at_ns: int, joules: float, covered_ns: float, variance: float, doubt: float) -> None:
        """Add a point behind all others; the curve never falls. Nothing is called any more once it begins to be there."""
        if self._at:
            at_ns = max(at_ns, self._at[-1] + 1)
            joules = max(joules, self._joules[-1])
            covered_ns = max(covered_ns, self._covered[-1])
        self._at += (at_ns,)
        self._joules += (joules,)
        self._covered += (covered_ns,)
        self._variance += (variance,)
        self._doubt += (doubt,)

    def _drop(self, places: slice) -> None:
        del self._at[places], self._joules[places], self._covered[places], self._variance[places], self._doubt[places]

    def forget_before(self, at_ns: int) -> None:
        """Let go of what lies before an instant, but for the last point before it."""
        keep = bisect_right(self._at, at_ns) - 1
        if keep > 64:  # a slice costs its length: do it seldom
            self._drop(slice(keep))
