"""Spans of one owner (an epoch, or the run outside any), folded into count, time and energy by name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from carbonsdk.engine.ledger import Ledger
from carbonsdk.journal.records import SpanUse, Use

if TYPE_CHECKING:
    from carbonsdk.engine.scopes import Span

_BATCH = 2_048
_NAMES = 1_000
OVERFLOW = "(more names)"


class _Tally:
    """All spans of a name so far: per device joules, covered time and noise."""

    __slots__ = ("covered_ns", "duration_ns", "joules", "noise", "times")

    def __init__(self) -> None:
        self.times = 0
        self.duration_ns = 0
        self.joules: list[float] = []
        self.covered_ns: list[float] = []
        self.noise: list[float] = []

    def add(self, duration_ns: int, rows: Sequence[Use]) -> None:
        self.times += 1
        self.duration_ns += duration_ns
        while len(self.joules) < len(rows):
            self.joules.append(0.0)
            self.covered_ns.append(0.0)
            self.noise.append(0.0)
        for row in rows:
            index = row.device
            if row.joules is not None:
                self.joules[index] += row.joules
                self.covered_ns[index] += row.coverage * duration_ns
            # Linear: what one reading says of many short spans errs the same way for all of them.
            self.noise[index] += row.noise_joules


class SpanBook:
    """The closed spans of one owner.

    `add` costs an append; energy is looked up later in batches, off the span's path, when readings after the span are in.
    Thread-safe as far as `list.append` and the ledger are; `settle` is called under the session's lock.
    """

    __slots__ = ("_ledger", "_tallies", "pending")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tallies: dict[str, _Tally] = {}
        self.pending: list[Span] = []

    def add(self, span: "Span") -> None:
        """Take a span that has ended."""
        self.pending.append(span)

    @property
    def crowded(self) -> bool:
        """Say whether so many spans wait that they should be settled with the readings there are."""
        return len(self.pending) >= _BATCH

    def oldest_ns(self) -> int | None:
        """Return the earliest start of the spans that still wait."""
        return min((span.start_ns for span in tuple(self.pending)), default=None)

    def settle(self, until_ns: int) -> None:
        """Look up the energy of the spans that ended by an instant."""
        pending = self.pending
        waiting = pending[:]
        del pending[: len(waiting)]  # other threads append meanwhile: only what was seen is taken
        due = [span for span in waiting if span.end_ns <= until_ns]
        if len(due) < len(waiting):
            pending[:0] = [span for span in waiting if span.end_ns > until_ns]
        if not due:
            return
        found = self._ledger.rises([(span.start_ns, span.end_ns) for span in due])
        for number, span in enumerate(due):
            duration_ns = span.end_ns - span.start_ns
            rows = []
            for device, of_device in enumerate(found):
                start, joules, covered_ns, noise = of_device[number]
                known = covered_ns > 0 or duration_ns == 0
                coverage = min(1.0, covered_ns / duration_ns) if duration_ns else 1.0
                rows.append(Use(device, start, joules if known else None, coverage, noise))
            span.rows = tuple(rows)
            self._tally(span.name).add(duration_ns, rows)

    def _tally(self, name: str) -> _Tally:
        tally = self._tallies.get(name)
        if tally is None:
            if len(self._tallies) >= _NAMES:
                # Names made up on the fly (`span(f"step {i}")`) must not grow without bound.
                name = OVERFLOW
            tally = self._tallies.setdefault(name, _Tally())
        return tally

    def uses(self) -> tuple[SpanUse, ...]:
        """Return what the settled spans used, by name."""
        return tuple(
            SpanUse(
                name, tally.times, tally.duration_ns, tuple(self._row(tally, device) for device in range(len(tally.joules)))
            )
            for name, tally in self._tallies.items()
        )

    @staticmethod
    def _row(tally: _Tally, device: int) -> Use:
        covered_ns = tally.covered_ns[device]
        if covered_ns <= 0 < tally.duration_ns:
            return Use(device, 0.0, None, 0.0, 0.0, "no reading in these spans")
        coverage = min(1.0, covered_ns / tally.duration_ns) if tally.duration_ns else 1.0
        return Use(device, 0.0, tally.joules[device], coverage, tally.noise[device])
