"""The intensities that an energy use fell under: a month of them is thousands, and most reports are never asked for them."""

import math
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, overload

from carbonsdk.footprint.held import SIZE, Held, Kinds, grams_per_kwh, interval_ns, without_order
from carbonsdk.model import CarbonIntensity

Part = tuple[CarbonIntensity, float]

_FEW = 16


class Sums:
    """Joules added up by intensity, in the order of time, in little more room than the result."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._joules = array("d")
        self._places: dict[Held, int] = {}
        self._more: dict[int, list[float]] = {}

    def add(self, held: Held, joules: float, *, start_ns: int, end_ns: int) -> None:
        """Add what was used while a value held from `start_ns` until `end_ns`."""
        value = without_order(held)
        # Only a value that holds for a part of its own interval can hold another time.
        lasting = interval_ns(held) != (start_ns, end_ns)
        place = self._places.setdefault(value, len(self._joules)) if lasting else len(self._joules)
        if place < len(self._joules):
            self._more.setdefault(place, [self._joules[place]]).append(joules)
        else:
            self._held += value
            self._joules.append(joules)

    def parts(self, kinds: Kinds) -> "Parts | None":
        """Return the sums; None where nothing was added. One of no joules says nothing of the energy, unless all are so."""
        for place, joules in self._more.items():
            self._joules[place] = math.fsum(joules)
        count = len(self._joules)
        used = [place for place, joules in enumerate(self._joules) if joules] if 0.0 in self._joules else range(count)
        kept = used or range(min(1, count))
        if len(kept) == count:
            return Parts(bytes(self._held), self._joules, kinds) if count else None
        held = b"".join(bytes(self._held[place * SIZE : (place + 1) * SIZE]) for place in kept)
        return Parts(held, array("d", (self._joules[place] for place in kept)), kinds)


class Parts(Sequence[Part]):
    """Intensities and joules, each pair made when it is asked for."""

    __slots__ = ("_held", "_joules", "_kinds")

    def __init__(self, held: bytes, joules: "array[float]", kinds: Kinds) -> None:
        self._held, self._joules, self._kinds = held, joules, kinds

    @property
    def joules(self) -> Sequence[float]:
        """Return the joules under each intensity."""
        return self._joules

    @property
    def grams_per_kwh(self) -> Iterator[float]:
        """Yield the intensities themselves."""
        return (grams_per_kwh(self._held, place=place) for place in range(len(self._joules)))

    def plain(self) -> Sequence[Part]:
        """Return these as a tuple, where they are few."""
        return tuple(self) if len(self) <= _FEW else self

    def __len__(self) -> int:
        return len(self._joules)

    def __iter__(self) -> Iterator[Part]:
        return map(self._part, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Part: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Part, ...]: ...
    def __getitem__(self, index: int | slice) -> Part | tuple[Part, ...]:
        places = range(len(self))[index]
        return self._part(places) if isinstance(places, int) else tuple(map(self._part, places))

    def _part(self, place: int) -> Part:
        return self._kinds.value(self._held[place * SIZE : (place + 1) * SIZE]), self._joules[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<{len(self)} intensities>"

    def __reduce__(self) -> Any:
        return (tuple, (list(self),))
