"""Spans that have ended: looked up in batches, so that few of them wait, with figures worked out by hand."""

import pytest
from support.sessions import Run
from support.simulated import Simulated, device

from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.engine.scopes import Span
from carbonsdk.engine.spanbook import SpanBook
from carbonsdk.model import CounterReading
from carbonsdk.testing.profile import Profile

S = 1_000_000_000


def test_of_spans_that_come_faster_than_ticks_some_thousand_wait_at_most():
    made = Run(lambda clock: Simulated(clock, {device(): Profile.constant(200.0)}))
    waiting = 0
    with made.epoch() as epoch:
        for _ in range(5_000):
            with made.span("step"):
                made.clock.advance(0.001)
            waiting = max(waiting, len(epoch.book.pending))
    made.session.stop()
    assert waiting <= 2_048
    (steps,) = epoch.report.spans
    assert (steps.count, steps.energy.joules) == (5_000, pytest.approx(1_000.0))


@pytest.mark.parametrize("batches", [1, 2])
def test_what_spans_of_a_name_may_hide_adds_up_over_batches(batches):
    ledger = Ledger(S)
    ledger.open_account(device(), 0)
    for second in range(3):
        ledger.record(0, Stamped(second * S, CounterReading(100.0 * second)))
    book = SpanBook(ledger)
    for number in range(2):
        span = Span(None, "step")
        span.start_ns, span.end_ns = S + number * S // 2, S + (number + 1) * S // 2
        book.add(span)
        if batches == 2:
            book.settle(2 * S)
    book.settle(2 * S)
    ((use,),) = (row.uses for row in book.uses())
    # The power changed by 40 W (as taken at first) and by 0: of their mean square, 800 W², half is between two readings, and
    # with it bursts of a fifth of 100 W: √(1.96² × 400 + 20²) is 44.0 W, and √¼ of a second of it 22.0 J for each half.
    assert (use.joules, use.coverage) == (pytest.approx(100.0), 1.0)
    assert use.noise_joules == pytest.approx(2 * 22.0036, abs=1e-3)
