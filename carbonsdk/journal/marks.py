"""Where the devices' curves stood at the ends of slots: what an interval's energy is cut at, to meet its intensities."""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import overload

from carbonsdk.footprint import Energy
from carbonsdk.journal.records import SlotClosed, Use

_UNKNOWN = math.nan
_MOST_POINTS = 8_000_000  # 64 MB: six years of a dozen devices
_MOST_UNTOLD = 1_000_000  # joules that slots leave out: they take room here, but none in the journal that they come from


class Marks:
    """Cumulative joules of each device at instants in order; 8 bytes each. Only ever grows."""

    __slots__ = ("_curves", "_instants", "_untold")

    def __init__(self) -> None:
        self._instants = array("q")
        self._untold = 0
        self._curves: list[array[float]] = []

    def add(self, slot: SlotClosed, *, devices: int) -> None:
        """Append a slot's end for the `devices` known by then; one that is not later than the last is known already."""
        if self._instants and (slot.at_ns <= self._instants[-1] or len(self._instants) * devices > _MOST_POINTS):
            return
        told = len(slot.cumulative_joules[:devices])
        fresh = max(0, told - len(self._curves)) * len(self._instants)
        untold = self._untold + fresh + max(0, len(self._curves) - told)
        if untold > _MOST_UNTOLD:
            return
        self._untold = untold
        for index, joules in enumerate(slot.cumulative_joules[:devices]):
            if index == len(self._curves):
                # Before a device was found its curve stood at 0.
                self._curves.append(array("d", bytes(8 * len(self._instants))))
            self._curves[index].append(_UNKNOWN if joules is None else joules)
        for curve in self._curves[len(slot.cumulative_joules) :]:
            curve.append(_UNKNOWN)
        # Last, so that a reader in another thread never finds an instant without its joules.
        self._instants.append(slot.at_ns)

    @property
    def last(self) -> SlotClosed | None:
        """Return the newest slot, or None."""
        if not self._instants:
            return None
        newest = (curve[-1] for curve in self._curves)
        return SlotClosed(self._instants[-1], tuple(None if math.isnan(joules) else joules for joules in newest))

    def cut(self, start_ns: int, end_ns: int, uses: Sequence[Use]) -> Energy:
        """Return the energy of `uses` in pieces, cut at every slot's end inside; a use without joules adds nothing."""
        known = [use for use in uses if use.joules is not None]
        if not known:
            return []
        first, last = bisect_right(self._instants, start_ns), bisect_left(self._instants, end_ns)
        if first >= last:
            return [(start_ns, end_ns, math.fsum(use.joules or 0.0 for use in known))]
        instants = array("q", [start_ns]) + self._instants[first:last] + array("q", [end_ns])
        joules = array("d", bytes(8 * (len(instants) - 1)))
        for use in known:
            if use.device < len(self._curves):
                for at, step in enumerate(self._steps(use, instants, first=first)):
                    joules[at] += step
            else:  # found after the last slot: before that its curve stood at 0
                joules[-1] += use.joules or 0.0
        return _Pieces(instants, joules)

    def __len__(self) -> int:
        return len(self._instants)

    def within(self, start_ns: int, end_ns: int) -> int:
        """Return how many slots end inside an interval."""
        return max(0, bisect_left(self._instants, end_ns) - bisect_right(self._instants, start_ns))

    def _steps(self, use: Use, instants: Sequence[int], *, first: int) -> Iterator[float]:
        """Yield what a device used between each two of `instants`, which sums to its joules."""
        end_joules = use.start_joules + (use.joules or 0.0)
        inner = len(instants) - 2
        curve = self._curves[use.device][first : first + inner]
        levels = array("d", [use.start_joules]) + curve + array("d", [end_joules])
        if any(map(math.isnan, levels)):
            _fill(instants, levels)
        reached = use.start_joules
        for level in levels[1:]:
            # A correction may have moved an edge since: no step is negative, and none lies outside the interval.
            before, reached = reached, min(max(reached, level), end_joules)
            yield reached - before


class _Pieces(Sequence[tuple[int, int, float]]):
    """Joules between instants; each piece is made when it is asked for, since a month has thousands."""

    __slots__ = ("_instants", "_joules")

    def __init__(self, instants: "array[int]", joules: "array[float]") -> None:
        self._instants, self._joules = instants, joules

    def __len__(self) -> int:
        return len(self._joules)

    def __iter__(self) -> Iterator[tuple[int, int, float]]:
        return zip(self._instants, self._instants[1:], self._joules, strict=False)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int, float]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, int, float]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, int, float] | list[tuple[int, int, float]]:
        places = range(len(self))[index]
        return [self[place] for place in places] if isinstance(places, range) else self._piece(places)

    def _piece(self, at: int) -> tuple[int, int, float]:
        return self._instants[at], self._instants[at + 1], self._joules[at]


def _fill(instants: Sequence[int], levels: "array[float]") -> None:
    """Replace unknown levels by those on the straight line between their known neighbours; the ends are known."""
    known = [at for at, level in enumerate(levels) if not math.isnan(level)]
    for left, right in pairwise(known):
        slope = (levels[right] - levels[left]) / max(1, instants[right] - instants[left])
        for at in range(left + 1, right):
            levels[at] = levels[left] + slope * (instants[at] - instants[left])
