"""The newest epochs of a run, packed: a month of training must not grow the process that is measured."""

import json
import math
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache
from typing import overload

from carbonsdk.journal.records import EpochEnded, SpanUse, Use

NEWEST = 10_000

Reasons = tuple[str | None, ...]
Packed = bytes | tuple[bytes, str | None, Reasons, bytes]
"""Edges, uses and name in one string of bytes; beside it, where there are any, the reasons and the spans, compressed."""

_EDGES = struct.Struct("<qqqBH")
_USE = "Hdddd"
_ABSENT = math.nan  # records hold no NaN, so it can stand for None


class EpochShelf(Sequence[EpochEnded]):
    """At most `limit` epochs, oldest first."""

    __slots__ = ("_packed",)

    def __init__(self, packed: Sequence[Packed] = (), *, limit: int = NEWEST) -> None:
        self._packed: deque[Packed] = deque(packed, maxlen=limit)

    def put(self, epoch: EpochEnded) -> None:
        """Add an epoch that is newer than the others."""
        self._packed.append(_pack(epoch))

    def correct(self, epoch: EpochEnded) -> None:
        """Let an epoch take the place of the one that has its number, if that is still here."""
        for at in range(len(self._packed) - 1, -1, -1):  # corrections are of the newest
            if _number(self._packed[at]) == epoch.number:
                self._packed[at] = _pack(epoch)
                return

    def snapshot(self) -> "EpochShelf":
        """Return a shelf that later additions do not change."""
        return EpochShelf(self._packed, limit=self._packed.maxlen or NEWEST)

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[EpochEnded]:
        return (_unpack(packed) for packed in tuple(self._packed))

    @overload
    def __getitem__(self, index: int) -> EpochEnded: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[EpochEnded, ...]: ...
    def __getitem__(self, index: int | slice) -> EpochEnded | tuple[EpochEnded, ...]:
        if isinstance(index, slice):
            return tuple(map(_unpack, list(self._packed)[index]))
        return _unpack(self._packed[index])


def _pack(epoch: EpochEnded) -> Packed:
    flags = epoch.failed | epoch.partial << 1 | epoch.provisional << 2 | epoch.closes << 3
    edges = _EDGES.pack(epoch.number, epoch.start_ns, epoch.end_ns, flags, len(epoch.uses))
    uses, reasons = _pack_uses(epoch.uses)
    packed = edges + uses + epoch.name.encode("utf-8", "surrogatepass")
    if not (reasons or epoch.reason is not None or epoch.spans):
        return packed
    return (packed, epoch.reason, reasons, _pack_spans(epoch.spans))


def _unpack(packed: Packed) -> EpochEnded:
    numbers, reason, reasons, spans = (packed, None, (), b"") if isinstance(packed, bytes) else packed
    number, start_ns, end_ns, flags, count = _EDGES.unpack_from(numbers)
    name_at = _EDGES.size + _layout(count).size
    return EpochEnded(
        number,
        numbers[name_at:].decode("utf-8", "surrogatepass"),
        start_ns,
        end_ns,
        _unpack_uses(numbers[_EDGES.size : name_at], reasons),
        _unpack_spans(spans),
        failed=bool(flags & 1),
        partial=bool(flags & 2),
        provisional=bool(flags & 4),
        reason=reason,
        closes=bool(flags & 8),
    )


def _number(packed: Packed) -> int:
    number: int = _EDGES.unpack_from(packed if isinstance(packed, bytes) else packed[0])[0]
    return number


def _pack_spans(spans: tuple[SpanUse, ...]) -> bytes:
    # JSON keeps every digit of a float, and most of it is alike: a third of what a table of numbers takes.
    return zlib.compress(json.dumps(spans, separators=(",", ":")).encode(), 1) if spans else b""


def _unpack_spans(packed: bytes) -> tuple[SpanUse, ...]:
    rows = json.loads(zlib.decompress(packed)) if packed else ()
    return tuple(SpanUse(name, times, ns, tuple(Use(*use) for use in uses)) for name, times, ns, uses in rows)


def _pack_uses(uses: tuple[Use, ...]) -> tuple[bytes, Reasons]:
    flat: list[float] = []
    explained = False
    for device, start_joules, joules, coverage, noise_joules, reason in uses:
        flat += (device, start_joules, _ABSENT if joules is None else joules, coverage, noise_joules)
        explained = explained or reason is not None
    return _layout(len(uses)).pack(*flat), tuple(use.reason for use in uses) if explained else ()


def _unpack_uses(packed: bytes, reasons: Reasons) -> tuple[Use, ...]:
    return tuple(
        Use(device, start, None if math.isnan(joules) else joules, coverage, noise, reasons[at] if reasons else None)
        for at, (device, start, joules, coverage, noise) in enumerate(_layout(1).iter_unpack(packed))
    )


@cache
def _layout(count: int) -> struct.Struct:
    return struct.Struct("<" + _USE * count)
