"""One run, as one process sees it: everything between the scopes that people open and the record on disk."""

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Self

from carbonsdk.clock import Clock, SystemClock
from carbonsdk.engine.answers import bare_report, run_report
from carbonsdk.engine.books import Books
from carbonsdk.engine.chronicle import Chronicle
from carbonsdk.engine.devices.hardware import Hardware
from carbonsdk.engine.edges import Edges
from carbonsdk.engine.ending import end
from carbonsdk.engine.feed import FeedPlan, IntensityFeed
from carbonsdk.engine.forecasting.forecaster import Forecaster
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.measuring import Measuring
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.phase import Phase
from carbonsdk.engine.plan import Plan
from carbonsdk.engine.power import PowerMeter
from carbonsdk.engine.roster import Roster
from carbonsdk.engine.sampler import Sampler
from carbonsdk.engine.scopes import Epoch, Span, as_parent
from carbonsdk.engine.scribe import Scribe
from carbonsdk.engine.settling import Settling
from carbonsdk.engine.spanbook import SpanBook
from carbonsdk.events import RunInfo
from carbonsdk.interruption import interrupts_us
from carbonsdk.journal.records import EpochEnded, RunBegan
from carbonsdk.reports import Forecast, RunReport
from carbonsdk.units import NS_PER_S, nanoseconds

NOTE_EVERY_NS = 60 * NS_PER_S
SYNC_EVERY_NS = 5 * NS_PER_S
_LIVE: "weakref.WeakSet[Session]" = weakref.WeakSet()


