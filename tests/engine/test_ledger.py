"""The ledger's invariants: everything is a difference between two points of one monotone curve."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonsdk.engine.accounting import Stamped
from carbonsdk.engine.ledger import Ledger, Marks
from carbonsdk.model import CounterReading, Device, DeviceKind, PowerReading, Quality, Sensor

S = 1_000_000_000
RANGE = 262_143.0


def device(**sensor):
    base = {"method": "test", "quality": Quality.MEASURED, "bias": 0.0, "max_watts": 1_000.0}
    return Device(id="package-0", kind=DeviceKind.CPU, name="CPU", sensor=Sensor(**{**base, **sensor}))


def stamped(at_ns, reading):
    return Stamped(at_ns, at_ns, reading)


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
    """Asking for edges ahead of the readings makes knots; the whole stays what the counter says."""
    end_ns = points[-1][0]

    def ask(ledger, number, at_ns):
        if number == place:
            ledger.accounts[0].reach_ns = S
            last_ns = ledger.accounts[0].curve.last_ns
            for cut in sorted(cuts):
                ledger.marks(last_ns + round(cut * (at_ns - last_ns)))

    disturbed = ledger_of(points, before_each=ask)
    final = disturbed.marks(end_ns).marks[0].joules
    counted = points[-1][1]
    # A knot may run ahead of the counter, but only until the counter catches up.
    assert final >= counted - 1e-9
    if place < len(points) - 1 or not cuts:
        assert final == pytest.approx(counted, rel=1e-9) or final > counted


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


def test_what_a_lost_device_used_meanwhile_counts_after_the_edges_that_were_reported():
    ledger = ledger_of([(0, 0.0), (S, 100.0)])
    ledger.silence(0, "no answer")
    first = ledger.uses(ledger.marks(0), ledger.marks(2 * S))
    ledger.record(0, stamped(4 * S, CounterReading(400.0)))
    second = ledger.uses(ledger.marks(2 * S), ledger.marks(4 * S))
    assert (first[0].joules, second[0].joules) == (100.0, 300.0)


def test_an_edge_between_two_readings_is_interpolated_and_says_how_uncertain_that_is():
    ledger = ledger_of([(0, 0.0), (S, 100.0)])
    (mark,) = ledger.marks(S // 2).marks
    assert mark.joules == 50.0
    # Half-way, the 100 J may all have come before or all after: ±50 J.
    assert mark.edge_joules >= 50.0
    (mark,) = ledger.marks(S).marks
    assert mark.edge_joules == 0.0


def test_absurd_power_poisons_nothing():
    ledger = Ledger(S)
    ledger.open_account(device(quality=Quality.INTEGRATED), 0)
    for at_s, watts in [(0, 100.0), (1, 100.0), (2, 12_572_969.0), (3, math.nan), (4, 100.0)]:
        ledger.record(0, stamped(at_s * S, PowerReading(watts)))
    (use,) = ledger.uses(ledger.marks(0), ledger.marks(4 * S))
    assert use.joules == pytest.approx(400.0)
