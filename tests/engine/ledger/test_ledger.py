"""The ledger's invariants: everything is a difference between two points of one monotone curve."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonsdk.engine.ledger import Ledger, Marks
from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.engine.scopes import Span
from carbonsdk.engine.spanbook import SpanBook
from carbonsdk.model import CounterReading, Device, DeviceKind, PowerReading, Quality, Sensor

S = 1_000_000_000
RANGE = 262_143.0


def device(**sensor):
    base = {"method": "test", "quality": Quality.MEASURED, "bias": 0.0, "max_watts": 1_000.0}
    return Device(id="package-0", kind=DeviceKind.CPU, name="CPU", sensor=Sensor(**{**base, **sensor}))


def stamped(at_ns, reading):
    return Stamped(at_ns, reading)


def ledger_of(points, *, wraps_at=None, before_each=None):
    """A ledger of one device whose counter shows `points`: (ns, cumulative joules)."""
    ledger = Ledger(S)
    ledger.open_account(device(), 0)
    for number, (at_ns, joules) in enumerate(points):
        if before_each is not None:
            before_each(ledger, number, at_ns)
        shown = joules % wraps_at if wraps_at else joules
        ledger.record(0, stamped(at_ns, CounterReading(shown, wraps_at)))
    return ledger


def joules(ledger, start_ns, end_ns):
    (use,) = ledger.uses(ledger.marks(start_ns), ledger.marks(end_ns))
    return use.joules or 0.0


def test_what_a_sensor_missed_before_its_first_answer_is_said():
    ledger = ledger_of([(40_000_000, 0.0), (S, 96.0)])
    (use,) = ledger.uses(ledger.marks(0), ledger.marks(S))
    assert (use.coverage, use.reason) == (0.96, "the sensor answered after 0.040 s")


def test_a_sensor_that_answers_within_a_hundredth_of_the_time_is_not_complained_of():
    ledger = ledger_of([(10_000_000, 0.0), (S, 96.0)])
    (use,) = ledger.uses(ledger.marks(0), ledger.marks(S))
    assert (use.coverage, use.reason) == (0.99, None)


@st.composite
def curves(draw, most_points=30):
    steps = draw(st.lists(st.tuples(st.integers(1_000_000, 2 * S), st.floats(0.0, 900.0)), min_size=2, max_size=most_points))
    points, at_ns, total = [(0, 0.0)], 0, 0.0
    for width_ns, watts in steps:
        at_ns += width_ns
        total += watts * width_ns / S
        points.append((at_ns, total))
    return points


@given(curves(), st.lists(st.floats(0, 1), max_size=20))
def test_any_split_of_an_interval_sums_to_the_whole(points, cuts):
    ledger = ledger_of(points)
    end_ns = points[-1][0]
    edges = sorted({0, end_ns, *(round(cut * end_ns) for cut in cuts)})
    parts = [joules(ledger, *pair) for pair in pairwise(edges)]
    assert math.fsum(parts) == pytest.approx(points[-1][1], rel=1e-9, abs=1e-9)


@given(curves(), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=10))
def test_union_of_epochs_and_gaps_is_the_run(points, spans):
    ledger = ledger_of(points)
    end_ns = points[-1][0]
    intervals = sorted((round(min(pair) * end_ns), round(max(pair) * end_ns)) for pair in spans)
    union = []
    for start, end in intervals:
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    edges = [0, *(edge for pair in union for edge in pair), end_ns]
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    total = math.fsum(joules(ledger, *pair) for pair in [*union, *gaps])
    assert total == pytest.approx(joules(ledger, 0, end_ns), rel=1e-9, abs=1e-9)


@given(curves(), st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_the_curve_never_falls(points, cuts):
    ledger = ledger_of(points)
    end_ns = points[-1][0]
    values = [ledger.marks(round(cut * end_ns)).marks[0].joules for cut in sorted(cuts)]
    assert values == sorted(values)


@given(curves(), st.integers(0, 29), st.floats(0.0, RANGE - 1))
def test_a_wrap_at_any_position_changes_no_figure(points, place, offset):
    base = offset - points[min(place, len(points) - 1)][1]
    shifted = [(at_ns, total + base + RANGE) for at_ns, total in points]
    wrapped = ledger_of(shifted, wraps_at=RANGE)
    assert joules(wrapped, 0, points[-1][0]) == pytest.approx(points[-1][1], rel=1e-9, abs=1e-6)


@given(curves(), st.integers(1, 29))
def test_a_reset_at_any_position_costs_that_step_alone(points, place):
    place = min(place, len(points) - 1)
    ledger = Ledger(S)
    ledger.open_account(device(), 0)
    for number, (at_ns, total) in enumerate(points):
        # The driver was reloaded: the counter begins anew, below where it stood.
        shown = total + 1e6 if number < place else total - points[place][1]
        ledger.record(0, stamped(at_ns, CounterReading(shown)))
    lost = points[place][1] - points[place - 1][1]
    assert joules(ledger, 0, points[-1][0]) == pytest.approx(points[-1][1] - lost, rel=1e-9, abs=1e-6)


@given(curves(), st.lists(st.floats(0, 1), max_size=8), st.integers(1, 29))
def test_knots_disturb_nothing(points, cuts, place):
    """Edges a little ahead of the readings become knots: they stay, and the curve is the counter's again behind them."""
    asked = {}

    def ask(ledger, number, at_ns):
        if number == place:
            ledger.accounts[0].reach_ns = 2 * S
            last_ns = ledger.accounts[0].curve.last_ns
            for cut in sorted(cuts):
                edge_ns = last_ns + round(cut * (at_ns - 1 - last_ns))
                marks = ledger.marks(edge_ns)
                if marks.settled:
                    asked[edge_ns] = marks.marks[0].joules

    plain, disturbed = ledger_of(points), ledger_of(points, before_each=ask)
    highest = max(asked.values(), default=0.0)
    for edge_ns, reported in asked.items():
        assert disturbed.marks(edge_ns).marks[0].joules == reported
    for at_ns, total in points[min(place, len(points) - 1) :]:
        (before,), (after,) = plain.marks(at_ns).marks, disturbed.marks(at_ns).marks
        # A knot may run ahead of the counter; the curve then waits for it, and not a joule longer.
        assert after.joules == pytest.approx(max(total, highest), rel=1e-9, abs=1e-9)
        assert after.covered_ns == pytest.approx(before.covered_ns)