class Session:
    """A run under way. Its threads are daemons; `stop` ends them all, or names those that are stuck in somebody's call.

    Without `ticking` there is no sampler: whoever made the session calls `tick`.
    """

    def __init__(self, plan: Plan, clock: Clock, *, ticking: bool = True) -> None:
        self.plan, self.clock = plan, clock
        self.phase, self.notices = Phase(), Notices()
        self.start_ns = clock.monotonic_ns()
        self.ledger = Ledger(nanoseconds(plan.interval_s))
        self.scribe = Scribe(plan.record, plan.sinks, self.notices)
        self.chronicle = Chronicle(plan, self.scribe, clock=clock, ledger=self.ledger)
        books = Books(self.ledger, clock, self.notices)
        self.hardware = Hardware(plan, books, on_chosen=self.chronicle.devices_chosen)
        self.feed = IntensityFeed(
            plan.intensity, clock=clock, on_found=self.chronicle.intensity_found, on_warning=self.notices.warn
        )
        self.edges = Edges(clock, hardware=self.hardware, notices=self.notices, phase=self.phase, sync=plan.sync)
        self.forecaster = Forecaster(plan, self.scribe, self.feed, start_unix_ns=self.edges.unix_ns(self.start_ns))
        self.roster = Roster(SpanBook(self.ledger), first_number=plan.first_epoch)
        self.settling = Settling(self.ledger, self.scribe, self.roster, clock=clock, start_ns=self.start_ns)
        self.settling.on_corrected = self._epoch_corrected
        self.measuring = Measuring(self.phase, self.edges, ledger=self.ledger, roster=self.roster, scribe=self.scribe)
        self.measuring.on_ended = self._epoch_ended
        self._power = PowerMeter(lambda: self.plan.info, self.ledger, self.scribe, clock)
        self.sampler = Sampler(self.tick, interval_ns=self.hardware.tick_ns, clock=clock)
        self._ticking = ticking
        self._last_note_ns = self._last_sync_ns = self.start_ns
        self._stop_lock = threading.RLock()
        self._ending = False
        self._stop_asked = ""
        self.ended_ns = 0  # where the run ended
        self._final: RunReport | None = None

    def start(self) -> None:
        """Begin the run: the record's head is written, and everything that may block goes on in threads."""
        self.phase.turn("running")
        _LIVE.add(self)
        self.chronicle.run_began(self.head)
        self.notices.listen(self.chronicle.warned)
        for text in self.plan.warnings:
            self.notices.warn(text)
        self.scribe.start()
        self.hardware.start()
        # No more threads may be had (a limit on processes, or the interpreter is ending): the edges still read.
        with Guard("looking for the carbon intensity", self.notices.fault):
            self.feed.start()
        if self._ticking:
            with Guard("reading between the edges", self.notices.fault):
                self.sampler.start()

    def boundaries(self, start_unix_ns: int, end_unix_ns: int) -> Sequence[int]:
        """Return the Unix times at which the intensity changes between two others."""
        return self.scribe.assembly.tally.boundaries(start_unix_ns, end_unix_ns)

    def tick(self, now_ns: int) -> None:
        """Do what is due: have devices read, settle, note the state, make a forecast."""
        if self._stop_asked and not self._ending:  # else who ends the run waits for this thread
            self.stop(self._stop_asked)
        with Guard("the sampler", self.notices.fault):
            self.hardware.tick(now_ns)
            self.settling.follow(now_ns, boundaries=self.boundaries)
            self.hardware.span_pace.spans_at_once = self.roster.spans_at_once()
            self._power.sample()
            self.forecaster.follow()
            if now_ns - self._last_note_ns >= NOTE_EVERY_NS:
                self._last_note_ns = now_ns
                self.scribe.note(self.settling.state(now_ns))
            if now_ns - self._last_sync_ns >= SYNC_EVERY_NS:
                self._last_sync_ns = now_ns
                self.scribe.sync()

    def _epoch_ended(self, epoch: Epoch, ended: EpochEnded) -> None:
        if ended.provisional:
            self.settling.provisional(ended, epoch)
        self.forecaster.saw(ended)
        if self.forecaster.eager:
            self.sampler.nudge()
        self.chronicle.epoch_ended(ended)
        if self._stop_asked:
            self.stop(self._stop_asked)

    def _epoch_corrected(self, ended: EpochEnded) -> None:
        self.forecaster.corrected(ended)
        self.chronicle.epoch_corrected(ended)

    # What people ask.

    def epoch(self, name: str, parent: Span | Epoch | None) -> Epoch:
        """Return an epoch of this run, to be entered."""
        return Epoch(self, name, None if parent is None else as_parent(parent))

    def span(self, name: str, parent: Span | Epoch | None) -> Span:
        """Return a span of this run, to be entered."""
        return Span(self, name, None if parent is None else as_parent(parent))

    @property
    def alive(self) -> bool:
        """Return whether the run goes on in this process."""
        return self.phase.running

    @property
    def head(self) -> RunBegan:
        """Return the first record of the run."""
        return RunBegan(self.plan.info, self.edges.unix_ns(self.start_ns), self.plan.intensity.zone)

    def forecast(self) -> Forecast | None:
        """Return a forecast of the whole run from the epochs so far."""
        if interrupts_us():
            return self.forecaster.latest
        return None if self.phase.elsewhere else self.forecaster.forecast()

    def report(self) -> RunReport:
        """Return the run so far."""
        if self._final is not None:
            return self._final
        if not self.alive or interrupts_us():
            return bare_report(self)
        now_ns = self.edges.stamp()
        self.roster.root.settle(now_ns)
        self.forecaster.follow()
        return run_report(self, now_ns, "running")

    # The end.

    def stop(self, reason: str = "the tracker was stopped") -> RunReport:
        """End the run and return its report. Open epochs are kept as partial. May be called again, from any thread.

        Takes `ending.STOP_WITHIN_S` at most; the report of what would not end in time is a warning. In a signal's handler that
        interrupted the engine itself it returns what is known, and the end follows as soon as the handler has returned.
        """
        if self._final is not None or self.phase.name in ("new", "elsewhere"):
            return self._final or bare_report(self)
        if interrupts_us():  # that work comes first, and the end as soon as it is done
            self._stop_asked = reason
            return bare_report(self)
        with self._stop_lock:
            return self._end(reason)

    def _end(self, reason: str) -> RunReport:
        if self._final is None and not self._ending:  # else a signal's handler asks in the midst of it
            self._ending = True
            try:
                with Guard("the end of the run", self.notices.fault):
                    self._final = end(self, reason)
                    _LIVE.discard(self)
            finally:
                self._ending = False
        return self._final or bare_report(self)

    # Other attempts and processes.

    def number_from(self, number: int) -> None:
        """Number the epochs from here on."""
        if self.phase.elsewhere:
            return
        with self.roster.lock:
            self.roster.next_number = number
        self.forecaster.start_at(number)

    @property
    def next_number(self) -> int:
        """Return the number that the next epoch will have."""
        return self.roster.next_number

    def go_on(self, plan: Plan) -> bool:
        """Be the next attempt of an earlier run; return False where it is too late, since an epoch has begun."""
        began = self.head._replace(run=plan.info, zone=plan.intensity.zone)
        with self.roster.lock:
            if self.roster.open or not self.scribe.move(plan.record, began):
                return False
            self.plan = self.chronicle.plan = plan
            self.forecaster.go_on(plan)
            self.roster.next_number = plan.first_epoch
        return True

    def leave(self, reason: str) -> None:
        """Be a run that is measured elsewhere."""
        self.phase.turn("elsewhere", reason)
        self.notices = Notices()

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Callable[[RunInfo], "Session"], tuple[RunInfo]]:
        return _copied, (self.plan.info,)


def _copied(info: RunInfo) -> Session:
    session = Session(Plan(info=info, backends=(), intensity=FeedPlan()), SystemClock())
    session.leave("this is a copy of a tracker in another process, which measures")
    return session


def _after_fork_in_child() -> None:
    for session in list(_LIVE):
        session.leave("this process is a fork of the one that is measured")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
