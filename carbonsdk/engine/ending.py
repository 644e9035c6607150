"""The end of a run: what is open is closed, the last figures are made, and the threads are let go."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from carbonsdk.engine.answers import run_report
from carbonsdk.engine.guard import Guard
from carbonsdk.journal.records import RunEnded
from carbonsdk.reports import RunReport

if TYPE_CHECKING:
    from carbonsdk.engine.session import Session

STOP_WITHIN_S = 1.9  # all told: a process that ends by an exception is to be gone within 2 s
_STEPS_WITHIN_S = 0.1  # of slow counters, after the last edge: one step of the slowest
_DRIVERS_WITHIN_S = 0.4  # to answer a last time, beside the sinks


def end(session: "Session", reason: str) -> RunReport:
    """End a run and return its report; whoever is stuck is named in a warning.

    Takes `STOP_WITHIN_S` at most, and what a person's `settle_s` asks for beyond half of that.
    """
    deadline_s = time.monotonic() + STOP_WITHIN_S + max(0.0, session.plan.settle_s - STOP_WITHIN_S / 2)
    stuck = [session.sampler.stop(timeout_s=0.1)]
    # Not for the first time, where what a signal's handler raised broke it off.
    end_ns = session.ended_ns = session.ended_ns or _close_epochs(session, reason)
    session.phase.turn("stopped", reason)
    _settle(session, end_ns)
    stuck.append(session.feed.stuck)
    session.scribe.note(RunEnded(session.settling.state(end_ns)))
    final = run_report(session, end_ns, "finished")
    session.chronicle.run_finished(final)
    session.scribe.close_sinks()
    session.hardware.end()
    devices_until_s = min(deadline_s, time.monotonic() + _DRIVERS_WITHIN_S)
    stuck.extend(session.scribe.join(deadline_s))
    stuck.extend(session.hardware.stop(devices_until_s))
    for name in filter(None, stuck):
        session.notices.warn(f"{name} is stuck in a call that does not return; it was left behind")
    for name, count in session.scribe.dropped.items():
        session.notices.warn(f"sink {name} lost {count} event{'' if count == 1 else 's'}")
    session.scribe.close()
    return replace(final, warnings=session.scribe.assembly.warnings)


def _close_epochs(session: "Session", reason: str) -> int:
    """Put the epochs that are open on record as partial ones; return the end of the run."""
    end_ns = session.edges.stamp(last=True)
    for epoch in session.roster.epochs():
        with Guard("the end of an epoch", session.notices.fault):
            session.measuring.put_on_record(epoch, end_ns, failure=None, partial=f"{reason} before the epoch ended")
    return end_ns


def _settle(session: "Session", end_ns: int) -> None:
    """Take in what is still to come, within limits, and let the feed go."""
    with Guard("the end of the run", session.notices.fault):
        if session.settling.waits:
            session.hardware.await_steps(_STEPS_WITHIN_S)
        session.ledger.release()  # what has not stepped by now is known no better
        session.settling.follow(end_ns, boundaries=session.boundaries, patience_ns=0)
        session.roster.root.settle(end_ns)
        session.feed.settle(session.plan.settle_s)
        session.forecaster.follow()
        session.feed.stop(deadline_s=0.1)
