"""Readings become joules in one place; these are its rules, each with figures worked out by hand."""

import math

import pytest

from carbonsdk.engine.ledger.accounting import Limits, Part, Stamped, flaw, step
from carbonsdk.model import CounterReading, PowerReading

S = 1_000_000_000
LIMIT = Limits(max_watts=500.0, longest_gap_ns=5 * S, refresh_ns=1_000_000)


def counter(at_s, joules, wraps_at=None):
    return Stamped(round(at_s * S), CounterReading(joules, wraps_at))


def power(at_s, watts, window_s=0.0):
    return Stamped(round(at_s * S), PowerReading(watts, window_s))


def test_a_counter_counts_its_rise():
    assert step(counter(0, 1_000.0), counter(2, 1_300.0), LIMIT).joules == 300.0


def test_two_equal_readings_are_zero_joules_and_no_wrap():
    taken = step(counter(0, 70.0, 262_143.0), counter(1, 70.0, 262_143.0), LIMIT)
    assert (taken.joules, taken.covered_ns, taken.fault) == (0.0, S, None)


def test_a_counter_that_wraps_counts_on():
    # 262,143 − 262,100 = 43 J up to the wrap, and 57 J after it.
    taken = step(counter(0, 262_100.0, 262_143.0), counter(1, 57.0, 262_143.0), LIMIT)
    assert taken.joules == pytest.approx(100.0)
    assert taken.fault is None


def test_a_step_back_without_a_wrap_is_dropped_and_flagged():
    taken = step(counter(0, 5_000.0), counter(1, 10.0), LIMIT)
    assert (taken.joules, taken.covered_ns) == (0.0, 0)
    assert "stepped back" in taken.fault


def test_a_reset_of_a_wrapping_counter_is_no_wrap():
    # From 100,000 J back to 0 would be a wrap of 162,143 J in a second: no such device.
    taken = step(counter(0, 100_000.0, 262_143.0), counter(1, 0.0, 262_143.0), LIMIT)
    assert (taken.joules, taken.covered_ns) == (0.0, 0)
    assert "more than the device can draw" in taken.fault


def test_a_jump_beyond_what_the_device_can_draw_is_dropped():
    taken = step(counter(0, 0.0), counter(1, 12_572_969.0), LIMIT)
    assert taken.joules == 0.0
    assert taken.fault is not None


def test_a_counter_may_run_ahead_by_one_refresh():
    # Two reads 0.1 ms apart around a refresh of 1 ms: 500 W × 1.1 ms = 0.55 J can show.
    assert step(counter(0, 0.0), counter(0.0001, 0.5), LIMIT).fault is None


def test_a_sample_so_late_that_it_may_hide_two_wraps_is_marked():
    # 65,532 J at 500 W wrap in 131 s: after 300 s nobody knows how often.
    taken = step(counter(0, 10.0, 65_532.0), counter(300, 20.0, 65_532.0), LIMIT)
    assert taken.covered_ns == 0
    assert "more than once" in taken.fault


def test_a_late_sample_that_can_hide_no_second_wrap_counts():
    # 40,000 J in 150 s at 500 W at most: another 65,532 J would need 211 s.
    taken = step(counter(0, 10.0, 65_532.0), counter(150, 40_010.0, 65_532.0), LIMIT)
    assert (taken.joules, taken.covered_ns, taken.fault) == (40_000.0, 150 * S, None)


def test_instant_power_is_integrated_by_trapezoid():
    # From 100 W to 300 W in 2 s: mean 200 W.
    assert step(power(0, 100.0), power(2, 300.0), LIMIT).joules == pytest.approx(400.0)


def test_averaged_power_is_held_over_its_window():
    # The sensor says: 300 W on average over the last second. The second before it lies between 100 and 300 W.
    assert step(power(0, 100.0, 1.0), power(2, 300.0, 1.0), LIMIT).joules == pytest.approx(300.0 + 200.0)
    assert step(power(0, 100.0, 1.0), power(1, 300.0, 1.0), LIMIT).joules == pytest.approx(300.0)


def test_power_is_not_integrated_over_a_gap():
    taken = step(power(0, 100.0), power(6, 100.0), LIMIT)
    assert (taken.joules, taken.covered_ns) == (0.0, 0)


@pytest.mark.parametrize(
    "reading", [PowerReading(12_572_969.0), PowerReading(math.nan), PowerReading(-1.0), CounterReading(math.inf)]
)
def test_a_reading_that_cannot_be_true_is_told(reading):
    assert flaw(reading, LIMIT) is not None


def test_zero_watts_can_be_true():
    assert flaw(PowerReading(0.0), LIMIT) is None


def test_a_part_counts_its_share_of_what_exceeds_the_idle_power():
    # 100 J in 2 s, of which 2 s × 10 W are idle: a quarter of the other 80 J.
    before = Stamped(0, CounterReading(0.0))
    after = Stamped(2 * S, CounterReading(100.0), part=Part(share=0.25, idle_watts=10.0))
    taken = step(before, after, LIMIT)
    assert (taken.joules, taken.covered_ns) == (20.0, 2 * S)


def test_a_part_of_what_lies_below_the_idle_power_is_nothing():
    before = Stamped(0, CounterReading(0.0))
    after = Stamped(2 * S, CounterReading(15.0), part=Part(share=1.0, idle_watts=10.0))
    assert step(before, after, LIMIT).joules == 0.0


def test_a_part_of_a_power_is_a_part_of_its_uncertainty():
    # 100 W, then 200 W, a second apart: 150 J, and a step evenly spread over ±50 J has 1.96 × 100/√12 J; half of both.
    before = Stamped(0, PowerReading(100.0))
    after = Stamped(S, PowerReading(200.0), part=Part(share=0.5))
    taken = step(before, after, LIMIT)
    assert taken.joules == 75.0
    assert math.sqrt(taken.variance) == pytest.approx(0.5 * 1.96 * 100 / math.sqrt(12))
