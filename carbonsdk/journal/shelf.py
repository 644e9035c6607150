"""The newest epochs of a run, packed: a month of training must not grow the process that is measured."""

import json
import math
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import overload

from carbonsdk.journal.aside import Stretch
from carbonsdk.journal.records import EpochEnded, SpanUse, Use

NEWEST = 10_000
_MOST_NEAR = 1_000

Reasons = tuple[str | None, ...]
Packed = bytes | tuple[bytes, str | None, Reasons, bytes]
"""Edges, uses and name in one string of bytes; beside it, where there are any, the reasons and the spans, compressed."""

_EDGES = struct.Struct("<qqqBHI")
_USE = "Hdddd"
_ABSENT = math.nan  # records hold no NaN, so it can stand for None


class EpochShelf(Sequence[EpochEnded]):
    """At most `limit` epochs, oldest first. Where there is a directory `aside`, only the last thousand are kept in memory."""

    __slots__ = ("_aside", "_far", "_gone", "_limit", "_near", "_places", "_skipped", "_spill_at")

    def __init__(self, *, limit: int = NEWEST, aside: Path | None = None) -> None:
        self._limit, self._aside = limit, aside
        self._near: deque[Packed] = deque()
        self._places: dict[int, int] = {}  # in `_near`, and what has left it: a hostile journal may correct a million times
        self._gone = 0
        self._far: list[Stretch] = []
        self._skipped = 0  # of the oldest stretch: older than `limit` epochs
        self._spill_at = _MOST_NEAR

    def put(self, epoch: EpochEnded) -> None:
        """Add an epoch that is newer than the others."""
        self._places[epoch.number] = self._gone + len(self._near)
        self._near.append(_pack(epoch))
        if self._aside is not None and len(self._near) >= self._spill_at:
            self._spill(self._aside)
        self.keep(self._limit)

    def keep(self, count: int) -> None:
        """Let go of all but the newest `count` epochs."""
        while len(self) > count:
            self._drop()

    def correct(self, epoch: EpochEnded) -> None:
        """Let an epoch take the place of the one that has its number, if that is still here."""
        packed = _pack(epoch)
        place = self._places.get(epoch.number)
        if place is not None:
            self._near[place - self._gone] = packed
            return
        with suppress(OSError):  # no room: the epoch stays as it was, and the record has the correction
            any(stretch.replace(epoch.number, _row(packed)) for stretch in reversed(self._far))

    def snapshot(self) -> "EpochShelf":
        """Return a shelf that later additions do not change."""
        twin = EpochShelf(limit=self._limit)
        twin._near, twin._skipped = self._near.copy(), self._skipped
        twin._far = [stretch.copy() for stretch in self._far]
        return twin

    def sizes(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (start_ns, end_ns, uses, spans) of each epoch in memory, the newest first."""
        for packed in reversed(self._near):
            _, start_ns, end_ns, _, uses, spans = _EDGES.unpack_from(packed if isinstance(packed, bytes) else packed[0])
            yield start_ns, end_ns, uses, spans

    @property
    def in_memory(self) -> int:
        """Return how many epochs are not set aside."""
        return len(self._near)

    def __len__(self) -> int:
        return sum(map(len, self._far)) - self._skipped + len(self._near)

    def __iter__(self) -> Iterator[EpochEnded]:
        near = tuple(self._near)
        yield from (self._far_epoch(at) for at in range(len(self) - len(near)))
        yield from map(_unpack, near)

    @overload
    def __getitem__(self, index: int) -> EpochEnded: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[EpochEnded, ...]: ...
    def __getitem__(self, index: int | slice) -> EpochEnded | tuple[EpochEnded, ...]:
        places = range(len(self))[index]
        return self._at(places) if isinstance(places, int) else tuple(map(self._at, places))

    def _at(self, place: int) -> EpochEnded:
        far = len(self) - len(self._near)
        return self._far_epoch(place) if place < far else _unpack(self._near[place - far])

    def _far_epoch(self, place: int) -> EpochEnded:
        place += self._skipped
        for stretch in self._far:
            if place < len(stretch):
                return _unpack(_packed(stretch.row(place)))
            place -= len(stretch)
        raise IndexError(place)

    def _spill(self, directory: Path) -> None:
        """Set the older half aside; where the disk refuses, keep it, and try again some epochs later."""
        oldest = [self._near[at] for at in range(_MOST_NEAR // 2)]
        try:
            if not self._far or len(self._far[-1]) >= self._limit // 2:
                self._far.append(Stretch(directory))
            self._far[-1].append([(_number(packed), _row(packed)) for packed in oldest])
        except OSError:
            self._spill_at = len(self._near) + _MOST_NEAR // 2
            return
        for _ in oldest:
            self._pop()
        self._spill_at = max(_MOST_NEAR, len(self._near) + 1)

    def _drop(self) -> None:
        if not self._far:
            self._pop()
            return
        self._skipped += 1
        if self._skipped >= len(self._far[0]):
            del self._far[0]
            self._skipped = 0

    def _pop(self) -> None:
        number = _number(self._near.popleft())
        if self._places.get(number) == self._gone:
            del self._places[number]
        self._gone += 1


def _pack(epoch: EpochEnded) -> Packed:
    flags = epoch.failed | epoch.partial << 1 | epoch.provisional << 2 | epoch.closes << 3
    edges = _EDGES.pack(epoch.number, epoch.start_ns, epoch.end_ns, flags, len(epoch.uses), len(epoch.spans))
    uses, reasons = _pack_uses(epoch.uses)
    packed = edges + uses + epoch.name.encode("utf-8", "surrogatepass")
    if not (reasons or epoch.reason is not None or epoch.spans):
        return packed
    return (packed, epoch.reason, reasons, _pack_spans(epoch.spans))


def _unpack(packed: Packed) -> EpochEnded:
    numbers, reason, reasons, spans = (packed, None, (), b"") if isinstance(packed, bytes) else packed
    number, start_ns, end_ns, flags, count, _ = _EDGES.unpack_from(numbers)
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


def _row(packed: Packed) -> bytes:
    """Return a packed epoch as one string of bytes."""
    numbers, reason, reasons, spans = (packed, None, (), b"") if isinstance(packed, bytes) else packed
    return json.dumps([len(numbers), reason, reasons]).encode() + b"\n" + numbers + spans


def _packed(row: bytes) -> Packed:
    head, _, rest = row.partition(b"\n")
    length, reason, reasons = json.loads(head)
    return (rest[:length], reason, tuple(reasons), rest[length:])


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


@lru_cache(maxsize=16)  # those of hundreds of devices are large, and a hostile journal has epochs of any number of them
def _layout(count: int) -> struct.Struct:
    return struct.Struct("<" + _USE * count)
