"""One run, as one process sees it: everything between the scopes that people open and the record on disk."""

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from carbonsdk.clock import Clock, SystemClock
from carbonsdk.engine.attribution import Attribution
from carbonsdk.engine.feed import FeedPlan, IntensityFeed
from carbonsdk.engine.forecaster import Forecaster
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.hardware import Hardware, interval_ns
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.plan import Plan
from carbonsdk.engine.power import PowerMeter
from carbonsdk.engine.processes import family_of_this_process
from carbonsdk.engine.sampler import Sampler
from carbonsdk.engine.scopes import Epoch, Span
from carbonsdk.engine.scribe import Scribe
from carbonsdk.engine.settling import Roster, Settling
from carbonsdk.engine.spanbook import SpanBook, use_of
from carbonsdk.events import (
    DevicesChosen,
    EpochCorrected,
    EpochFinished,
    IntensityFound,
    RunFinished,
    RunInfo,
    RunStarted,
    WarningRaised,
)
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.records import (
    DeviceFound,
    EpochEnded,
    IntensityKnown,
    RunBegan,
    RunEnded,
    SelectionMade,
    StateNoted,
    Warned,
)
from carbonsdk.model import CarbonIntensity, Device, Zone
from carbonsdk.reports import Choice, EpochReport, Forecast, RunReport, SpanReport
from carbonsdk.units import NS_PER_S, nanoseconds

NOTE_EVERY_NS = 60 * NS_PER_S
SYNC_EVERY_NS = 5 * NS_PER_S
STOP_WITHIN_S = 1.9  # all told: a process that ends by an exception is to be gone within 2 s
_DRIVERS_WITHIN_S = 0.4  # to answer a last time, beside the sinks
_RELIEF_EVERY_NS = NS_PER_S // 100
_LIVE: "weakref.WeakSet[Session]" = weakref.WeakSet()