@given(curves(most_points=200), st.floats(0, 1))
def test_folding_changes_no_reported_figure(points, cut):
    end_ns = points[-1][0]
    at_ns = round(cut * end_ns)
    whole = ledger_of(points)
    before = [whole.marks(edge).marks[0] for edge in (at_ns, end_ns)]
    whole.forget_before(at_ns)
    assert [whole.marks(edge).marks[0] for edge in (at_ns, end_ns)] == before


def test_spans_see_what_marks_see():
    ledger = ledger_of([(0, 0.0), (S, 100.0), (2 * S, 400.0)])
    # 0.5 s at 100 W and 0.5 s at 300 W.
    ((rise,),) = ledger.rises([(S // 2, 3 * S // 2)])
    assert rise[0] == 50.0
    assert rise[1] == 200.0


def test_spans_beside_the_readings_have_what_lies_within_them():
    ledger = ledger_of([(S, 0.0), (2 * S, 100.0), (3 * S, 400.0)])
    beside = {
        (0, S // 2): (0.0, 0.0, 0.0),
        (S // 2, S): (0.0, 0.0, 0.0),
        (S // 2, 3 * S // 2): (0.0, 50.0, S / 2),
        (2 * S, 2 * S): (100.0, 0.0, 0.0),
        (5 * S // 2, 4 * S): (250.0, 150.0, S / 2),
        (3 * S, 4 * S): (400.0, 0.0, 0.0),
        (4 * S, 5 * S): (400.0, 0.0, 0.0),
        (0, 5 * S): (0.0, 400.0, 2 * S),
    }
    (rises,) = ledger.rises([*beside])
    assert [rise[:3] for rise in rises] == [*beside.values()]


@pytest.mark.parametrize("points", [[], [(S, 0.0)]], ids=["none", "one"])
def test_spans_of_a_device_with_hardly_a_reading_have_no_energy(points):
    assert ledger_of(points).rises([(0, S // 2), (S, S), (S, 2 * S)]) == [[(0.0, 0.0, 0.0, 0.0)] * 3]


def test_a_span_says_how_far_the_power_between_two_readings_can_lead_it_astray():
    ledger = ledger_of([(0, 0.0), (S, 100.0), (2 * S, 200.0), (3 * S, 200.0)])
    (rises,) = ledger.rises([(2 * S, 3 * S), (2 * S, 2 * S + S // 100), (2 * S, 5 * S // 2)])
    # The whole is read at both edges. A short one may hide a burst as high as the peak, which fades by 2 % in a second: twice
    # 98 J, times 0.01 × 0.99. As for half of it, the changes so far (40 W, as taken at first, 0 and -100 W) average to
    # (1600 + 0 + 100²) / 3 W²; of half of that 1.96 times the root is 86.2 W, and √¼ of a second of it 43.1 J.
    assert [rise[3] for rise in rises] == [0.0, pytest.approx(1.9404), pytest.approx(43.0903, abs=1e-4)]


def test_a_span_is_not_covered_where_the_counter_began_anew():
    ledger = ledger_of([(0, 0.0), (S, 100.0), (2 * S, 40.0), (3 * S, 90.0)])
    (rises,) = ledger.rises([(0, S // 2), (S, 3 * S // 2), (2 * S, 5 * S // 2)])
    assert [rise[1:3] for rise in rises] == [(50.0, S / 2), (0.0, 0.0), (25.0, S / 2)]


@given(curves(), st.lists(st.tuples(st.floats(-0.1, 1.1), st.floats(-0.1, 1.1)), min_size=1, max_size=20))
def test_spans_looked_up_together_are_what_each_is_alone(points, cuts):
    ledger = ledger_of(points)
    end_ns = points[-1][0]
    intervals = [(round(min(pair) * end_ns), round(max(pair) * end_ns)) for pair in cuts]
    (together,) = ledger.rises(intervals)
    assert together == [ledger.rises([interval])[0][0] for interval in intervals]
    for (start_ns, stop_ns), (start_joules, used, covered_ns, noise) in zip(intervals, together, strict=True):
        start, stop = (ledger.marks(min(max(edge, 0), end_ns)).marks[0] for edge in (start_ns, stop_ns))
        assert used == pytest.approx(stop.joules - start.joules, rel=1e-9, abs=1e-6)
        assert covered_ns == pytest.approx(stop.covered_ns - start.covered_ns, abs=2)
        assert noise >= 0
        if used:
            assert start_joules == pytest.approx(start.joules, rel=1e-9, abs=1e-6)


def test_many_short_spans_hide_no_more_than_was_drawn():
    ledger = ledger_of([(at_s * S, 100.0 * at_s) for at_s in range(12)])
    book = SpanBook(ledger)
    for number in range(1_000):
        span = Span(None, "step")
        span.start_ns = 10 * S + number * 1_000_000
        span.end_ns = span.start_ns + 900_000
        book.add(span)
    book.settle(11 * S)
    ((use,),) = (row.uses for row in book.uses())
    # 90 of the second's 100 J; each span alone may have drawn nothing, or more than its share.
    assert use.joules == pytest.approx(90.0)
    assert use.noise_joules <= 90.0 + 1e-6


def test_a_device_without_readings_is_missing_and_not_zero():
    ledger = Ledger(S)
    ledger.open_account(device(), 0)
    ledger.silence(0, "permission denied")
    (use,) = ledger.uses(Marks(0, ()), ledger.marks(S))
    assert use.joules is None
    assert use.reason == "permission denied"


def test_a_lost_device_keeps_what_it_used_and_loses_coverage():
    ledger = ledger_of([(0, 0.0), (S, 100.0)])
    ledger.silence(0, "the GPU is lost")
    (use,) = ledger.uses(ledger.marks(0), ledger.marks(4 * S))
    assert use.joules == 100.0
    assert use.coverage == pytest.approx(0.25)
    assert use.reason == "the GPU is lost"


def test_what_a_lost_device_used_meanwhile_lies_evenly_over_its_silence():
    ledger = ledger_of([(0, 0.0), (S, 100.0)])
    ledger.silence(0, "no answer")
    edge = ledger.marks(2 * S)
    first = ledger.uses(ledger.marks(0), edge)
    ledger.record(0, stamped(4 * S, CounterReading(400.0)))
    second = ledger.uses(ledger.renewed(edge), ledger.marks(4 * S))
    # Of the 300 J from the first second to the fourth the second half of the time has 200; the first had ended without.
    assert (first[0].joules, second[0].joules) == (100.0, 200.0)
    assert not edge.firm
    assert ledger.renewed(edge).firm
    (whole,) = ledger.uses(ledger.marks(0), ledger.marks(4 * S))
    assert whole.joules == 400.0


def test_an_edge_between_two_readings_is_interpolated_and_says_how_uncertain_that_is():
    ledger = ledger_of([(0, 0.0), (S, 100.0)])
    (mark,) = ledger.marks(S // 2).marks
    assert mark.joules == 50.0
    # Half-way, the 100 J may all have come before or all after: ±50 J at most, and not much less with so little seen.
    assert 25.0 <= mark.edge_joules <= 50.0
    (mark,) = ledger.marks(S).marks
    assert mark.edge_joules == 0.0


def half_way(watts):
    """What an edge in the middle of the last second leaves open, after a second at each of these powers."""
    points, total = [(0, 0.0)], 0.0
    for second, each in enumerate(watts, 1):
        total += each
        points.append((second * S, total))
    (mark,) = ledger_of(points).marks(len(watts) * S - S // 2).marks
    return mark.edge_joules


def test_an_edge_between_readings_is_the_surer_the_steadier_the_power_was():
    steady, unsteady = half_way([100.0] * 40), half_way([20.0, 180.0] * 19 + [20.0, 100.0])
    assert steady < 15.0
    # The mean of a second changed by 160 W each time: a change half-way through the last moves ±40 J.
    assert 40.0 <= unsteady <= 100.0


def test_a_reading_within_a_counters_step_says_what_the_step_can_hide():
    ledger = Ledger(S)
    ledger.open_account(device(refresh_s=0.1), 0)
    for at_s in range(5):
        ledger.record(0, stamped(at_s * S, CounterReading(100.0 * at_s)))
    (use,) = ledger.uses(ledger.marks(S), ledger.marks(4 * S))
    # A step of 0.1 s at 100 W is 10 J; the difference of two evenly spread lags of it lies within ±7.8 J 19 times in 20.
    assert use.joules == pytest.approx(300.0)
    assert 7.8 <= use.noise_joules <= 12.0


def test_what_a_step_hides_is_remembered_with_the_reading():
    ledger = Ledger(S)
    ledger.open_account(device(refresh_s=0.1), 0)
    for at_s in range(5):
        ledger.record(0, stamped(at_s * S, CounterReading(400.0 * at_s)))
    before = ledger.marks(4 * S).marks
    for at_s in range(5, 200):
        ledger.record(0, stamped(at_s * S, CounterReading(1_600.0 + at_s)))
    assert ledger.marks(4 * S).marks == before


def test_an_epoch_of_work_between_idle_times_is_not_charged_with_the_idle_power():
    ledger = Ledger(S)
    ledger.open_account(device(refresh_s=0.1), 0)

    def shown(at_ns):
        # 50 W, and 400 W from second 10 to 14; renewed every 0.1 s, each time 0.05 s before a reading at a whole second.
        at_s = at_ns / S - 0.05
        return CounterReading(50.0 * at_s + 350.0 * min(max(at_s - 10.0, 0.0), 4.0) + 100.0)

    for at_s in range(21):
        ledger.record(0, stamped(at_s * S, shown(at_s * S)))
    (use,) = ledger.uses(ledger.marks(10 * S), ledger.marks(14 * S))
    # The counter itself shows 350 W × 0.05 s = 17.5 J too little.
    assert use.joules == pytest.approx(1_600.0, abs=6.0)


def test_no_epoch_is_more_uncertain_than_all_that_the_device_can_have_drawn():
    ledger = Ledger(S)
    ledger.open_account(device(refresh_s=0.1), 0)
    for at_ms in (0, 1_000, 2_000, 2_010):
        ledger.record(0, stamped(at_ms * 1_000_000, CounterReading(0.1 * (at_ms // 100 * 100))))
    (use,) = ledger.uses(ledger.marks(2 * S), ledger.marks(2_010_000_000))
    assert use.noise_joules <= 1.5 * 100.0 * 0.01


def test_a_mean_of_the_last_second_is_told_from_what_was_drawn_now():
    ledger = Ledger(S)
    ledger.open_account(device(quality=Quality.INTEGRATED), 0)
    # 50 W until second 3.2, then 400 W; the sensor shows the mean of the last second.
    for at_s, watts in [(1, 50.0), (2, 50.0), (3, 50.0), (3.5, 50 * 0.7 + 400 * 0.3), (4, 50 * 0.2 + 400 * 0.8), (5, 400.0)]:
        ledger.record(0, stamped(round(at_s * S), PowerReading(watts, 1.0)))
    assert joules(ledger, 3 * S, round(3.5 * S)) == pytest.approx(50 * 0.2 + 400 * 0.3)
    assert joules(ledger, round(3.5 * S), 5 * S) == pytest.approx(400 * 1.5)


def test_samples_that_jump_are_less_certain_than_samples_that_stay():
    def noise(powers):
        ledger = Ledger(S)
        ledger.open_account(device(quality=Quality.INTEGRATED), 0)
        for at_s, watts in enumerate(powers):
            ledger.record(0, stamped(at_s * S, PowerReading(watts)))
        (use,) = ledger.uses(ledger.marks(20 * S), ledger.marks(30 * S))
        return use.noise_joules / use.joules

    assert noise([100.0] * 31) < 0.05
    # Samples at 50 or 400 W in turn: ten of them say little more of their mean than ten throws of a coin.
    assert noise([50.0, 400.0] * 15 + [50.0]) > 0.3


def test_absurd_power_poisons_nothing():
    ledger = Ledger(S)
    ledger.open_account(device(quality=Quality.INTEGRATED), 0)
    for at_s, watts in [(0, 100.0), (1, 100.0), (2, 12_572_969.0), (3, math.nan), (4, 100.0)]:
        ledger.record(0, stamped(at_s * S, PowerReading(watts)))
    (use,) = ledger.uses(ledger.marks(0), ledger.marks(4 * S))
    assert use.joules == pytest.approx(400.0)


@pytest.mark.parametrize("windows", [(0.0, 0.0, 5.0, 5.0), (3.0, 0.0, 0.0, 3.0, 3.0), (0.0, 0.5, 0.0, 2.0)], ids=str)
def test_a_sensor_that_changes_between_instants_and_means_has_its_energy_counted_once(windows):
    ledger = Ledger(S)
    ledger.open_account(device(), 0)
    for second, window_s in enumerate(windows):
        assert ledger.record(0, stamped(second * S, PowerReading(100.0, window_s))) is None
    end_s = len(windows) - 1
    assert joules(ledger, 0, end_s * S) == pytest.approx(100.0 * end_s)
