"""The points that a curve is drawn through, column by column, so that a run of days costs little memory and time."""

from bisect import bisect_right


class Points:
    """Instants in order, with the joules, the covered nanoseconds, the variance and the doubt of each."""

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
        """Add a point behind all others; the curve never falls."""
        at, energy, covered = self._at, self._joules, self._covered
        if at:
            at_ns = max(at_ns, at[-1] + 1)
            joules = max(joules, energy[-1])
            covered_ns = max(covered_ns, covered[-1])
        at.append(at_ns)
        energy.append(joules)
        covered.append(covered_ns)
        self._variance.append(variance)
        self._doubt.append(doubt)

    def _drop(self, places: slice) -> None:
        for column in (self._at, self._joules, self._covered, self._variance, self._doubt):
            del column[places]

    def forget_before(self, at_ns: int) -> None:
        """Let go of what lies before an instant, but for the last point before it."""
        keep = bisect_right(self._at, at_ns) - 1
        if keep > 64:  # a slice costs its length: do it seldom
            self._drop(slice(keep))
