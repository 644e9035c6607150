"""Windows over a timeline: their mean intensity, and the one where it is lowest."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from carbonsdk.footprint.timeline import Piece
from carbonsdk.model import CarbonIntensity


class Stretches:
    """Intensities along an axis of Unix nanoseconds, summed up once, so that the mean of any window is a subtraction."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self._edges = [start for start, _, _ in pieces] + [end for _, end, _ in pieces[-1:]]
        self._sums = list(accumulate(((end - start) * _grams(value) for start, end, value in pieces), initial=0.0))
        self._unknown = list(accumulate((0 if value else end - start for start, end, value in pieces), initial=0))

    @property
    def known_until_ns(self) -> int:
        """Return where the last known piece ends; the beginning where none is known."""
        return max((end for _, end, value in self.pieces if value is not None), default=self._edges[0])

    def mean(self, start_ns: int, length_ns: int) -> float | None:
        """Return the mean intensity of a window, or None where a part of it is not known."""
        end_ns = start_ns + length_ns
        if (
            start_ns < self._edges[0]
            or end_ns > self._edges[-1]
            or self._at(self._unknown, end_ns) > self._at(self._unknown, start_ns)
        ):
            return None
        return (self._at(self._sums, end_ns) - self._at(self._sums, start_ns)) / length_ns

    def best(self, length_ns: int) -> tuple[int, float] | None:
        """Return the start of the window with the lowest mean, the first of equals, and that mean; None where none is known.

        As a window moves, its mean changes at a steady rate until one of its ends meets an edge: so the lowest one starts or
        ends at an edge.
        """
        starts = sorted({*self._edges, *(edge - length_ns for edge in self._edges)})
        means = ((self.mean(start, length_ns), start) for start in starts)
        # Rounding must not make a later start better than an equal one.
        known = [(round(mean, 9), start) for mean, start in means if mean is not None]
        if not known:
            return None
        mean, start = min(known)
        return start, mean

    def _at(self, sums: Sequence[float], instant_ns: int) -> float:
        """Return a running sum at an instant, which lies within the edges."""
        index = min(bisect_right(self._edges, instant_ns), len(self._edges) - 1) - 1
        left, right = self._edges[index], self._edges[index + 1]
        return sums[index] + (sums[index + 1] - sums[index]) * ((instant_ns - left) / (right - left))


def _grams(value: CarbonIntensity | None) -> float:
    return 0.0 if value is None else value.grams_per_kwh
