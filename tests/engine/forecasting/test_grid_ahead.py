"""The intensity ahead, from what a service, a user and a table of years know of it."""

from datetime import UTC, datetime, timedelta

import pytest

from carbonsdk.clock import unix_ns
from carbonsdk.engine.forecasting.grid_ahead import carried_on, expected
from carbonsdk.footprint import Timeline
from carbonsdk.model import CarbonIntensity

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLE = CarbonIntensity(grams_per_kwh=300.0, zone="DK-DK1", source="a table", year=2024)


def hourly(grams, start, hours=1, **more):
    return CarbonIntensity(
        grams_per_kwh=grams, zone="DK-DK1", source="Grid", start=NOON + start * HOUR, end=NOON + (start + hours) * HOUR, **more
    )


def ahead(*values, start=0.5, hours=4.0):
    """Return what is expected of so many hours, half an hour after noon."""
    timeline = Timeline(values)
    first, last = unix_ns(NOON + start * HOUR), unix_ns(NOON + (start + hours) * HOUR)
    return expected(carried_on(timeline.pieces(first, last), now=timeline.at(first)))


def test_the_service_s_forecast_holds_where_there_is_one():
    said = ahead(TABLE, hourly(50.0, 0), hourly(100.0, 1, 10, forecast=True))
    assert said.value == pytest.approx((0.5 * 50 + 3.5 * 100) / 4)
    assert said.high == pytest.approx((0.5 * 50 * 1.3 + 3.5 * 100 * 1.15) / 4)


def test_without_a_forecast_the_current_value_goes_on_and_says_how_little_that_is():
    said = ahead(TABLE, hourly(50.0, 0))
    assert (said.value, said.low, said.high) == pytest.approx((50, 35, 65))


def test_the_newest_value_counts_as_the_current_one():
    assert ahead(TABLE, hourly(50.0, 0), hourly(70.0, 1)).value == pytest.approx((0.5 * 50 + 3.5 * 70) / 4)


def test_behind_the_end_of_a_forecast_its_mean_goes_on():
    said = ahead(TABLE, hourly(90.0, 0), hourly(100.0, 1, forecast=True), hourly(200.0, 2, forecast=True), hours=9.5)
    assert said.value == pytest.approx((0.5 * 90 + 100 + 200 + 7 * 150) / 9.5)
    assert said.low == pytest.approx((0.5 * 90 * 0.7 + 300 * 0.85 + 7 * 150 * 0.7) / 9.5)


def test_a_current_value_goes_on_where_nothing_else_is_known():
    assert ahead(hourly(50.0, 0)).value == pytest.approx(50)


def test_an_average_of_years_stays_where_there_is_nothing_of_the_time():
    said = ahead(TABLE)
    assert (said.value, said.low, said.high) == pytest.approx((300, 210, 390))


def test_a_user_s_own_figure_is_taken_at_its_word():
    own = CarbonIntensity(grams_per_kwh=20.0, zone="DK-DK1", source="the user", own=True)
    said = ahead(TABLE, hourly(50.0, 0), own)
    assert (said.value, said.low, said.high) == pytest.approx((20, 20, 20))


def test_behind_the_end_of_the_user_s_own_figures_the_last_goes_on_with_a_doubt():
    said = ahead(TABLE, hourly(20.0, 0, 2, own=True), hours=3.0)
    assert said.value == pytest.approx(20)
    assert said.high == pytest.approx((1.5 * 20 + 1.5 * 20 * 1.3) / 3)


def test_nothing_known_is_unknown():
    assert ahead() is None