class Session:
    """A run under way. Its threads are daemons; `stop` ends them all, or names those that are stuck in somebody's call.

    `state` is "new", "running", "stopped" or "elsewhere": a fork and a pickled copy have no threads, measure nothing, write
    nothing, and a fork touches no lock, for a thread that it does not have may have held it. Without `ticking` there is no
    sampler: whoever made the session calls `tick`.
    """

    def __init__(self, plan: Plan, clock: Clock, *, ticking: bool = True) -> None:
        self.plan, self.clock = plan, clock
        self.state = "new"
        self.stop_reason = "the tracker was stopped"
        self.before_epoch: Callable[[], None] = lambda: None
        self.after_epoch: Callable[[EpochEnded], None] = lambda _: None
        self.notices = Notices()
        self.start_ns = clock.monotonic_ns()
        self._offset_ns = clock.wall_ns(0)
        wanted_ns = nanoseconds(plan.interval_s)
        self.ledger = Ledger(wanted_ns)
        self.scribe = Scribe(plan.record, plan.sinks, self.notices)
        self.roster = Roster(SpanBook(self.ledger))
        self.settling = Settling(self.ledger, self.scribe, self.roster, clock=clock, start_ns=self.start_ns)
        self.settling.tell_corrected = lambda ended: EpochCorrected(self.plan.info, self.scribe.assembly.epoch_report(ended))
        self.hardware = Hardware(
            plan.offers,
            ledger=self.ledger,
            clock=clock,
            notices=self.notices,
            kinds=plan.kinds,
            edge_reads=plan.edge_reads,
            interval_ns=wanted_ns,
            host=plan.info.host,
            attribution=self._attribution(),
            overhead=plan.overhead,
            residents_of=family_of_this_process if plan.devices_by_pid else None,
            on_chosen=self._chosen,
        )
        self.feed = IntensityFeed(plan.intensity, clock=clock, on_found=self._intensity_found, on_warning=self.notices.warn)
        self.forecaster = Forecaster(plan, self.scribe, self.feed, start_unix_ns=self.start_ns + self._offset_ns)
        self.settling.on_corrected = self.forecaster.corrected
        self._power = PowerMeter(lambda: self.plan.info, self.ledger, self.scribe, clock)
        self._sampler = Sampler(
            self.tick, interval_ns=lambda: interval_ns(plan.interval_s, self.hardware.shortest_wrap_s), clock=clock
        )
        self._ticking = ticking
        self._next_number = plan.first_epoch
        self._last_note_ns = self._last_sync_ns = self.start_ns
        self._stop_lock = threading.Lock()
        self._final: RunReport | None = None
        self._relieved_ns = 0

    def _attribution(self) -> Attribution | None:
        policy, baselines = self.plan.share_policy, self.plan.baselines
        if policy is None:
            return None
        return Attribution(policy, family=family_of_this_process, clock=self.clock, baselines=baselines)

    def start(self) -> None:
        """Begin the run: the record's head is written, and everything that may block goes on in threads."""
        self.state = "running"
        _LIVE.add(self)
        info = self.plan.info
        self.scribe.note(RunBegan(info, self.start_ns + self._offset_ns, self.plan.intensity.zone))
        self.notices.listen(self._warned)
        for text in self.plan.warnings:
            self.notices.warn(text)
        self.scribe.start()
        self.scribe.tell(lambda: RunStarted(info))
        self.hardware.start()
        # No more threads may be had (a limit on processes, or the interpreter is ending): the edges still read.
        with Guard("looking for the carbon intensity", self.notices.fault):
            self.feed.start()
        if self._ticking:
            with Guard("reading between the edges", self.notices.fault):
                self._sampler.start()

    # What the threads bring.

    def _warned(self, text: str) -> None:
        moment_ns = self.clock.monotonic_ns() + self._offset_ns
        self.scribe.note(Warned(moment_ns, text))
        self.scribe.tell(lambda: WarningRaised(self.plan.info, text))

    def _chosen(self, adopted: Sequence[tuple[int, Device]], choices: tuple[Choice, ...]) -> None:
        now_ns = self.clock.monotonic_ns() + self._offset_ns
        for index, device in adopted:
            # Of a process's part nobody knows what of it is idle; the policy "active" takes that off instead.
            baseline = None if self.plan.share_policy else self.plan.baselines.of(device)
            self.scribe.note(DeviceFound(index, device, now_ns, baseline))
        self.scribe.note(SelectionMade(choices))
        devices = tuple(account.device for account in self.ledger.accounts)
        self.scribe.tell(lambda: DevicesChosen(self.plan.info, devices, choices))

    def _intensity_found(self, zone: Zone, values: Sequence[CarbonIntensity]) -> None:
        self.scribe.note(IntensityKnown(zone, tuple(values)))
        if values:
            self.scribe.tell(lambda: IntensityFound(self.plan.info, zone, values[-1]))

    def _boundaries(self, start_unix_ns: int, end_unix_ns: int) -> Sequence[int]:
        return self.scribe.assembly.tally.boundaries(start_unix_ns, end_unix_ns)

    def tick(self, now_ns: int) -> None:
        """Do what is due: have devices read, settle, note the state, make a forecast."""
        with Guard("the sampler", self.notices.fault):
            self.hardware.tick(now_ns)
            self.settling.follow(now_ns, boundaries=self._boundaries)
            self._power.sample()
            self.forecaster.follow()
            if now_ns - self._last_note_ns >= NOTE_EVERY_NS:
                self._last_note_ns = now_ns
                self.scribe.note(self.settling.state(now_ns))
            if now_ns - self._last_sync_ns >= SYNC_EVERY_NS:
                self._last_sync_ns = now_ns
                self.scribe.sync()

    # What scopes ask for.

    def epoch(self, name: str, parent: Span | Epoch | None) -> Epoch:
        """Return an epoch of this run, to be entered."""
        return Epoch(self, name, parent)

    def span(self, name: str, parent: Span | Epoch | None) -> Span:
        """Return a span of this run, to be entered."""
        return Span(self, name, parent)

    @property
    def alive(self) -> bool:
        """Say whether the run goes on in this process."""
        return self.state == "running"

    def epoch_around(self, scope: "Span | Epoch | None") -> Epoch | None:
        """Return the innermost open epoch of this run that a scope lies in, itself included."""
        while scope is not None:
            if isinstance(scope, Epoch) and scope.inner is None and scope.session is self and scope.ended is None:
                return scope
            scope = scope.parent
        return None

    def book_of(self, parent: "Span | Epoch | None") -> SpanBook | None:
        """Return the book that a span under `parent` goes into; None where nothing is measured any more."""
        if self.state != "running":
            self._say_unmeasured()
            return None
        epoch = self.epoch_around(parent)
        return self.roster.root if epoch is None else epoch.book

    def span_edge(self) -> int:
        """Stamp a span's edge."""
        now_ns = self.clock.monotonic_ns()
        if now_ns >= self.hardware.next_span_read_ns and self.state == "running":
            with Guard("reading at an edge", self.notices.fault):
                self.hardware.read_span_edge(now_ns)
        return now_ns

    def relieve(self, book: SpanBook) -> None:
        """Settle the spans of a book that fills faster than ticks come."""
        now_ns = self.clock.monotonic_ns()
        # Where no reading comes (a driver hangs), the book stays crowded: not every span is to find that out.
        if self.state == "elsewhere" or now_ns < self._relieved_ns + _RELIEF_EVERY_NS:
            return
        self._relieved_ns = now_ns
        with Guard("settling spans", self.notices.fault):
            if self.state == "running":
                self.hardware.read_edge(now_ns)
            book.settle(self.ledger.known_until() or now_ns)

    def _edge(self) -> int:
        if self.plan.sync is not None:
            with Guard("sync", self.notices.fault):
                self.plan.sync()
        now_ns = self.clock.monotonic_ns()
        with Guard("reading at an edge", self.notices.fault):
            self.hardware.read_edge(now_ns)
        return now_ns

    def begin_epoch(self, epoch: Epoch) -> None:
        """Number an epoch and stamp its start. Raises what `before_epoch` raises."""
        if self.state != "running":
            self._say_unmeasured()
            epoch.start_ns = self.clock.monotonic_ns()
            return
        with Guard("waiting for the sensors", self.notices.fault):
            self.hardware.await_first()
        self.before_epoch()
        epoch.book = SpanBook(self.ledger)
        with self.roster.lock:
            epoch.number = self._next_number
            self._next_number += 1
        epoch.start_ns = self._edge()
        with self.roster.lock:
            self.roster.open[epoch.number] = epoch

    def end_epoch(self, epoch: Epoch, *, failure: str | None, partial: str | None) -> None:
        """Stamp an epoch's end, and put it on record. Raises what `after_epoch` raises, unless the body failed."""
        if epoch.ended is not None:
            return
        if epoch.book is None or self.state != "running":
            epoch.ended = self._unmeasured(epoch, failed=failure is not None)
            return
        ended = None
        with Guard("the end of an epoch", self.notices.fault) as guard:
            ended = self._settle_epoch(epoch, self._edge(), failure=failure, partial=partial)
        if guard.error is not None:
            self.roster.open.pop(epoch.number, None)
            epoch.ended = self._unmeasured(epoch, failed=failure is not None)
        if ended is not None and not ended.failed and not ended.partial:
            self.after_epoch(ended)

    def _settle_epoch(self, epoch: Epoch, end_ns: int, *, failure: str | None, partial: str | None) -> EpochEnded | None:
        """Put an epoch on record and tell of it; return None where another thread has done so."""
        assert epoch.book is not None  # noqa: S101 - it was begun
        start = epoch.marks if epoch.marks is not None and epoch.marks.settled else self.ledger.marks(epoch.start_ns)
        end = self.ledger.marks(end_ns)
        epoch.book.settle(end_ns)
        with self.roster.lock:
            if self.roster.open.pop(epoch.number, None) is None:
                return None  # stop() ended it in the meantime
            ended = EpochEnded(
                epoch.number,
                epoch.name,
                epoch.start_ns + self._offset_ns,
                end_ns + self._offset_ns,
                self.ledger.uses(start, end),
                epoch.book.uses(),
                failed=failure is not None,
                partial=partial is not None,
                provisional=not (start.settled and end.settled),
                reason=partial or (failure and f"the body raised {failure}"),
                closes=not self.roster.open,
            )
            epoch.ended = ended
            self.scribe.note(ended)
        if ended.provisional:
            self.settling.provisional(ended, epoch)
        self.forecaster.saw(ended)
        if self.forecaster.eager:
            self._sampler.nudge()
        if self.scribe.has_listeners:
            self.scribe.tell(lambda: EpochFinished(self.plan.info, self.scribe.assembly.epoch_report(ended)))
        return ended

    def _say_unmeasured(self) -> None:
        if self.state == "stopped":
            self.notices.warn(f"{self.stop_reason}: what runs now is not measured")

    def _unmeasured(self, epoch: Epoch, *, failed: bool) -> EpochEnded:
        end_ns = self.clock.monotonic_ns() + self._offset_ns
        return EpochEnded(
            epoch.number,
            epoch.name,
            epoch.start_ns + self._offset_ns,
            end_ns,
            (),
            failed=failed,
            partial=True,
            reason=self.stop_reason,
        )

    # What people ask.

    def epoch_report(self, epoch: Epoch) -> EpochReport:
        """Return an epoch's report, corrections included."""
        assert epoch.ended is not None  # noqa: S101 - its scope has seen to that
        return self._assembly().epoch_report(epoch.ended)

    def _assembly(self) -> Assembly:
        if self.state != "elsewhere":
            return self.scribe.assembly
        bare = Assembly()
        bare.add(RunBegan(self.plan.info, self.start_ns + self._offset_ns))
        return bare

    def span_report(self, span: Span) -> SpanReport:
        """Return a span's report, waiting for a reading if none has come since it ended."""
        if span.rises is None and span.book is not None and self.state != "elsewhere":
            if self.state == "running":
                self.hardware.read_edge(self.clock.monotonic_ns())
            span.book.settle(span.end_ns)
        duration_ns = span.end_ns - span.start_ns
        uses = tuple(use_of(device, rise, duration_ns) for device, rise in enumerate(span.rises or ()))
        ended = EpochEnded(-1, span.name, span.start_ns + self._offset_ns, span.end_ns + self._offset_ns, uses)
        whole = self._assembly().epoch_report(ended)
        reason = whole.reason if span.rises is not None else self.stop_reason
        return SpanReport(
            name=span.name,
            start=whole.start,
            end=whole.end,
            duration_s=whole.duration_s,
            energy=whole.energy,
            devices=whole.devices,
            carbon=whole.carbon,
            reason=reason,
            above_idle=whole.above_idle,
        )

    def forecast(self) -> Forecast | None:
        """Return a forecast of the whole run from the epochs so far."""
        return None if self.state == "elsewhere" else self.forecaster.forecast()

    def report(self) -> RunReport:
        """Return the run so far."""
        if self._final is not None:
            return self._final
        if not self.alive:
            return self._bare_report()
        now_ns = self._edge()
        self.roster.root.settle(now_ns)
        self.forecaster.follow()
        return self._report(now_ns, "running")

    def _report(self, at_ns: int, state: str) -> RunReport:
        return self.scribe.assembly.report(
            self.settling.state(at_ns),
            run_state=state,
            forecast=self.forecaster.latest,
            record=None if self.plan.record is None else str(self.plan.record),
        )

    def _bare_report(self) -> RunReport:
        """Return a report of nothing: of a run that did not begin, or of one that another process measures."""
        now_ns = self.clock.monotonic_ns() + self._offset_ns
        return self._assembly().report(StateNoted(now_ns, ()), run_state="interrupted")

    # The end.

    def stop(self, reason: str = "the tracker was stopped") -> RunReport:
        """End the run and return its report. Open epochs are kept as partial. May be called again, from any thread.

        Takes `STOP_WITHIN_S` at most; the report of what would not end in time is a warning.
        """
        if self._final is not None or self.state in ("new", "elsewhere"):
            return self._final or self._bare_report()
        with self._stop_lock:
            if self._final is None:
                with Guard("the end of the run", self.notices.fault):
                    self._final = self._end(reason)
            return self._final or self._bare_report()

    def _end(self, reason: str) -> RunReport:
        deadline_s = time.monotonic() + STOP_WITHIN_S
        stuck = [self._sampler.stop(timeout_s=0.1)]
        end_ns = self._edge()
        for epoch in self.roster.epochs():
            with Guard("the end of an epoch", self.notices.fault):
                self._settle_epoch(epoch, end_ns, failure=None, partial=f"{reason} before the epoch ended")
        self.state, self.stop_reason = "stopped", reason
        with Guard("the end of the run", self.notices.fault):
            self.settling.follow(end_ns, boundaries=self._boundaries)
            self.roster.root.settle(end_ns)
            self.feed.settle(min(self.plan.settle_s, STOP_WITHIN_S / 2))
            self.forecaster.follow()
            self.feed.stop(deadline_s=0.1)
            stuck.append(self.feed.stuck)
        self.scribe.note(RunEnded(self.settling.state(end_ns)))
        final = self._report(end_ns, "finished")
        self.scribe.tell(lambda: RunFinished(self.plan.info, final))
        self.scribe.close_sinks()
        self.hardware.end()
        devices_until_s = min(deadline_s, time.monotonic() + _DRIVERS_WITHIN_S)
        stuck.extend(self.scribe.join(deadline_s))
        stuck.extend(self.hardware.stop(devices_until_s))
        for name in filter(None, stuck):
            self.notices.warn(f"{name} is stuck in a call that does not return; it was left behind")
        for name, count in self.scribe.dropped.items():
            self.notices.warn(f"sink {name} lost {count} event(s)")
        self.scribe.close()
        _LIVE.discard(self)
        return replace(final, warnings=self.scribe.assembly.warnings)

    # Other attempts and processes.

    def number_from(self, number: int) -> None:
        """Number the epochs from here on."""
        with self.roster.lock:
            self._next_number = number

    @property
    def next_number(self) -> int:
        """Return the number that the next epoch will have."""
        return self._next_number

    def go_on(self, plan: Plan) -> bool:
        """Be the next attempt of an earlier run; return False where it is too late, since an epoch has ended."""
        began = RunBegan(plan.info, self.start_ns + self._offset_ns, plan.intensity.zone)
        with self.roster.lock:
            if not self.scribe.move(plan.record, began):
                return False
            self.plan = plan
            self.forecaster.go_on(plan)
            self._next_number = plan.first_epoch
        return True

    def leave(self, reason: str) -> None:
        """Be a run that is measured elsewhere."""
        self.state, self.stop_reason = "elsewhere", reason
        self.notices = Notices()

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Callable[[RunInfo], "Session"], tuple[RunInfo]]:
        return _copied, (self.plan.info,)


def _copied(info: RunInfo) -> Session:
    session = Session(Plan(info=info, offers=(), intensity=FeedPlan()), SystemClock())
    session.leave("this is a copy of a tracker in another process, which measures")
    return session


def _after_fork_in_child() -> None:
    for session in list(_LIVE):
        session.leave("this process is a fork of the one that is measured")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
