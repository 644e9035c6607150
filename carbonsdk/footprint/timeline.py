"""Which carbon intensity holds at which instant."""

import heapq
import math
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from carbonsdk.footprint.held import DAWN_NS, DUSK_NS, NOTHING, SIZE, Held, Kinds, Worth, bounded_ns
from carbonsdk.model import CarbonIntensity, Signal

_TOO_FEW_TO_FORGET = 16
_WORTH_A_COPY = 64  # times as many pieces as values to come: then these wait, since each addition copies all

Piece = tuple[int, int, CarbonIntensity | None]


class _Offer(NamedTuple):
    start_ns: int
    end_ns: int
    worth: Worth
    held: Held


class _State(NamedTuple):
    """Where pieces start, and the values that hold in them, one string of bytes: an object each would take twice the room."""

    starts: "array[int]"
    held: bytes

    def row(self, at: int) -> Held | None:
        """Return what holds in a piece."""
        found = self.held[at * SIZE : (at + 1) * SIZE]
        return None if found == NOTHING else found


class Stretch(NamedTuple):
    """A part of a timeline: the instants at which the intensity changes, and what holds before, between and after them."""

    start_ns: int
    cuts: "array[int]"
    end_ns: int
    held: Iterator[Held | None]


class Timeline:
    """Intensities of one signal along the Unix-nanosecond axis, the best known at each instant.

    At an instant that several values claim, the first of these wins: the user's own figure; what a service says of that very
    time (what was settled or live before what was estimated, that before what was forecast); the same where it is only a
    fallback; a lasting average (open, or of more than four weeks); a lasting average that is a fallback. Of two alike a
    settled one wins, then the one fetched last, then the one added last.

    One thread at a time adds; any number may read meanwhile, and each sees the values before an addition or those after it.
    """

    __slots__ = ("_added", "_coming", "_lock", "_state", "kinds", "signal")

    def __init__(self, values: Iterable[CarbonIntensity] = (), *, signal: Signal = Signal.AVERAGE) -> None:
        self.signal = signal
        self._added = 0
        self.kinds = Kinds()
        self._lock = threading.RLock()
        # Piece i holds from starts[i] until starts[i + 1]. Replaced as a whole, never changed.
        self._state = _State(array("q", [DAWN_NS]), NOTHING)
        self._coming: list[_Offer] = []  # to be laid over it by who asks first
        self.add(values)

    def add(self, values: Iterable[CarbonIntensity]) -> None:
        """Take in values, each where it is better than what is there; raise ValueError for one that makes no sense."""
        with self._lock:
            self._coming += [self._offer(value) for value in values]
            if len(self._coming) * _WORTH_A_COPY >= len(self._state.starts):
                self._known()

    def _known(self) -> _State:
        """Return what holds, with every addition laid over it."""
        while self._coming:
            with self._lock:
                before, offers = self._state, sorted(self._coming, key=lambda offer: offer.start_ns)
                merged = _merged(before, offers, self.kinds) if offers else before
                if self._state is before:  # else a signal's handler asked in the midst of it
                    self._state = merged
                    del self._coming[: len(offers)]
        return self._state

    def snapshot(self) -> "Timeline":
        """Return a timeline that no later addition to this one changes."""
        with self._lock:
            twin = Timeline(signal=self.signal)
            twin._added, twin.kinds, twin._state = self._added, self.kinds, self._known()
        return twin

    def forget_before(self, instant_ns: int) -> None:
        """Let go of what held before an instant, so that a lasting timeline does not grow; nothing is known of it then."""
        with self._lock:
            starts, held = self._known()
            first = bisect_right(starts, instant_ns) - 1
            if first > _TOO_FEW_TO_FORGET:
                self._state = _State(array("q", [DAWN_NS]) + starts[first:], NOTHING + held[first * SIZE :])

    def at(self, instant_ns: int) -> CarbonIntensity | None:
        """Return the intensity at an instant, or None where none is known."""
        state = self._known()
        found = state.row(max(0, bisect_right(state.starts, instant_ns) - 1))
        return None if found is None else self.kinds.value(found)

    def pieces(self, start_ns: int, end_ns: int) -> list[Piece]:
        """Return [start_ns, end_ns) cut where the intensity changes, in order, without a gap."""
        if end_ns <= start_ns:
            return []
        stretch = self.stretch(start_ns, end_ns)
        edges = [start_ns, *stretch.cuts, end_ns]
        values = (None if each is None else self.kinds.value(each) for each in stretch.held)
        return list(zip(edges, edges[1:], values, strict=False))

    def stretch(self, start_ns: int, end_ns: int) -> Stretch:
        """Return [start_ns, end_ns), which is not empty, with its values packed."""
        state = self._known()
        first = max(0, bisect_right(state.starts, start_ns) - 1)
        last = bisect_left(state.starts, end_ns)
        return Stretch(start_ns, state.starts[first + 1 : last], end_ns, map(state.row, range(first, last)))

    def boundaries(self, start_ns: int, end_ns: int) -> list[int]:
        """Return the instants inside (start_ns, end_ns) at which the intensity changes."""
        return self.stretch(start_ns, end_ns).cuts.tolist() if start_ns < end_ns else []

    def __len__(self) -> int:
        return len(self._known().starts)

    def changes(self, start_ns: int, end_ns: int) -> int:
        """Return how many boundaries lie inside (start_ns, end_ns)."""
        starts = self._known().starts
        return max(0, bisect_left(starts, end_ns) - bisect_right(starts, start_ns))

    @property
    def values(self) -> tuple[CarbonIntensity, ...]:
        """Return what is in force anywhere, in order of time, each value once."""
        state = self._known()
        rows = map(state.row, range(len(state.starts)))
        return tuple(dict.fromkeys(self.kinds.value(each) for each in rows if each is not None))

    def _offer(self, value: CarbonIntensity) -> _Offer:
        if value.signal != self.signal:
            raise ValueError(f"a timeline of {self.signal} intensities takes no {value.signal} one ({value.source})")
        if not (math.isfinite(value.grams_per_kwh) and value.grams_per_kwh >= 0):
            raise ValueError(f"{value.grams_per_kwh!r} gCO2eq/kWh is no carbon intensity ({value.source})")
        start_ns = DAWN_NS if value.start is None else bounded_ns(value.start)
        end_ns = DUSK_NS if value.end is None else bounded_ns(value.end)
        if end_ns <= start_ns:
            raise ValueError(f"an intensity from {value.start} until {value.end} holds at no time ({value.source})")
        self._added += 1
        held = self.kinds.pack(value, start_ns, end_ns, order=self._added)
        return _Offer(start_ns, end_ns, self.kinds.worth(held), held)


