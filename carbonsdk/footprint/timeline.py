"""Which carbon intensity holds at which instant."""

import heapq
import math
import struct
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from carbonsdk.clock import unix_ns, utc
from carbonsdk.model import CarbonIntensity, Signal

_DAWN_NS = -(2**62)
_DUSK_NS = 2**62
_LONGEST_SLOT = timedelta(weeks=4)

_FIGURES = struct.Struct("<dqqq")

Worth = tuple[int, ...]
Piece = tuple[int, int, CarbonIntensity | None]


class _Kind(NamedTuple):
    """What a service's values have in common, kept once: a month of them is thousands."""

    worth: tuple[int, int, int]
    pattern: CarbonIntensity


class _Held(NamedTuple):
    """A value, packed: grams, start, end and time of fetching, beside what it shares with others of its kind."""

    kind: _Kind
    figures: bytes
    order: int

    @property
    def worth(self) -> Worth:
        """Return what a heap sorts by: the smaller, the better."""
        fetched_ns = _FIGURES.unpack(self.figures)[3]
        return (*self.kind.worth, -fetched_ns, -self.order)

    @property
    def value(self) -> CarbonIntensity:
        """Return the value itself."""
        grams, start_ns, end_ns, fetched_ns = _FIGURES.unpack(self.figures)
        return replace(
            self.kind.pattern,
            grams_per_kwh=grams,
            start=None if start_ns == _DAWN_NS else utc(start_ns),
            end=None if end_ns == _DUSK_NS else utc(end_ns),
            fetched_at=None if fetched_ns == _DAWN_NS else utc(fetched_ns),
        )


class _Offer(NamedTuple):
    start_ns: int
    end_ns: int
    held: _Held


class Timeline:
    """Intensities of one signal along the Unix-nanosecond axis, the best known at each instant.

    At an instant that several values claim, the first of these wins: the user's own figure; what a service says of that very
    time (what was settled or live before what was estimated, that before what was forecast); the same where it is only a
    fallback; a lasting average (open, or of more than four weeks); a lasting average that is a fallback. Of two alike a
    settled one wins, then the one fetched last, then the one added last.

    One thread at a time adds; any number may read meanwhile, and each sees the values before an addition or those after it.
    """

    __slots__ = ("_added", "_kinds", "_lock", "_state", "signal")

    def __init__(self, values: Iterable[CarbonIntensity] = (), *, signal: Signal = Signal.AVERAGE) -> None:
        self.signal = signal
        self._added = 0
        self._kinds: dict[CarbonIntensity, _Kind] = {}
        self._lock = threading.Lock()
        # Piece i holds from starts[i] until starts[i + 1]. Replaced as a whole, never changed.
        self._state: tuple[list[int], list[_Held | None]] = ([_DAWN_NS], [None])
        self.add(values)

    def add(self, values: Iterable[CarbonIntensity]) -> None:
        """Take in values, each where it is better than what is there; raise ValueError for one that makes no sense."""
        with self._lock:
            offers = [self._offer(value) for value in values]
            if offers:
                self._state = _merged(*self._state, sorted(offers, key=lambda offer: offer.start_ns))

    def at(self, instant_ns: int) -> CarbonIntensity | None:
        """Return the intensity at an instant, or None where none is known."""
        starts, held = self._state
        found = held[max(0, bisect_right(starts, instant_ns) - 1)]
        return None if found is None else found.value

    def pieces(self, start_ns: int, end_ns: int) -> list[Piece]:
        """Return [start_ns, end_ns) cut where the intensity changes, in order, without a gap."""
        if end_ns <= start_ns:
            return []
        starts, held = self._state
        first = max(0, bisect_right(starts, start_ns) - 1)
        last = bisect_left(starts, end_ns)
        edges = [start_ns, *starts[first + 1 : last], end_ns]
        values = (None if each is None else each.value for each in held[first:last])
        return list(zip(edges, edges[1:], values, strict=False))

    def boundaries(self, start_ns: int, end_ns: int) -> list[int]:
        """Return the instants inside (start_ns, end_ns) at which the intensity changes."""
        return [start for start, _, _ in self.pieces(start_ns, end_ns)[1:]]

    @property
    def values(self) -> tuple[CarbonIntensity, ...]:
        """Return what is in force anywhere, in order of time, each value once."""
        return tuple(dict.fromkeys(each.value for each in self._state[1] if each is not None))

    def _offer(self, value: CarbonIntensity) -> _Offer:
        if value.signal != self.signal:
            raise ValueError(f"a timeline of {self.signal} intensities takes no {value.signal} one ({value.source})")
        if not (math.isfinite(value.grams_per_kwh) and value.grams_per_kwh >= 0):
            raise ValueError(f"{value.grams_per_kwh!r} gCO2eq/kWh is no carbon intensity ({value.source})")
        start_ns = _DAWN_NS if value.start is None else _within(value.start)
        end_ns = _DUSK_NS if value.end is None else _within(value.end)
        if end_ns <= start_ns:
            raise ValueError(f"an intensity from {value.start} until {value.end} holds at no time ({value.source})")
        self._added += 1
        fetched_ns = _DAWN_NS if value.fetched_at is None else _within(value.fetched_at)
        figures = _FIGURES.pack(value.grams_per_kwh, start_ns, end_ns, fetched_ns)
        return _Offer(start_ns, end_ns, _Held(self._kind(value), figures, self._added))

    def _kind(self, value: CarbonIntensity) -> _Kind:
        lasting = value.start is None or value.end is None or value.end - value.start > _LONGEST_SLOT
        # The pattern's dates say nothing but whether it lasts, so that two of one pattern are of one worth.
        open_end = None if lasting else utc(0)
        pattern = replace(value, grams_per_kwh=0.0, start=open_end, end=open_end, fetched_at=None)
        kind = self._kinds.get(pattern)
        if kind is None:
            reality = 0 if value.forecast else 1 if value.estimated else 2
            tier = 4 if value.own else (1 if lasting else 3) - value.fallback
            kind = self._kinds[pattern] = _Kind((-tier, -reality, -int(value.settled)), pattern)
        return kind


