"""What happens behind the newest readings: spans are looked up, provisional epochs corrected, and the past is folded."""

from collections.abc import Callable, Iterable

from carbonsdk.clock import Clock
from carbonsdk.engine.ledger import Ledger, Marks
from carbonsdk.engine.roster import Roster
from carbonsdk.engine.scopes import Epoch
from carbonsdk.engine.scribe import Scribe
from carbonsdk.journal.records import EpochEnded, OpenEpoch, SlotClosed, StateNoted
from carbonsdk.units import NS_PER_S

SLOT_NS = 300 * NS_PER_S
_MOST_PROVISIONAL = 10_000
_PATIENCE_NS = 120 * NS_PER_S


class Settling:
    """Follows the readings. Its methods run in the sampler's thread, and once more when the run ends."""

    def __init__(self, ledger: Ledger, scribe: Scribe, roster: Roster, *, clock: Clock, start_ns: int) -> None:
        self._ledger, self._scribe, self._roster, self._clock = ledger, scribe, roster, clock
        self._origin = Marks(start_ns, ())
        self._provisional: list[tuple[EpochEnded, Epoch]] = []
        self._next_slot_ns = self._slot_after(start_ns)
        self._offset_ns = clock.wall_ns(0)
        self.on_corrected: Callable[[EpochEnded], None] = lambda _: None

    def _slot_after(self, monotonic_ns: int) -> int:
        wall_ns = self._clock.wall_ns(monotonic_ns)
        return monotonic_ns + SLOT_NS - wall_ns % SLOT_NS

    def provisional(self, ended: EpochEnded, epoch: Epoch) -> None:
        """Remember an epoch whose readings are still out; its report is the corrected one when they are in."""
        self._provisional.append((ended, epoch))
        del self._provisional[:-_MOST_PROVISIONAL]

    @property
    def waits(self) -> bool:
        """Return whether an epoch's readings are still out."""
        return bool(self._provisional)

    def follow(self, now_ns: int, *, boundaries: Callable[[int, int], Iterable[int]], patience_ns: int = _PATIENCE_NS) -> None:
        """Settle all that the readings so far can settle. `boundaries` gives Unix times at which the intensity changes.

        A slot waits for a device that has fallen silent, for `patience_ns` at most.
        """
        known_ns = self._ledger.known_until()
        until_ns = now_ns if known_ns is None else known_ns
        for epoch in self._roster.epochs():
            if (epoch.marks is None or not epoch.marks.settled) and epoch.start_ns <= until_ns:
                epoch.marks = self._ledger.marks(epoch.start_ns)
            elif epoch.marks is not None:
                epoch.marks = self._ledger.renewed(epoch.marks)
        for book in self._roster.books():
            book.settle(until_ns)
        self._correct(until_ns)
        self._close_slots(until_ns, boundaries, patience_ns)
        self._ledger.forget_before(self._oldest_needed(until_ns))

    def _correct(self, until_ns: int) -> None:
        offset_ns = self._offset_ns
        due = [each for each in self._provisional if each[0].end_ns - offset_ns <= until_ns]
        for ended, epoch in due:
            self._provisional.remove((ended, epoch))
            start = self._ledger.marks(ended.start_ns - offset_ns)
            end = self._ledger.marks(ended.end_ns - offset_ns)
            corrected = ended._replace(uses=self._ledger.uses(start, end), provisional=False)
            if epoch.book is not None:
                epoch.book.settle(end.at_ns)
                corrected = corrected._replace(spans=epoch.book.uses())
            epoch.ended = corrected
            self._scribe.note(corrected)
            self.on_corrected(corrected)

    def _close_slots(self, until_ns: int, boundaries: Callable[[int, int], Iterable[int]], patience_ns: int) -> None:
        offset_ns = self._offset_ns
        while self._next_slot_ns <= until_ns:
            if until_ns - self._next_slot_ns < patience_ns and not self._ledger.marks(self._next_slot_ns).firm:
                return
            begin_ns = self._next_slot_ns - SLOT_NS
            for boundary in boundaries(begin_ns + offset_ns + 1, self._next_slot_ns + offset_ns):
                self._close_slot(boundary - offset_ns)
            self._close_slot(self._next_slot_ns)
            self._next_slot_ns += SLOT_NS

    def _close_slot(self, at_ns: int) -> None:
        marks = zip(self._ledger.accounts, self._ledger.marks(at_ns).marks, strict=False)
        # Of a device that is still silent the level is not known: its energy lies evenly between the slots that know it.
        joules = (mark.joules if mark and (mark.firm or not account.is_read) else None for account, mark in marks)
        self._scribe.note(SlotClosed(at_ns + self._offset_ns, tuple(joules)))

    def _oldest_needed(self, until_ns: int) -> int:
        needed = [until_ns, self._next_slot_ns - SLOT_NS]
        needed.extend(epoch.start_ns for epoch in self._roster.epochs() if epoch.marks is None or not epoch.marks.settled)
        needed.extend(ended.start_ns - self._offset_ns for ended, _ in self._provisional)
        needed.extend(oldest for book in self._roster.books() if (oldest := book.oldest_ns()) is not None)
        return min(needed)

    def state(self, at_ns: int) -> StateNoted:
        """Return where the run stands at an instant."""
        marks = self._ledger.marks(at_ns)
        open_epochs = []
        for epoch in self._roster.epochs():
            start = epoch.marks or self._ledger.marks(epoch.start_ns)
            uses = self._ledger.uses(start, marks)
            open_epochs.append(OpenEpoch(epoch.number, epoch.name, epoch.start_ns + self._offset_ns, uses))
        return StateNoted(
            at_ns + self._offset_ns,
            self._ledger.uses(self._origin, marks),
            tuple(open_epochs),
            self._roster.root.uses(),
            self._ledger.machine_joules(at_ns),
        )
