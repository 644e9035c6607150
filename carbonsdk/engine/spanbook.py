"""Spans of one owner (an epoch, or the run outside any), folded into count, time and energy by name."""

import threading
from itertools import repeat
from typing import TYPE_CHECKING

from carbonsdk.engine.ledger import Ledger, Rise
from carbonsdk.journal.records import SpanUse, Use

if TYPE_CHECKING:
    from carbonsdk.engine.scopes import Span

_BATCH = 2_048
_NAMES = 1_000
OVERFLOW = "(more names)"


class _Tally:
    """All spans of a name so far: per device joules, covered time and noise."""

    __slots__ = ("duration_ns", "sums", "times")

    def __init__(self) -> None:
        self.times = 0
        self.duration_ns = 0
        self.sums: list[tuple[float, float, float]] = []

    def add(self, spans: list["Span"], rises: list[list[Rise]]) -> None:
        self.times += len(spans)
        self.duration_ns += sum([span.end_ns - span.start_ns for span in spans])
        for device, found in enumerate(rises):
            if device == len(self.sums):
                self.sums.append((0.0, 0.0, 0.0))
            joules, covered_ns, noise = self.sums[device]
            _, more_joules, more_ns, more_noise = zip(*found, strict=True)
            # The noise adds up linearly: what one reading says of many short spans errs the same way for all of them.
            self.sums[device] = (joules + sum(more_joules), covered_ns + sum(more_ns), noise + sum(more_noise))

    def copy(self) -> "_Tally":
        twin = _Tally()
        twin.times, twin.duration_ns, twin.sums = self.times, self.duration_ns, self.sums[:]
        return twin

    def uses(self, ledger: Ledger) -> tuple[Use, ...]:
        found = (use_of(device, (0.0, *sums), self.duration_ns) for device, sums in enumerate(self.sums))
        return tuple(use._replace(noise_joules=self._noise(ledger, use)) for use in found)

    def _noise(self, ledger: Ledger, use: Use) -> float:
        if use.joules is None:
            return use.noise_joules
        # However many spans a name has, they can hide no more than the device can have drawn in all their time.
        return min(use.noise_joules, max(use.joules, ledger.most_joules(use.device, self.duration_ns) - use.joules))


def use_of(device: int, rise: Rise, duration_ns: int) -> Use:
    """Return what a device used over spans of a duration in all."""
    start_joules, joules, covered_ns, noise = rise
    if covered_ns <= 0 < duration_ns:
        return Use(device, start_joules, None, 0.0, 0.0, "no reading in this interval")
    coverage = min(1.0, covered_ns / duration_ns) if duration_ns else 1.0
    return Use(device, start_joules, joules, coverage, noise)


def _at_once(spans: list["Span"]) -> float:
    """Return how many spans were open at a time, on the average, from the first end to the last."""
    begun_ns = min([span.end_ns for span in spans])
    extent_ns = max([span.end_ns for span in spans]) - begun_ns
    within_ns = sum([span.end_ns - max(span.start_ns, begun_ns) for span in spans])
    return within_ns / extent_ns if extent_ns else 0.0


class SpanBook:
    """The closed spans of one owner.

    `add` costs an append; energy is looked up later in batches, off the span's path, when readings after the span are in.
    Any thread may add and settle.
    """

    __slots__ = ("_full_at", "_ledger", "_lock", "_settling", "_tallies", "at_once", "pending")

    def __init__(self, ledger: Ledger) -> None:
        self._lock = threading.RLock()
        self._settling = False
        self._ledger = ledger
        self._tallies: dict[str, _Tally] = {}
        self.pending: list[Span] = []
        self._full_at = _BATCH
        self.at_once = 0.0  # how many of those settled last were open at a time, on the average

    def add(self, span: "Span") -> bool:
        """Take a span that has ended; return whether so many wait that they should be settled before the next tick."""
        self.pending.append(span)
        return len(self.pending) >= self._full_at

    def put_off(self) -> None:
        """Have nobody else told that too many wait before as many again do: one thread sees to it, or no reading comes."""
        self._full_at = 2 * len(self.pending) + _BATCH

    def oldest_ns(self) -> int | None:
        """Return the earliest start of the spans that still wait."""
        return min((span.start_ns for span in tuple(self.pending)), default=None)

    def settle(self, until_ns: int) -> None:
        """Look up the energy of the spans that ended by an instant."""
        if not self.pending:
            return
        with self._lock:
            if self._settling:  # a signal's handler interrupted it: what is due goes on being settled when that returns
                return
            self._settling = True
            try:
                self._settle(until_ns)
            finally:
                self._settling = False

    def _settle(self, until_ns: int) -> None:
        waiting = self.pending[:]  # other threads append meanwhile: only what was seen is taken
        later: list[Span] = []
        by_name: dict[str, list[Span]] = {}
        for span in waiting:
            (by_name.setdefault(span.name, []) if span.end_ns <= until_ns else later).append(span)
        tallies = {**self._tallies}
        for name, spans in by_name.items():
            rises = self._ledger.rises([(span.start_ns, span.end_ns) for span in spans])
            # Names made up on the fly (`span(f"step {i}")`) must not grow without bound.
            kept = name if name in tallies or len(tallies) < _NAMES else OVERFLOW
            tallies[kept] = tallies[kept].copy() if kept in tallies else _Tally()
            tallies[kept].add(spans, rises)
            for span, row in zip(spans, zip(*rises, strict=True) if rises else repeat(()), strict=False):
                span.rises = row
        self.at_once = _at_once(waiting)
        self._full_at = 2 * len(later) + _BATCH
        seen = slice(len(waiting))
        # Together: what a signal's handler raises can come before or behind these two, and not between.
        self.pending[seen] = later
        self._tallies = tallies

    def uses_so_far(self, until_ns: int) -> tuple[SpanUse, ...]:
        """Return what the spans used by the readings so far; those that wait go on waiting."""
        twin = SpanBook(self._ledger)
        with self._lock:
            twin.pending = self.pending[:]
            twin._tallies = {name: tally.copy() for name, tally in self._tallies.items()}
        twin.settle(until_ns)
        return twin.uses()

    def uses(self) -> tuple[SpanUse, ...]:
        """Return what the settled spans used, by name."""
        if not self._tallies:
            return ()
        with self._lock:
            return tuple(
                SpanUse(name, tally.times, tally.duration_ns, tally.uses(self._ledger)) for name, tally in self._tallies.items()
            )
