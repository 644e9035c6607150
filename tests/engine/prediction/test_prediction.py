"""The forecast of a whole run, with epochs whose energy is written down here: 100 W all along, unless said otherwise."""

import time
from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carbonsdk.engine.prediction.laps import Lap
from carbonsdk.engine.prediction.whole import forecast
from carbonsdk.reports import Estimate

WATTS = 100.0


def history(*seconds: float, gaps: dict[int, float] | None = None, gap: float = 0.0, lead_s: float = 0.0) -> list[Lap]:
    """Epochs of these seconds; `gaps` gives the seconds behind an epoch by its number, `gap` those behind every other."""
    now, laps = lead_s, []
    for number, length in enumerate(seconds, start=1):
        laps.append(Lap(now, now + length, now * WATTS, (now + length) * WATTS))
        now += length + (gaps or {}).get(number, gap)
    return laps


def half_width(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / 2 / estimate.value


def test_equal_epochs_go_on_as_they_were():
    said = forecast(history(10, 10, 10, 10), epochs_total=10)
    assert said.energy_joules.value == pytest.approx(10_000, rel=1e-6)
    assert said.duration_s.value == pytest.approx(100, rel=1e-6)
    assert (said.epochs_seen, said.epochs_total) == (4, 10)


def test_a_dear_first_epoch_keeps_its_energy_but_does_not_set_the_rate():
    said = forecast(history(30, 10, 10, 10), epochs_total=10)
    assert said.energy_joules.value == pytest.approx(3_000 + 9 * 1_000, rel=1e-4)
    assert "the first does not set the rate" in said.reason


def test_a_warm_up_of_three_epochs_is_put_aside_whole():
    said = forecast(history(20, 20, 20, 10, 10, 10, 10), epochs_total=20)
    assert said.energy_joules.value == pytest.approx(3 * 2_000 + 17 * 1_000, rel=0.005)
    assert "the first 3 do not set the rate" in said.reason


def test_a_fading_warm_up_is_carried_on_to_where_it_leads():
    # 10 s + 10 s * 0.5 ** i: the sum over 20 epochs is 200 s + 20 s; four are seen, of which the last takes 11.25 s.
    said = forecast(history(20, 15, 12.5, 11.25), epochs_total=20)
    assert said.energy_joules.value == pytest.approx(22_000, rel=0.03)
    assert said.energy_joules.low < 22_000 < said.energy_joules.high


def test_one_outlier_hardly_counts():
    said = forecast(history(10, 10, 10, 10, 30, 10, 10, 10, 10, 10), epochs_total=20)
    assert said.energy_joules.value == pytest.approx(22_000, rel=0.03)  # ten times the mean would be 24,000


def test_one_absurd_outlier_counts_no_more_than_an_epoch_of_usual_size():
    said = forecast(history(10, 10, 10, 10, 1e6, 10, 10, 10, 10, 10), epochs_total=20)
    assert said.energy_joules.value - 1e8 == pytest.approx(19_000, rel=0.03)


def test_outliers_that_recur_are_expected_to_recur():
    seconds = [10.0 if number % 5 else 20.0 for number in range(1, 41)]
    said = forecast(history(*seconds), epochs_total=80)
    assert said.energy_joules.value == pytest.approx(96_000, rel=0.01)  # 64 epochs of 1,000 J and 16 of 2,000 J


def test_a_trend_goes_on():
    seconds = [10 + 0.1 * number for number in range(20)]
    said = forecast(history(*seconds), epochs_total=40)
    assert said.energy_joules.value == pytest.approx(47_800, rel=0.02)  # the mean of the first 20 says 43,800
    assert said.energy_joules.low < 47_800 < said.energy_joules.high


def test_after_a_change_of_level_the_new_level_counts():
    said = forecast(history(*[10.0] * 12, *[13.0] * 8), epochs_total=40)
    assert said.energy_joules.value == pytest.approx(12 * 1_000 + 28 * 1_300, rel=0.01)


def test_a_first_epoch_like_the_others_helps_to_set_the_rate():
    said = forecast(history(9.9, 10.1, 10.0), epochs_total=103)
    assert said.epochs_energy_joules.value == pytest.approx(103_000, rel=1e-3)  # without the first it would be 103,500


def test_a_newest_epoch_that_is_odd_may_be_the_first_of_a_new_level():
    calm = forecast(history(*[10.0] * 9), epochs_total=40).energy_joules
    dear = forecast(history(*[10.0] * 8, 13), epochs_total=40).energy_joules
    assert half_width(dear) > 1.5 * half_width(calm)
    assert dear.value == pytest.approx(40_300, rel=0.03)  # but rather an accident


def test_two_alike_in_a_row_are_rather_a_new_level():
    said = forecast(history(*[10.0] * 8, 13, 13), epochs_total=40).energy_joules
    assert said.value > 0.5 * (40_600 + 8_000 + 32 * 1_300)


def test_two_odd_ones_that_differ_are_not():
    said = forecast(history(*[10.0] * 8, 18, 13), epochs_total=40).energy_joules
    assert said.value < 43_500


def test_what_lies_between_epochs_is_forecast_too():
    said = forecast(history(10, 10, 10, 10, gap=1), epochs_total=10)
    assert said.energy_joules.value == pytest.approx(10 * 1_000 + 10 * 100, rel=1e-4)
    assert said.epochs_energy_joules.value == pytest.approx(10_000, rel=1e-4)
    assert said.epochs_duration_s.value == pytest.approx(100, rel=1e-4)


def test_the_last_gap_may_be_left_out():
    said = forecast(history(10, 10, 10, 10, gap=1), epochs_total=5)
    assert said.energy_joules.low < 5 * 1_000 + 4 * 100


def test_an_evaluation_every_third_epoch_is_expected_again():
    said = forecast(history(*[10.0] * 8, gaps={3: 3, 6: 3}), epochs_total=12)
    assert said.energy_joules.value == pytest.approx(12 * 1_000 + 4 * 300, rel=1e-3)
    assert "every 3 epochs" in said.reason


def test_one_evaluation_is_taken_for_the_first_of_many():
    said = forecast(history(*[10.0] * 4, gaps={3: 3}), epochs_total=12)
    assert said.energy_joules.value == pytest.approx(12 * 1_000 + 4 * 300, rel=1e-3)


def test_one_pause_longer_than_an_epoch_is_not():
    said = forecast(history(*[10.0] * 4, gaps={3: 3_600}), epochs_total=12)
    assert said.duration_s.value == pytest.approx(3_720, rel=0.01)


def test_the_start_up_counts_once():
    said = forecast(history(10, 10, 10, 10, lead_s=50), epochs_total=10)
    assert said.energy_joules.value == pytest.approx(5_000 + 10_000, rel=1e-6)
    assert said.epochs_energy_joules.value == pytest.approx(10_000, rel=1e-6)


def test_one_epoch_says_how_little_it_knows():
    said = forecast(history(10), epochs_total=10)
    assert said.energy_joules.value == pytest.approx(10_000)
    assert said.energy_joules.low < 7_000
    assert said.energy_joules.high > 11_000
    assert "one epoch seen" in said.reason


def test_the_interval_narrows_as_epochs_are_seen():
    widths = [half_width(forecast(history(*[10.0] * seen), epochs_total=100).energy_joules) for seen in (1, 3, 10, 30, 90)]
    assert widths == sorted(widths, reverse=True)
    assert widths[1] < 0.10


def test_epochs_that_scatter_widen_the_interval():
    calm = forecast(history(*[10.0] * 8), epochs_total=20)
    rough = forecast(history(10, 13, 8, 11, 7, 12, 9, 12), epochs_total=20)
    assert half_width(rough.energy_joules) > 2 * half_width(calm.energy_joules)


def test_a_higher_level_widens_the_interval():
    seen = history(10, 10, 10, 10)
    narrow, wide = forecast(seen, epochs_total=10, level=0.5), forecast(seen, epochs_total=10, level=0.95)
    assert half_width(narrow.energy_joules) < half_width(wide.energy_joules)
    assert wide.energy_joules.level == 0.95


def test_energy_and_time_have_rates_of_their_own():
    joules = list(accumulate([0, 2_000, 1_000, 1_000, 1_000]))  # the first epoch draws 200 W, for as long as the others
    laps = [Lap(10.0 * i, 10.0 * (i + 1), joules[i], joules[i + 1]) for i in range(4)]
    said = forecast(laps, epochs_total=10)
    assert said.energy_joules.value == pytest.approx(11_000, rel=1e-4)
    assert said.duration_s.value == pytest.approx(100, rel=1e-4)


def test_co2eq_adds_the_rest_at_the_intensity_ahead():
    laps = [Lap(10.0 * i, 10.0 * (i + 1), 3.6e6 * i, 3.6e6 * (i + 1)) for i in range(5)]  # 1 kWh each
    asked = []

    def ahead(start_s: float, end_s: float) -> Estimate:
        asked.append((start_s, end_s))
        return Estimate(400, 300, 500)

    said = forecast(laps, epochs_total=10, intensity=ahead, grams_so_far=1_000)
    assert asked == [(50.0, pytest.approx(100.0, rel=1e-6))]
    assert said.co2eq_grams.value == pytest.approx(1_000 + 5 * 400, rel=1e-6)
    # 5 kWh x 100 g/kWh either way, and the energy's own doubt on top.
    assert said.co2eq_grams.low < 2_500
    assert said.co2eq_grams.high > 3_500
    assert half_width(said.co2eq_grams) > 2 * half_width(said.energy_joules)


@pytest.mark.parametrize(("grams_so_far", "outlook"), [(None, Estimate(400, 300, 500)), (1_000.0, None)])
def test_co2eq_is_unknown_where_the_past_or_the_future_is(grams_so_far, outlook):
    said = forecast(history(10, 10), epochs_total=4, intensity=lambda start, end: outlook, grams_so_far=grams_so_far)
    assert said.co2eq_grams is None


def test_co2eq_of_a_finished_run_is_what_was_emitted():
    said = forecast(history(10, 10), epochs_total=2, grams_so_far=7.0)
    assert said.co2eq_grams == Estimate(7.0, 7.0, 7.0)


def test_a_finished_run_is_certain():
    said = forecast(history(10, 12, 11), epochs_total=3)
    assert said.energy_joules == Estimate(3_300.0, 3_300.0, 3_300.0)
    assert said.reason == "every epoch has ended"


def test_more_epochs_than_planned_are_the_whole_run():
    said = forecast(history(10, 10, 10), epochs_total=2)
    assert said.epochs_total == 3
    assert said.energy_joules.value == pytest.approx(3_000)


def test_without_an_epoch_there_is_no_forecast():
    assert forecast([], epochs_total=10) is None


def test_without_energy_there_is_no_forecast():
    assert forecast([Lap(0, 10, None, None)], epochs_total=10) is None


def test_an_epoch_of_unknown_energy_is_taken_to_be_like_the_others():
    laps = history(10, 10, 10, 10)
    laps[1] = Lap(10, 20, None, None)
    said = forecast(laps, epochs_total=10)
    assert said.epochs_energy_joules.value == pytest.approx(10_000, rel=1e-4)
    assert said.energy_joules.value == pytest.approx(10_000, rel=1e-4)
    assert "1 of unknown energy" in said.reason


def test_an_unknown_last_epoch_counts_as_still_to_come():
    laps = [*history(10, 10, 10), Lap(30, 40, None, None)]
    said = forecast(laps, epochs_total=10)
    assert said.energy_joules.value == pytest.approx(10_000, rel=1e-4)
    assert said.duration_s.value == pytest.approx(100, rel=1e-4)


def test_an_epoch_that_broke_off_counts_but_is_no_measure():
    laps = history(10, 10, 10, 2)
    laps[3] = Lap(30, 32, 3_000, 3_200, whole=False)
    said = forecast(laps, epochs_total=10)
    assert said.energy_joules.value == pytest.approx(3_200 + 6 * 1_000, rel=1e-4)


def test_overlapping_epochs_are_not_counted_twice():
    said = forecast(history(10, 10, 10, 10, gap=-2), epochs_total=10)
    assert said.duration_s.value == pytest.approx(100 - 10 * 2, rel=0.03)
    assert said.epochs_duration_s.value == pytest.approx(said.duration_s.value)


def test_the_order_of_the_epochs_does_not_matter():
    seen = history(30, 10, 11, 10, gap=1)
    assert forecast(seen[::-1], epochs_total=10) == forecast(seen, epochs_total=10)


def test_epochs_without_energy_or_time_are_borne():
    said = forecast(history(0, 0, 0), epochs_total=10)
    assert said.energy_joules == Estimate(0.0, 0.0, 0.0)


@given(
    seconds=st.lists(st.floats(0, 1e5), min_size=1, max_size=30),
    gap=st.floats(0, 100),
    left=st.integers(0, 10**9),
    scale=st.sampled_from([1.0, 1e-250, 1e100]),
)
@example(seconds=[3.5e-232, 3.5e-232], gap=3.5e-232, left=0, scale=1.0)  # whose squares are 0
def test_an_interval_always_holds_its_value_and_never_undercuts_what_was_used(seconds, gap, left, scale):
    seen = history(*(scale * each for each in seconds), gap=scale * gap)
    said = forecast(seen, epochs_total=len(seconds) + left)
    for estimate, used in ((said.energy_joules, seen[-1].end_joules), (said.duration_s, seen[-1].end_s)):
        assert used <= estimate.value * (1 + 1e-9) + 1e-9
        assert used <= estimate.low * (1 + 1e-9) + 1e-9
        assert estimate.low <= estimate.value <= estimate.high


def test_a_thousand_epochs_take_milliseconds():
    seen = history(*(10 + number % 7 for number in range(1_000)), gap=1)

    def cost_s() -> float:
        start = time.process_time()
        forecast(seen, epochs_total=2_000)
        return time.process_time() - start

    assert min(cost_s() for _ in range(10)) < 0.02