def _merged(state: _State, offers: list[_Offer], kinds: Kinds) -> _State:
    """Lay `offers`, in order of their starts, over the pieces that they touch; leave the others alone."""
    starts, held = state
    low_ns, high_ns = offers[0].start_ns, max(offer.end_ns for offer in offers)
    first = max(0, bisect_right(starts, low_ns) - 1)
    last = bisect_right(starts, high_ns)
    old = [(starts[at], state.row(at)) for at in range(first, last)]
    edges = {*starts[first:last], *(offer.start_ns for offer in offers)}
    edges.update(offer.end_ns for offer in offers if offer.end_ns < DUSK_NS)
    new_starts = starts[:first]
    new_held: list[Held] = [held[max(0, first - 1) * SIZE : first * SIZE]]
    for edge_ns, best in _swept(sorted(edges), offers, old, kinds):
        row = NOTHING if best is None else best
        if new_held[-1] != row:
            new_starts.append(edge_ns)
            new_held.append(row)
    new_starts += starts[last:]
    # One copy: a month of these, each a little longer than the last, would leave the heap full of holes.
    around = memoryview(held)
    return _State(new_starts, b"".join((around[: first * SIZE], *new_held[1:], around[last * SIZE :])))


def _swept(
    edges: list[int], offers: list[_Offer], old: list[tuple[int, Held | None]], kinds: Kinds
) -> Iterable[tuple[int, Held | None]]:
    """Yield the best at each edge. `standing` is a heap of what holds there, the best first."""
    standing: list[tuple[Worth, int, Held]] = []
    coming, passing, under = iter(offers), iter(old), None
    offer, piece = next(coming, None), next(passing, None)
    for edge_ns in edges:
        while piece is not None and piece[0] <= edge_ns:
            under, piece = piece[1], next(passing, None)
        while offer is not None and offer.start_ns <= edge_ns:
            heapq.heappush(standing, (offer.worth, offer.end_ns, offer.held))
            offer = next(coming, None)
        while standing and standing[0][1] <= edge_ns:
            heapq.heappop(standing)
        best = standing[0] if standing else None
        yield edge_ns, best[2] if best is not None and (under is None or best[0] < kinds.worth(under)) else under
