"""What must hold whatever the run looked like."""

import math

from hypothesis import given
from hypothesis import strategies as st

from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.codec import decode, encode
from carbonsdk.journal.marks import Marks
from carbonsdk.journal.numbers import NumberSet
from carbonsdk.journal.records import SlotClosed, Use
from carbonsdk.journal.union import length

SECONDS = 1000


@st.composite
def curves(draw):
    """A curve by the second: cumulative joules that never fall."""
    steps = draw(st.lists(st.floats(0, 500), min_size=SECONDS // 100, max_size=SECONDS // 100))
    curve = [0.0]
    for step in steps:
        curve += [curve[-1] + step / 100 * n for n in range(1, 101)]
    return curve


intervals = st.tuples(st.integers(0, SECONDS - 1), st.integers(1, SECONDS)).map(sorted).filter(lambda pair: pair[0] < pair[1])


@given(curves(), st.lists(intervals, max_size=12))
def test_the_union_of_epochs_and_the_gaps_make_the_run(sample, curve, epochs):
    assembly = Assembly()
    assembly.add(sample.run())
    assembly.add(sample.device())
    ends = sorted((end, number, start) for number, (start, end) in enumerate(epochs))
    for at, (end, number, start) in enumerate(ends):
        closes = not any(other_start < end for _, _, other_start in ends[at + 1 :])
        rise = curve[end] - curve[start]
        assembly.add(sample.epoch(number, start, end, (curve[start], rise), closes=closes))
    inside = [any(start <= second < end for start, end in epochs) for second in range(SECONDS)]
    gaps = math.fsum(curve[second + 1] - curve[second] for second in range(SECONDS) if not inside[second])
    union = assembly.epochs_use().joules or 0.0
    assert math.isclose(union + gaps, curve[-1], rel_tol=1e-9, abs_tol=1e-9)


@given(curves(), intervals, st.lists(st.integers(0, SECONDS), max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_however_a_curve_is_cut_the_pieces_make_the_interval(sample, curve, interval, marks, known):
    slots = Marks()
    for second, is_known in zip(sorted(set(marks)), known, strict=False):
        slots.add(SlotClosed(sample.ns(second), (curve[second] if is_known else None,)), devices=1)
    start, end = interval
    use = Use(0, curve[start], curve[end] - curve[start])
    pieces = slots.cut(sample.ns(start), sample.ns(end), [use])
    assert math.isclose(math.fsum(joules for *_, joules in pieces), use.joules, rel_tol=1e-9, abs_tol=1e-9)
    assert all(joules >= 0 for *_, joules in pieces)
    assert [left for left, *_ in pieces[1:]] == [right for _, right, _ in pieces[:-1]]
    assert (pieces[0][0], pieces[-1][1]) == (sample.ns(start), sample.ns(end))


@given(curves(), st.lists(intervals, min_size=1, max_size=6))
def test_a_report_that_is_read_equals_the_one_that_was_live(sample, curve, epochs):
    records = [sample.run(), sample.device(), sample.intensity(300.0, -10, 500), sample.intensity(100.0, 500, 5000)]
    for number, (start, end) in enumerate(epochs):
        records.append(sample.epoch(number, start, end, (curve[start], curve[end] - curve[start]), closes=False))
    records += [sample.slot(500, curve[500]), sample.end(SECONDS, curve[-1])]
    live, read = Assembly(), Assembly()
    for record in records:
        live.add(record)
        read.add(decode(encode(record)))
    state = records[-1].state
    assert live.report(state, run_state="finished") == read.report(read.last_known(), run_state="finished")


@given(st.lists(st.integers(-50, 50)))
def test_numbers_are_counted_once_each(numbers):
    seen = NumberSet()
    assert [seen.add(number) for number in numbers] == [number not in numbers[:at] for at, number in enumerate(numbers)]
    assert seen.count == len(set(numbers))
    assert {number for start, end in seen.stretches for number in range(start, end)} == set(numbers)
    assert all(number in seen for number in numbers)
    assert 51 not in seen
    assert seen.next == (max(numbers) + 1 if numbers else 0)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)))
def test_the_length_of_a_union_is_that_of_its_points(ranges):
    assert length([tuple(pair) for pair in ranges]) == len({point for start, end in ranges for point in range(start, end)})
