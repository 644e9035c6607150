"""Epochs and spans as they begin and end: numbered, stamped, and put on record."""

from collections.abc import Callable

from carbonsdk.engine.edges import Edges
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.phase import Phase
from carbonsdk.engine.roster import Roster
from carbonsdk.engine.scopes import Epoch, Span, epoch_around
from carbonsdk.engine.scribe import Scribe
from carbonsdk.engine.spanbook import SpanBook
from carbonsdk.journal.records import EpochEnded


class Measuring:
    """What scopes ask of their run, from any thread.

    `before_epoch` and `after_epoch` run in the caller's thread and may raise; `on_ended` hears of each epoch on record.
    """

    def __init__(self, phase: Phase, edges: Edges, *, ledger: Ledger, roster: Roster, scribe: Scribe) -> None:
        self._phase, self._edges, self._ledger, self._roster, self._scribe = phase, edges, ledger, roster, scribe
        self.before_epoch: Callable[[], None] = lambda: None
        self.after_epoch: Callable[[EpochEnded], None] = lambda _: None
        self.on_ended: Callable[[Epoch, EpochEnded], None] = lambda _epoch, _ended: None
        self.stamp_span = edges.stamp_span

    # Epochs.

    def begin(self, epoch: Epoch) -> None:
        """Stamp an epoch's start and number it. Raises what `before_epoch` raises."""
        if not self._phase.running:
            self._say_unmeasured()
            epoch.start_ns = self._edges.now()
            return
        self._edges.await_first()
        self.before_epoch()
        epoch.book = SpanBook(self._ledger)
        epoch.start_ns = self._edges.stamp()
        self._roster.enter(epoch)

    def end(self, epoch: Epoch, *, failure: str | None, partial: str | None) -> None:
        """Stamp an epoch's end, and put it on record. Raises what `after_epoch` raises, unless the body failed."""
        if epoch.ended is not None:
            return
        if epoch.book is None or not self._phase.running:
            epoch.ended = self._unmeasured(epoch, failed=failure is not None)
            return
        ended = None
        with Guard("the end of an epoch", self._edges.notices.fault) as guard:
            ended = self.put_on_record(epoch, self._edges.stamp(), failure=failure, partial=partial)
        if guard.error is not None:
            self._roster.leave(epoch)
            epoch.ended = self._unmeasured(epoch, failed=failure is not None)
        if ended is not None and not ended.failed and not ended.partial:
            self.after_epoch(ended)

    def put_on_record(self, epoch: Epoch, end_ns: int, *, failure: str | None, partial: str | None) -> EpochEnded | None:
        """Put an epoch on record; return None where another thread has done so."""
        assert epoch.book is not None  # noqa: S101 - it was begun
        known = epoch.marks is not None and epoch.marks.settled
        start = self._ledger.renewed(epoch.marks) if epoch.marks and known else self._ledger.marks(epoch.start_ns)
        end = self._ledger.marks(end_ns)
        final = end.settled
        if not final:
            end = self._ledger.settle(end, since=start)
            final = end.settled
        final = final and start.settled
        if final:
            epoch.book.settle(end_ns)
        with self._roster.lock:
            if self._roster.open.get(epoch.number) is not epoch:
                return None  # the end of the run came first
            ended = EpochEnded(
                epoch.number,
                epoch.name,
                self._edges.unix_ns(epoch.start_ns),
                self._edges.unix_ns(end_ns),
                self._ledger.uses(start, end),
                epoch.book.uses() if final else epoch.book.uses_so_far(end_ns),
                failed=failure is not None,
                partial=partial is not None,
                provisional=not final,
                reason=partial or (failure and f"the body raised {failure}"),
                closes=len(self._roster.open) == 1,
            )
            self._scribe.note(ended)
            # Not before: what breaks that off, as only what a signal's handler raises can, leaves the epoch open.
            epoch.ended = ended
            del self._roster.open[epoch.number]
        self.on_ended(epoch, ended)
        return ended

    def _say_unmeasured(self) -> None:
        if self._phase.name == "stopped":
            self._edges.notices.warn(f"{self._phase.reason}: what runs now is not measured")

    def _unmeasured(self, epoch: Epoch, *, failed: bool) -> EpochEnded:
        return EpochEnded(
            epoch.number,
            epoch.name,
            self._edges.unix_ns(epoch.start_ns),
            self._edges.unix_ns(self._edges.now()),
            (),
            failed=failed,
            partial=True,
            reason=self._phase.reason,
        )

    # Spans.

    def book_of(self, parent: Span | Epoch | None) -> SpanBook | None:
        """Return the book that a span under `parent` goes into; None where nothing is measured any more."""
        if not self._phase.running:
            self._say_unmeasured()
            return None
        epoch = None if parent is None else epoch_around(parent, self)
        return self._roster.root if epoch is None else epoch.book

    def relieve(self, book: SpanBook) -> None:
        """Settle the spans of a book that fills faster than ticks come."""
        if self._phase.elsewhere:
            return
        book.put_off()  # threads that queued here would each settle by what was known when they came, which is hardly any more
        now_ns = self._edges.now()
        with Guard("settling spans", self._edges.notices.fault):
            if self._phase.running:
                self._edges.read(now_ns)
            book.settle(self._ledger.known_until() or now_ns)
