"""The parts of the forecast, each by itself."""

import math

import pytest

from carbonsdk.engine.prediction.line import fitted
from carbonsdk.engine.prediction.outlook import Outlook, quantile
from carbonsdk.engine.prediction.recurrence import recurrence
from carbonsdk.engine.prediction.warmup import warm_up

DRIFT = 0.0005
"""Of an epoch, from each to the next: usual in a run of ninety."""


@pytest.mark.parametrize(("freedom", "expected"), [(4, 2.132), (10, 1.812), (30, 1.697)])
def test_the_quantile_is_students(freedom, expected):
    assert quantile(0.9, freedom=freedom) == pytest.approx(expected, rel=0.005)


def test_the_quantile_without_end_is_the_normal_one():
    assert quantile(0.9) == pytest.approx(1.6449, rel=1e-4)


def test_independent_doubts_add_in_quadrature():
    both = Outlook(10, 3, 6).plus(Outlook(20, 4, 8))
    assert (both.value, both.down, both.up) == (30, 5, 10)


def test_the_degrees_of_freedom_of_a_sum_are_those_of_what_matters_in_it():
    # Welch and Satterthwaite: (9 + 1)^2 / (9^2 / 3 + 1^2 / 9); one with infinitely many adds to the numerator alone.
    assert Outlook(0, 3, 3, freedom=3).plus(Outlook(0, 1, 1, freedom=9)).freedom == pytest.approx(100 / (27 + 1 / 9))
    assert Outlook(0, 1, 1, freedom=2).plus(Outlook(0, 1, 1)).freedom == pytest.approx(4 / 0.5)


def test_of_two_beliefs_the_doubt_holds_their_difference():
    both = Outlook(10, 3, 3).mixed(Outlook(20, 3, 3), share=0.5)
    assert both.value == 15
    assert both.up == pytest.approx((3**2 + 5**2) ** 0.5)


def test_of_two_beliefs_that_are_certain_of_their_doubts_so_is_the_mixture():
    assert Outlook(10, 3, 3).mixed(Outlook(20, 3, 3), share=0.0).freedom == math.inf
    assert Outlook(10, 3, 3, freedom=2).mixed(Outlook(20, 3, 3), share=0.5).freedom == 4


def test_odd_values_at_one_end_do_not_tilt_the_line():
    line = fitted([9.3, 9.4, 9.5, 9.4, 9.6, 9.5, 9.6, 12.6, 12.6], scale=0.1, slope_prior=0.001)
    assert line.outliers == (7, 8)
    assert line.level == pytest.approx(9.47, abs=0.01)


def test_an_estimate_never_falls_below_what_was_used():
    assert Outlook(10, down=100, up=1).estimate(50, level=0.9).low == 50


def test_places_at_one_spacing_go_on():
    again = recurrence([4, 8, 12], seen=13, total=25, single_repeats=True)
    assert (again.count, again.period) == (3, 4)  # 16, 20 and 24


def test_a_missed_place_ends_the_regularity():
    assert recurrence([4, 8], seen=13, total=25, single_repeats=True).period is None


def test_two_places_that_do_not_count_from_the_start_may_be_any_two():
    assert recurrence([6, 10], seen=12, total=25, single_repeats=True).period is None


def test_a_first_place_repeats_where_it_could_not_have_yet():
    assert recurrence([5], seen=7, total=20, single_repeats=True).period == 5
    assert recurrence([5], seen=11, total=20, single_repeats=True).period is None
    assert recurrence([5], seen=7, total=20, single_repeats=False).period is None


def test_places_in_no_order_recur_as_often_as_they_were_seen():
    again = recurrence([3, 5, 9, 20, 33, 41, 55, 60, 71, 80], seen=90, total=190, single_repeats=False)
    assert again.count == pytest.approx(100 * 9.5 / 100)  # 10 less a half, of 90 seen and 10 believed


def test_what_never_happened_is_not_expected_but_possible():
    again = recurrence([], seen=10, total=20, single_repeats=True)
    assert again.count == 0
    assert again.up > 0
    assert again.down == 0


def test_of_two_epochs_only_a_dearer_first_is_a_warm_up():
    assert warm_up([15, 10], drift=DRIFT).likely > 0.99
    assert warm_up([15, 10], drift=DRIFT).doubt > 0
    assert warm_up([10, 15], drift=DRIFT).likely == 0


def test_a_first_epoch_like_the_others_is_rather_no_warm_up():
    assert warm_up([10.05, 10, 9.95, 10.05, 10], drift=DRIFT).likely < 0.5


def test_epochs_that_all_scatter_are_not_cut_down_to_a_warm_up():
    found = warm_up([11, 12, 9, 10, 13, 9, 11, 12], drift=DRIFT)
    assert found.likely * found.added[0] < 0.2
    assert max(found.added[1:]) < 0.03


def test_a_run_that_becomes_cheaper_all_along_has_no_warm_up():
    found = warm_up([10 - 0.03 * place for place in range(20)], drift=0.0015)
    assert found.likely * found.added[0] < 0.05  # of 0.57 that it fell


def test_the_warm_up_of_one_epoch_is_found():
    found = warm_up([20, 10, 10, 10, 10], drift=DRIFT)
    assert found.added[0] == pytest.approx(10, rel=1e-3)
    assert found.added[1] == pytest.approx(0, abs=0.01)


def test_a_fading_warm_up_is_found():
    found = warm_up([20, 15, 12.5, 11.25, 10.625, 10.3125], drift=DRIFT)  # 10 + 10 * 0.5 ** i
    assert found.added == pytest.approx([10, 5, 2.5, 1.25, 0.625, 0.3125], abs=0.1)


def test_a_single_dear_epoch_later_on_is_no_warm_up():
    assert max(warm_up([10, 10, 10, 30, 10, 10], drift=DRIFT).added) < 0.3