def _within(moment: datetime) -> int:
    """Return a Unix time in nanoseconds, cut to those that 62 bits hold: until the year 2116."""
    return max(_DAWN_NS, min(unix_ns(moment), _DUSK_NS))


def _merged(starts: list[int], held: list[_Held | None], offers: list[_Offer]) -> tuple[list[int], list[_Held | None]]:
    """Lay `offers`, in order of their starts, over the pieces that they touch; leave the others alone."""
    low_ns, high_ns = offers[0].start_ns, max(offer.end_ns for offer in offers)
    first = max(0, bisect_right(starts, low_ns) - 1)
    last = bisect_right(starts, high_ns)
    old_starts, old_held = starts[first:last], held[first:last]
    edges = {*old_starts, *(offer.start_ns for offer in offers)}
    edges.update(offer.end_ns for offer in offers if offer.end_ns < _DUSK_NS)
    new_starts, new_held = starts[:first], held[:first]
    for edge_ns, best in _swept(sorted(edges), offers, list(zip(old_starts, old_held, strict=True))):
        if not new_held or new_held[-1] is not best:
            new_starts.append(edge_ns)
            new_held.append(best)
    return new_starts + starts[last:], new_held + held[last:]


def _swept(edges: list[int], offers: list[_Offer], old: list[tuple[int, _Held | None]]) -> Iterable[tuple[int, _Held | None]]:
    """Yield the best at each edge. `standing` is a heap of what holds there, the best first."""
    standing: list[tuple[Worth, int, _Held]] = []
    coming, passing, under = iter(offers), iter(old), None
    offer, piece = next(coming, None), next(passing, None)
    for edge_ns in edges:
        while piece is not None and piece[0] <= edge_ns:
            under, piece = piece[1], next(passing, None)
        while offer is not None and offer.start_ns <= edge_ns:
            heapq.heappush(standing, (offer.held.worth, offer.end_ns, offer.held))
            offer = next(coming, None)
        while standing and standing[0][1] <= edge_ns:
            heapq.heappop(standing)
        above = standing[0][2] if standing else None
        yield edge_ns, above if above is not None and (under is None or above.worth < under.worth) else under
