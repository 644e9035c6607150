"""Which process of a run speaks for which device, and when: what several watched at once is counted once."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from carbonsdk import units
from carbonsdk.energy import device_use, over_time
from carbonsdk.footprint import Energy
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.eras import eras
from carbonsdk.journal.records import StateNoted, Use
from carbonsdk.journal.tally import Tally
from carbonsdk.model import Device, EnergyUse

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """One attempt of one process of a run, up to `state`; `run_state` is "running", "finished" or "interrupted"."""

    assembly: Assembly
    state: StateNoted
    run_state: str
    record: str | None = None

    @property
    def span(self) -> Span:
        """Return when it ran."""
        return (self.assembly.start_ns, max(self.assembly.start_ns, self.state.at_ns))


@dataclass(frozen=True, slots=True)
class Claim:
    """One device's energy by one process, over the time that no process with a longer view of the device covers.

    `share` is the part of the process's own figure for the device that this is.
    """

    part: int
    device: Device
    use: Use
    seconds: float
    energy: Energy
    share: float

    def energy_use(self) -> EnergyUse:
        """Return what the device used."""
        use = self.use
        return device_use(self.device, use.joules, coverage=use.coverage, noise_joules=use.noise_joules, reason=use.reason)


def claims(parts: Sequence[Part], tallies: Sequence[Tally]) -> list[Claim]:
    """Return who counts for what: each device (by host, backend and id) at each instant once."""
    views: dict[tuple[int, tuple[str, str, str]], list[tuple[int, Device, Use]]] = {}
    for at, (part, tally, era) in enumerate(zip(parts, tallies, eras(parts), strict=True)):
        for device, use in zip(tally.devices, part.assembly.uses_of(part.state), strict=False):
            views.setdefault((era, device.key), []).append((at, device, use))
    found: list[Claim] = []
    for of_device in views.values():
        found += _of_device(of_device, parts, tallies)
    return found


def totals(found: Iterable[Claim]) -> dict[tuple[str, str, str], tuple[Device, EnergyUse]]:
    """Return each device with its energy over all the time that its claims are of."""
    by_device: dict[tuple[str, str, str], list[Claim]] = {}
    for claim in found:
        by_device.setdefault(claim.device.key, []).append(claim)
    return {
        key: (of_device[0].device, over_time([(claim.energy_use(), claim.seconds) for claim in of_device]))
        for key, of_device in by_device.items()
    }


class Covered:
    """Time that is taken, as stretches in order that do not touch."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._sums: list[int] | None = None

    def __bool__(self) -> bool:
        return bool(self._starts)

    def free_ns(self, span: Span) -> int:
        """Return how much of `span` is not taken."""
        if self._sums is None:
            self._sums = list(accumulate((end - start for start, end in zip(self._starts, self._ends, strict=True)), initial=0))
        first, last = bisect_right(self._ends, span[0]), bisect_left(self._starts, span[1])
        if first >= last:
            return span[1] - span[0]
        before, after = max(0, span[0] - self._starts[first]), max(0, self._ends[last - 1] - span[1])
        return span[1] - span[0] - (self._sums[last] - self._sums[first] - before - after)

    def free(self, span: Span) -> list[Span]:
        """Return what of `span` is not taken."""
        left, free = span[0], []
        for at in range(bisect_right(self._ends, span[0]), bisect_left(self._starts, span[1])):
            if self._starts[at] > left:
                free.append((left, self._starts[at]))
            left = self._ends[at]
        return [*free, (left, span[1])] if left < span[1] else free

    def take(self, span: Span) -> None:
        """Take the time of `span`."""
        self._sums = None
        first, last = bisect_left(self._ends, span[0]), bisect_right(self._starts, span[1])
        start, end = min([span[0], *self._starts[first : first + 1]]), max([span[1], *self._ends[last - 1 : last]])
        if first == last:
            start, end = span
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]


def _of_device(views: Sequence[tuple[int, Device, Use]], parts: Sequence[Part], tallies: Sequence[Tally]) -> Iterator[Claim]:
    """Let the process that saw the device longest speak first; a process that knows nothing covers nothing."""
    covered = Covered()
    ordered = sorted(views, key=lambda view: (view[2].joules is None, parts[view[0]].span[0] - parts[view[0]].span[1]))
    for at, device, use in ordered:
        span = parts[at].span
        if use.joules is None:
            free_ns = covered.free_ns(span)
            if free_ns or not covered:
                yield Claim(at, device, use, units.seconds(free_ns), [], 0.0)
            continue
        free = covered.free(span) if covered else [span]
        if not free:
            continue
        seconds = units.seconds(sum(end - start for start, end in free))
        pieces = tallies[at].marks.cut(*span, [use])
        if free != [span]:
            pieces = [clipped for piece in pieces for clipped in _clip(piece, free)]
        joules = math.fsum(piece_joules for _, _, piece_joules in pieces)
        share = 1.0 if free == [span] else joules / use.joules if use.joules else 0.0
        yield Claim(at, device, _scaled(use, joules, share), seconds, pieces, share)
        covered.take(span)


def _scaled(use: Use, joules: float, share: float) -> Use:
    return use if share == 1.0 else use._replace(joules=joules, noise_joules=use.noise_joules * share)


def _clip(piece: tuple[int, int, float], free: Sequence[Span]) -> Iterator[tuple[int, int, float]]:
    """Yield the parts of an evenly spread piece that lie in the free spans."""
    start, end, joules = piece
    for free_start, free_end in free:
        left, right = max(start, free_start), min(end, free_end)
        if left < right:
            yield (left, right, joules * (right - left) / (end - start))
