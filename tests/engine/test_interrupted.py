"""What a signal's handler raises in the midst of our work breaks that off; what is known stays right, and goes on being so."""

import pytest
from support.interrupted import breaking_off

from carbonsdk.engine.forecasting import lapbook
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.engine.prediction.laps import Lap
from carbonsdk.engine.scopes import Span
from carbonsdk.engine.spanbook import SpanBook
from carbonsdk.model import CounterReading, Device, DeviceKind, PowerReading, Quality, Sensor

S = 1_000_000_000
READINGS = {
    "counter": lambda second: CounterReading(100.0 * second),
    "power": lambda _second: PowerReading(100.0),
    "mean power": lambda _second: PowerReading(100.0, window_s=3.0),
}


def ledger_of(reading, seconds):
    """A ledger of one device that draws 100 W, read each second."""
    ledger = Ledger(S)
    sensor = Sensor(method="test", quality=Quality.MEASURED, bias=0.0, max_watts=1_000.0)
    ledger.open_account(Device(id="package-0", kind=DeviceKind.CPU, name="CPU", sensor=sensor), 0)
    ledger.accounts[0].reach_ns = S
    for second in range(seconds):
        ledger.record(0, Stamped(second * S, reading(second)))
    return ledger


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_reading_that_is_broken_off_counts_once_or_with_the_next(reading, before):
    times = 0
    current = Stamped(before * S, reading(before))
    for ledger in breaking_off(lambda: ledger_of(reading, before), lambda ledger: ledger.record(0, current)):
        for second in range(before + 1, before + 4):
            assert ledger.record(0, Stamped(second * S, reading(second))) is None
        first, last = ledger.marks((before + 1) * S), ledger.marks((before + 3) * S)
        (use,) = ledger.uses(first, last)
        assert (use.joules, use.coverage) == (pytest.approx(200.0), 1.0)
        if before:
            (use,) = ledger.uses(ledger.marks(0), last)
            assert (use.joules, use.coverage) == (pytest.approx(100.0 * (before + 3)), 1.0)
        times += 1
    assert times > 5


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
def test_an_edge_that_is_broken_off_leaves_the_curve_whole(reading):
    def edge(ledger):
        ledger.marks(2 * S + 5_000_000)
        ledger.forget_before(2 * S)

    times = 0
    for ledger in breaking_off(lambda: ledger_of(reading, 3), edge):
        for second in (3, 4):
            ledger.record(0, Stamped(second * S, reading(second)))
        levels = [ledger.marks(tenth * S // 10).marks[0].joules for tenth in range(21, 41)]
        assert levels == pytest.approx([10.0 * tenth for tenth in range(21, 41)])
        times += 1
    assert times > 5


def test_spans_whose_settling_is_broken_off_are_counted_once():
    class Owner:
        measuring = None

    def book():
        made = SpanBook(ledger_of(READINGS["counter"], 5))
        for number in range(6):
            span = Span(Owner, "even" if number % 2 == 0 else "odd")
            span.start_ns, span.end_ns = number * S // 2, (number + 1) * S // 2
            made.add(span)
        return made

    times = 0
    for made in breaking_off(book, lambda book: book.settle(2 * S)):
        made.settle(4 * S)
        assert {use.name: (use.times, use.uses[0].joules) for use in made.uses()} == {"even": (3, 150.0), "odd": (3, 150.0)}
        assert not made.pending
        times += 1
    assert times > 5


@pytest.mark.parametrize("before", [3, 8])
def test_a_lap_that_is_broken_off_is_entered_whole_or_not_at_all(before, monkeypatch):
    monkeypatch.setattr(lapbook, "NEWEST", 8)

    def lap(number):
        return Lap(float(number), number + 1.0, 10.0 * number, 10.0 * (number + 1), whole=True)

    def filled():
        made = lapbook.LapBook()
        for number in range(before):
            made.add(lap(number), provisional=None)
        return made

    times = 0
    for made in breaking_off(filled, lambda book: book.add(lap(before), provisional=before)):
        laps = made.laps()
        assert len(made) in {before, before + 1}
        assert made.before.number + len(laps) == len(made)
        assert made.before.joules == 10.0 * made.before.number
        assert laps == [lap(number) for number in range(made.before.number, len(made))]
        times += 1
    assert times > 2
