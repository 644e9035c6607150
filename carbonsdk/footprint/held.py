"""Carbon intensities packed into bytes: a month of them is thousands, and an object each would take many times the room."""

import struct
from dataclasses import fields, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from carbonsdk.clock import unix_ns, utc
from carbonsdk.model import CarbonIntensity

DAWN_NS = -(2**62)
DUSK_NS = 2**62
_LONGEST_SLOT = timedelta(weeks=4)

_HELD = struct.Struct("<dqqqIq")
_OWN = {"grams_per_kwh", "start", "end", "fetched_at"}  # what each value has for itself
_shared = attrgetter(*(each.name for each in fields(CarbonIntensity) if each.name not in _OWN))
_INTERVAL, _INTERVAL_AT = struct.Struct("<qq"), 8
_ORDER_BYTES = 8
_GRAMS = struct.Struct("<d")
SIZE = _HELD.size
NOTHING = bytes(SIZE)

Held = bytes
"""A value, packed: grams, start, end, time of fetching, which kind it is of, and when it was added."""

Worth = tuple[int, ...]
"""What values are sorted by: the smaller, the better."""


def grams_per_kwh(held: Held, *, place: int = 0) -> float:
    """Return the intensity of a value, or of the one at a place of several that are packed together."""
    return float(_GRAMS.unpack_from(held, place * SIZE)[0])


def interval_ns(held: Held) -> tuple[int, int]:
    """Return the start and the end of a value's own interval."""
    start_ns, end_ns = _INTERVAL.unpack_from(held, _INTERVAL_AT)
    return start_ns, end_ns


def without_order(held: Held) -> Held:
    """Return a value as if it had been added first: what is equal then is one value, given again."""
    return held[:-_ORDER_BYTES] + bytes(_ORDER_BYTES)


def bounded_ns(moment: datetime) -> int:
    """Return a Unix time in nanoseconds, cut to those that 62 bits hold: until the year 2116."""
    return max(DAWN_NS, min(unix_ns(moment), DUSK_NS))


class _Kind(NamedTuple):
    """What a service's values have in common, kept once."""

    worth: tuple[int, int, int]
    pattern: CarbonIntensity


class Kinds:
    """The kinds that held values name by their place. Only ever grows."""

    __slots__ = ("_kinds", "_places")

    def __init__(self) -> None:
        self._kinds: list[_Kind] = []
        self._places: dict[tuple[object, ...], int] = {}

    def _place(self, value: CarbonIntensity) -> int:
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

    def pack(self, value: CarbonIntensity, start_ns: int, end_ns: int, *, order: int) -> Held:
        """Return a value that holds for an interval, packed; `order` counts what was added before it."""
        fetched_ns = DAWN_NS if value.fetched_at is None else bounded_ns(value.fetched_at)
        return _HELD.pack(value.grams_per_kwh, start_ns, end_ns, fetched_ns, self._place(value), order)

    def worth(self, held: Held) -> Worth:
        """Return what values are sorted by."""
        _, _, _, fetched_ns, kind, order = _HELD.unpack(held)
        return (*self._kinds[kind].worth, -fetched_ns, -order)

    def value(self, held: Held) -> CarbonIntensity:
        """Return the value itself."""
        grams, start_ns, end_ns, fetched_ns, kind, _ = _HELD.unpack(held)
        pattern: CarbonIntensity = self._kinds[kind].pattern
        return replace(
            pattern,
            grams_per_kwh=grams,
            start=None if start_ns == DAWN_NS else utc(start_ns),
            end=None if end_ns == DUSK_NS else utc(end_ns),
            fetched_at=None if fetched_ns == DAWN_NS else utc(fetched_ns),
        )
