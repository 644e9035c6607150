"""The newest epochs of a run, packed: a month of training must not grow the process that is measured."""

import math
import struct
from collections.abc import Iterator, Sequence
from functools import cache
from sys import intern
from typing import Any, overload

from carbonsdk.journal.records import EpochEnded, SpanUse, Use

NEWEST = 10_000

Packed = tuple[Any, ...]
_EDGES = struct.Struct("<qqqB")
_ABSENT = math.nan  # records hold no NaN, so it can stand for None


class EpochShelf(Sequence[EpochEnded]):
    """At most `limit` epochs, oldest first; one whose number is there already takes the older one's place."""

    __slots__ = ("_limit", "_packed")

    def __init__(self, packed: dict[int, Packed] | None = None, *, limit: int = NEWEST) -> None:
        self._packed: dict[int, Packed] = packed or {}
        self._limit = limit

    def put(self, epoch: EpochEnded) -> None:
        """Add an epoch, or correct it."""
        self._packed[epoch.number] = _pack(epoch)
        if len(self._packed) > self._limit:
            del self._packed[next(iter(self._packed))]

    def snapshot(self) -> "EpochShelf":
        """Return a shelf that later additions do not change."""
        return EpochShelf(dict(self._packed), limit=self._limit)

    def holds(self, number: int) -> bool:
        """Say whether the epoch of this number is on the shelf."""
        return number in self._packed

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[EpochEnded]:
        return (_unpack(packed) for packed in tuple(self._packed.values()))

    @overload
    def __getitem__(self, index: int) -> EpochEnded: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[EpochEnded, ...]: ...
    def __getitem__(self, index: int | slice) -> EpochEnded | tuple[EpochEnded, ...]:
        packed = list(self._packed.values())[index]
        return tuple(map(_unpack, packed)) if isinstance(packed, list) else _unpack(packed)


def _pack(epoch: EpochEnded) -> Packed:
    flags = epoch.failed | epoch.partial << 1 | epoch.provisional << 2 | epoch.closes << 3
    spans = tuple((intern(str(span.name)), span.times, span.duration_ns, *_pack_uses(span.uses)) for span in epoch.spans)
    numbers, reasons = _pack_uses(epoch.uses, _EDGES.pack(epoch.number, epoch.start_ns, epoch.end_ns, flags))
    return (numbers, reasons, intern(str(epoch.name)), epoch.reason, spans)


def _unpack(packed: Packed) -> EpochEnded:
    numbers, reasons, name, reason, spans = packed
    number, start_ns, end_ns, flags = _EDGES.unpack_from(numbers)
    return EpochEnded(
        number,
        name,
        start_ns,
        end_ns,
        _unpack_uses(numbers, reasons, _EDGES.size),
        tuple(SpanUse(name, times, ns, _unpack_uses(numbers, reasons)) for name, times, ns, numbers, reasons in spans),
        failed=bool(flags & 1),
        partial=bool(flags & 2),
        provisional=bool(flags & 4),
        reason=reason,
        closes=bool(flags & 8),
    )


def _pack_uses(uses: tuple[Use, ...], head: bytes = b"") -> tuple[bytes, tuple[str | None, ...] | None]:
    flat: list[float] = []
    explained = False
    for device, start_joules, joules, coverage, noise_joules, reason in uses:
        flat += (device, start_joules, _ABSENT if joules is None else joules, coverage, noise_joules)
        explained = explained or reason is not None
    return head + _layout(len(uses)).pack(*flat), tuple(use.reason for use in uses) if explained else None


def _unpack_uses(numbers: bytes, reasons: tuple[str | None, ...] | None, offset: int = 0) -> tuple[Use, ...]:
    rows = _layout(1).iter_unpack(numbers[offset:])
    return tuple(
        Use(device, start, None if math.isnan(joules) else joules, coverage, noise, None if reasons is None else reasons[index])
        for index, (device, start, joules, coverage, noise) in enumerate(rows)
    )


@cache
def _layout(count: int) -> struct.Struct:
    return struct.Struct("<" + "Hdddd" * count)
