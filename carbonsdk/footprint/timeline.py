"""Which carbon intensity holds at which instant."""

import heapq
import math
import struct
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from carbonsdk.clock import unix_ns, utc
from carbonsdk.model import CarbonIntensity, Signal

_DAWN_NS = -(2**62)
_DUSK_NS = 2**62
_LONGEST_SLOT = timedelta(weeks=4)

_TOO_FEW_TO_FORGET = 16
_WORTH_A_COPY = 64  # times as many pieces as values to come: then these wait, since each addition copies all

_HELD = struct.Struct("<dqqqIq")
_OWN = {"grams_per_kwh", "start", "end", "fetched_at"}  # what each value has for itself
_shared = attrgetter(*(each.name for each in fields(CarbonIntensity) if each.name not in _OWN))
_SIZE = _HELD.size
_NOTHING = bytes(_SIZE)

Held = bytes
"""A value, packed: grams, start, end, time of fetching, which kind it is of, and when it was added; a month has thousands."""

Worth = tuple[int, ...]
Piece = tuple[int, int, CarbonIntensity | None]


class _Kind(NamedTuple):
    """What a service's values have in common, kept once."""

    worth: tuple[int, int, int]
    pattern: CarbonIntensity


class _Offer(NamedTuple):
    start_ns: int
    end_ns: int
    worth: Worth
    held: Held


class Kinds:
    """The kinds that held values name by their place. Only ever grows."""

    __slots__ = ("_kinds", "_places")

    def __init__(self) -> None:
        self._kinds: list[_Kind] = []
        self._places: dict[tuple[object, ...], int] = {}

    def place(self, value: CarbonIntensity) -> int:
        """Return the place of a value's kind."""
        lasting = value.start is None or value.end is None or value.end - value.start > _LONGEST_SLOT
        key = (lasting, *_shared(value))  # a year has a hundred thousand values: no dataclass is made and hashed for each
        place = self._places.get(key)
        if place is None:
            reality = 0 if value.forecast else 1 if value.estimated else 2
            tier = 4 if value.own else (1 if lasting else 3) - value.fallback
            pattern = replace(value, grams_per_kwh=0.0, start=None, end=None, fetched_at=None)
            self._kinds.append(_Kind((-tier, -reality, -int(value.settled)), pattern))
            place = self._places[key] = len(self._kinds) - 1
        return place

    def worth(self, held: Held) -> Worth:
        """Return what a heap sorts by: the smaller, the better."""
        _, _, _, fetched_ns, kind, order = _HELD.unpack(held)
        return (*self._kinds[kind].worth, -fetched_ns, -order)

    def value(self, held: Held) -> CarbonIntensity:
        """Return the value itself."""
        grams, start_ns, end_ns, fetched_ns, kind, _ = _HELD.unpack(held)
        pattern: CarbonIntensity = self._kinds[kind].pattern
        return replace(
            pattern,
            grams_per_kwh=grams,
            start=None if start_ns == _DAWN_NS else utc(start_ns),
            end=None if end_ns == _DUSK_NS else utc(end_ns),
            fetched_at=None if fetched_ns == _DAWN_NS else utc(fetched_ns),
        )


class _State(NamedTuple):
    """Where pieces start, and the values that hold in them, one string of bytes: an object each would take twice the room."""

    starts: "array[int]"
    held: bytes

    def row(self, at: int) -> Held | None:
        """Return what holds in a piece."""
        found = self.held[at * _SIZE : (at + 1) * _SIZE]
        return None if found == _NOTHING else found


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
        self._state = _State(array("q", [_DAWN_NS]), _NOTHING)
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
                self._state = _State(array("q", [_DAWN_NS]) + starts[first:], _NOTHING + held[first * _SIZE :])

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
        start_ns = _DAWN_NS if value.start is None else _within(value.start)
        end_ns = _DUSK_NS if value.end is None else _within(value.end)
        if end_ns <= start_ns:
            raise ValueError(f"an intensity from {value.start} until {value.end} holds at no time ({value.source})")
        self._added += 1
        fetched_ns = _DAWN_NS if value.fetched_at is None else _within(value.fetched_at)
        kind = self.kinds.place(value)
        held = _HELD.pack(value.grams_per_kwh, start_ns, end_ns, fetched_ns, kind, self._added)
        return _Offer(start_ns, end_ns, self.kinds.worth(held), held)


def _within(moment: datetime) -> int:
    """Return a Unix time in nanoseconds, cut to those that 62 bits hold: until the year 2116."""
    return max(_DAWN_NS, min(unix_ns(moment), _DUSK_NS))


def _merged(state: _State, offers: list[_Offer], kinds: Kinds) -> _State:
    """Lay `offers`, in order of their starts, over the pieces that they touch; leave the others alone."""
    starts, held = state
    low_ns, high_ns = offers[0].start_ns, max(offer.end_ns for offer in offers)
    first = max(0, bisect_right(starts, low_ns) - 1)
    last = bisect_right(starts, high_ns)
    old = [(starts[at], state.row(at)) for at in range(first, last)]
    edges = {*starts[first:last], *(offer.start_ns for offer in offers)}
    edges.update(offer.end_ns for offer in offers if offer.end_ns < _DUSK_NS)
    new_starts = starts[:first]
    new_held: list[Held] = [held[max(0, first - 1) * _SIZE : first * _SIZE]]
    for edge_ns, best in _swept(sorted(edges), offers, old, kinds):
        row = _NOTHING if best is None else best
        if new_held[-1] != row:
            new_starts.append(edge_ns)
            new_held.append(row)
    return _State(new_starts + starts[last:], held[: first * _SIZE] + b"".join(new_held[1:]) + held[last * _SIZE :])


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
