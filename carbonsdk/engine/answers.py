"""Reports of a run, its epochs and its spans, made from its records."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from carbonsdk.engine.spanbook import use_of
from carbonsdk.interruption import let_through
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.records import EpochEnded, StateNoted
from carbonsdk.reports import EpochReport, RunReport, SpanReport

if TYPE_CHECKING:
    from carbonsdk.engine.scopes import Span
    from carbonsdk.engine.session import Session


def epoch_report(session: "Session", ended: EpochEnded) -> EpochReport:
    """Return the report of an epoch, with the intensities known now."""
    report = _assembly(session).epoch_report(ended)
    # Of what began or ended while nothing was measured; an epoch of a run without devices has no reason of its own.
    unmeasured = not ended.uses and ended.reason == session.phase.reason
    return replace(report, energy=replace(report.energy, reason=ended.reason)) if unmeasured else report


def span_report(session: "Session", span: "Span") -> SpanReport:
    """Return a span's report, waiting for a reading if none has come since it ended."""
    if span.rises is None and span.book is not None and not session.phase.elsewhere:
        if session.alive:
            session.edges.read(session.edges.now())
        span.book.settle(span.end_ns)
    duration_ns = span.end_ns - span.start_ns
    uses = tuple(use_of(device, rise, duration_ns) for device, rise in enumerate(span.rises or ()))
    start_ns, end_ns = session.edges.unix_ns(span.start_ns), session.edges.unix_ns(span.end_ns)
    reason = session.phase.reason if span.rises is None else None
    whole = epoch_report(session, EpochEnded(-1, span.name, start_ns, end_ns, uses, reason=reason))
    return SpanReport(
        name=span.name,
        start=whole.start,
        end=whole.end,
        duration_s=whole.duration_s,
        energy=whole.energy,
        devices=whole.devices,
        carbon=whole.carbon,
        reason=whole.reason,
        above_idle=whole.above_idle,
    )


def run_report(session: "Session", at_ns: int, state: str) -> RunReport:
    """Return the report of the run up to an instant that readings were taken at."""
    return session.scribe.assembly.report(
        session.settling.state(at_ns),
        run_state=state,
        forecast=session.forecaster.latest,
        record=_written(session.plan.record),
    )


def _written(record: Path | None) -> str | None:
    """Return where the record lies; None if it lies nowhere, as on a disk that may not be written to."""
    try:
        return str(record) if record is not None and record.exists() else None
    except OSError as error:
        let_through(error)
        return None


def bare_report(session: "Session") -> RunReport:
    """Return a report of nothing: of a run that did not begin, or of one that another process measures."""
    now_ns = session.edges.unix_ns(session.edges.now())
    return _assembly(session).report(StateNoted(now_ns, ()), run_state="interrupted")


def _assembly(session: "Session") -> Assembly:
    if not session.phase.elsewhere:
        return session.scribe.assembly
    bare = Assembly()
    bare.add(session.head)
    return bare
