"""Where the wall clock was set back between two attempts, what seems to overlap never ran at once."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from carbonsdk import units
from carbonsdk.events import RunInfo
from carbonsdk.journal.union import length

if TYPE_CHECKING:
    from carbonsdk.journal.claims import Part


def eras(parts: "Sequence[Part]") -> list[int]:
    """Return, for each part, how often the clock had been set back before it: times of two eras say nothing of each other."""
    by_rank: dict[tuple[str, int], list[Part]] = {}
    for part in parts:
        by_rank.setdefault((_run(part).host, _run(part).rank), []).append(part)
    begins = sorted({attempt for of_rank in by_rank.values() for attempt in _set_back(of_rank)})
    return [bisect_right(begins, _attempt(part)) for part in parts]


def by_era(parts: "Sequence[Part]") -> "list[list[Part]]":
    """Return the parts of each era, oldest first."""
    found: dict[int, list[Part]] = {}
    for era, part in zip(eras(parts), parts, strict=True):
        found.setdefault(era, []).append(part)
    return [found[era] for era in sorted(found)]


def running_s(parts: "Sequence[Part]") -> float:
    """Return for how long any process ran."""
    return units.seconds(round(sum(length([part.span for part in era]) for era in by_era(parts))))


def _set_back(of_rank: "Sequence[Part]") -> Iterator[int]:
    """Yield the attempts of a rank before which the clock was set back."""
    last: Part | None = None
    for attempt, group in groupby(sorted(of_rank, key=_attempt), key=_attempt):
        beside = list(group)
        first, longest = min(beside, key=lambda part: part.span[0]), max(beside, key=lambda part: part.span[1])
        if last is not None and first.span[0] < last.span[1] and _one_after_the_other(last, first):
            yield attempt
            last = longest
        elif last is None or longest.span[1] > last.span[1]:
            last = longest


def _one_after_the_other(earlier: "Part", later: "Part") -> bool:
    """Return whether the earlier process was gone before the later began: a later attempt looks for it, where it can."""
    before, after = _run(earlier).life, _run(later).life
    if not before or not after or before == after:
        return False
    place = before.rpartition("-")[0]
    return place == after.rpartition("-")[0] or before.partition("-")[0] != after.partition("-")[0]


def _run(part: "Part") -> RunInfo:
    return part.assembly.run_info


def _attempt(part: "Part") -> int:
    return _run(part).attempt
