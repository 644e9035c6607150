"""A profile's power and its exact integral, against values worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonsdk.testing.profile import Profile


def test_a_constant_profile_draws_the_same_always():
    profile = Profile.constant(65.0)

    assert profile.watts(0.0) == profile.watts(1e6) == 65.0
    assert profile.joules(10.0) == 650.0


def test_a_square_wave_is_high_first_then_low():
    profile = Profile.square(10.0, 110.0, period_s=4.0, duty=0.25)

    assert [profile.watts(t_s) for t_s in (0.0, 0.9, 1.0, 3.9, 4.0)] == [110.0, 110.0, 10.0, 10.0, 110.0]


def test_a_square_wave_integrates_over_whole_and_broken_periods():
    profile = Profile.square(10.0, 110.0, period_s=4.0, duty=0.25)

    assert profile.joules(4.0) == 110.0 + 30.0
    assert profile.joules(9.0) == 2 * 140.0 + 110.0
    assert profile.joules(10.5) == 2 * 140.0 + 110.0 + 15.0


def test_a_square_wave_keeps_its_phase_after_many_short_periods():
    profile = Profile.square(0.0, 100.0, period_s=0.1)

    assert profile.joules(86_400.0) == pytest.approx(86_400.0 * 50.0, rel=1e-9)


def test_a_ramp_holds_its_end():
    profile = Profile.ramp(0.0, 100.0, duration_s=10.0)

    assert [profile.watts(t_s) for t_s in (0.0, 5.0, 10.0, 20.0)] == [0.0, 50.0, 100.0, 100.0]
    assert [profile.joules(t_s) for t_s in (5.0, 10.0, 12.0)] == [125.0, 500.0, 700.0]


def test_a_trace_holds_its_first_and_last_values_outside_its_points():
    profile = Profile.trace([(2.0, 10.0), (4.0, 30.0)])

    assert [profile.watts(t_s) for t_s in (0.0, 3.0, 9.0)] == [10.0, 20.0, 30.0]
    assert [profile.joules(t_s) for t_s in (1.0, 2.0, 4.0, 5.0)] == [10.0, 20.0, 60.0, 90.0]


def test_a_trace_repeats_from_its_last_points_time():
    profile = Profile.trace([(0.0, 0.0), (2.0, 20.0)], repeat=True)

    assert profile.watts(3.0) == 10.0
    assert profile.joules(5.0) == 20.0 + 20.0 + 5.0


def test_steps_hold_each_value_until_the_next():
    profile = Profile.steps([(0.0, 5.0), (1.0, 50.0), (3.0, 20.0)])

    assert [profile.watts(t_s) for t_s in (0.5, 1.0, 2.9, 3.0)] == [5.0, 50.0, 50.0, 20.0]
    assert profile.joules(4.0) == 5.0 + 100.0 + 20.0


def test_steps_repeat_with_a_period_of_their_own():
    profile = Profile.steps([(0.0, 5.0), (1.0, 50.0)], repeat_s=3.0)

    assert profile.watts(3.5) == 5.0
    assert profile.joules(6.0) == 2 * (5.0 + 100.0)


def test_profiles_add_up_and_scale():
    profile = 2 * (Profile.constant(10.0) + Profile.ramp(0.0, 10.0, duration_s=1.0))

    assert profile.watts(0.5) == 30.0
    assert profile.joules(1.0) == 30.0


def test_nothing_is_drawn_before_time_zero():
    assert Profile.constant(5.0).joules(-1.0) == 0.0
    assert Profile.constant(5.0).watts(-1.0) == 0.0


@pytest.mark.parametrize("points", [[], [(1.0, 5.0), (0.0, 5.0)], [(-1.0, 5.0)], [(0.0, float("nan"))]])
def test_a_trace_that_makes_no_sense_is_refused(points):
    with pytest.raises(ValueError, match="profile"):
        Profile.trace(points)


points = st.lists(
    st.tuples(st.floats(0.001, 100.0), st.floats(0.0, 1000.0)), min_size=1, max_size=8, unique_by=lambda point: point[0]
).map(sorted)


@settings(deadline=None)
@given(points, st.floats(0.0, 300.0), st.floats(0.0, 300.0), st.booleans())
def test_energy_never_falls_while_power_is_not_negative(points, a_s, b_s, repeat):
    profile = Profile.trace(points, repeat=repeat)

    assert profile.joules(max(a_s, b_s)) >= profile.joules(min(a_s, b_s)) - 1e-9 * profile.joules(max(a_s, b_s))


@settings(deadline=None, max_examples=50)
@given(points, st.floats(0.001, 300.0))
def test_the_integral_agrees_with_a_fine_sum_of_the_power(points, end_s):
    profile = Profile.trace(points)
    step_s = end_s / 500
    midpoints = sum(profile.watts((index + 0.5) * step_s) for index in range(500)) * step_s

    assert profile.joules(end_s) == pytest.approx(midpoints, rel=1e-2, abs=1000.0 * step_s)
