"""Electricity Maps: what it is asked, whom its answers are of, and which hours they hold."""

from datetime import timedelta

import pytest
from support.services import TOKEN, fetcher, grams, hour, mapped

from carbonsdk.intensity import electricitymaps
from carbonsdk.plugin import BadAnswer, Basis, Signal, Unauthorized, Zone, ZoneUnknown
from carbonsdk.testing import FakeClock, check_fetcher, check_plugin
from carbonsdk.testing.http import Reply

LATEST, HISTORY, RANGE, FORECAST = (f"/v4/carbon-intensity/{name}" for name in ("latest", "history", "past-range", "forecast"))
DE = Zone(key="DE")
NOON = hour("2026-01-05 12:00")  # where the fake clock starts


def made(service, clock=None, **options):
    return fetcher(electricitymaps, {"base_url": service.url, "token": TOKEN, **options}, clock=clock)


def latest(**more):
    return mapped(NOON, 1, lambda _: 216)[0] | more


def test_it_is_a_good_plugin_and_a_good_fetcher(service):
    check_plugin(electricitymaps)
    service.on(LATEST, latest())
    service.on(HISTORY, {"zone": "DE", "history": mapped(hour("2026-01-04 13:00"), 24)})
    service.on(FORECAST, {"zone": "DE", "forecast": [{"datetime": "2026-01-05T13:00:00.000Z", "carbonIntensity": 1}]})
    check_fetcher(lambda: made(service), zone=DE)


def test_the_newest_value_holds_for_its_hour_and_says_whose_it_is(service):
    service.on(LATEST, latest())
    value = made(service).current(DE)
    assert (value.grams_per_kwh, value.zone, value.basis, value.signal) == (216, "DE", Basis.LIFECYCLE, Signal.AVERAGE)
    assert (value.start, value.end) == (NOON, hour("2026-01-05 13:00"))  # of `datetime`, not of `updatedAt`
    assert value.source == "Electricity Maps (electricitymaps.com)"
    assert (value.estimated, value.forecast, value.settled, value.fallback) == (False, False, False, False)
    assert value.fetched_at == NOON


def test_the_token_goes_into_the_header_alone_and_the_caller_is_never_looked_up(service):
    service.on(LATEST, latest())
    made(service).current(DE)
    (asked,) = service.asked
    assert asked.headers["auth-token"] == TOKEN
    assert asked.params == {"zone": "DE", "emissionFactorType": "lifecycle", "disableCallerLookup": "true"}


@pytest.mark.parametrize(
    ("zone", "answered", "asked"),
    [
        (Zone(key="DK-DK1", latitude=56.0, longitude=9.0), "DK-DK1", {"zone": "DK-DK1"}),
        (Zone(key="de"), "DE", {"zone": "DE"}),
        (Zone(key="US", latitude=37.77, longitude=-122.42), "US-CAL-CISO", {"lat": "37.77", "lon": "-122.42"}),
        (Zone(key="WORLD", latitude=56.0, longitude=9.0), "DK-DK1", {"lat": "56", "lon": "9"}),
        (
            Zone(key="NL", cloud_provider="Azure", cloud_region="West Europe"),
            "NL",
            {"dataCenterProvider": "azure", "dataCenterRegion": "westeurope"},
        ),
    ],
)
def test_a_place_is_asked_for_by_the_finest_that_is_known_of_it(service, zone, answered, asked):
    service.on(LATEST, latest(zone=answered))
    value = made(service).current(zone)
    assert value.zone == answered
    assert asked.items() <= service.asked[0].params.items()
    assert len(service.asked[0].params) == len(asked) + 2


@pytest.mark.parametrize(
    ("zone", "answered"),
    [
        (DE, "FR"),
        (DE, None),
        (DE, 7),
        (Zone(key="DK-DK1"), "DK-DK2"),
        (Zone(key="US", latitude=1.0, longitude=1.0), "GA"),
        (Zone(key="WORLD", latitude=1.0, longitude=1.0), ""),
    ],
)
def test_an_answer_for_another_zone_is_refused(service, zone, answered):
    service.on(LATEST, latest(zone=answered))
    with pytest.raises(BadAnswer, match="asked for"):
        made(service).current(zone)


def test_the_older_api_direct_emissions_and_no_estimates_are_options(service):
    service.on("/v3/carbon-intensity/latest", latest(emissionFactorType="direct"))
    value = made(service, api="v3", basis="direct", disable_estimations=True).current(DE)
    assert value.basis is Basis.DIRECT
    assert service.asked[0].params["emissionFactorType"] == "direct"
    assert service.asked[0].params["disableEstimations"] == "true"


def test_emissions_of_another_basis_than_asked_for_are_refused(service):
    service.on(LATEST, latest(emissionFactorType="direct"))
    with pytest.raises(BadAnswer, match="'lifecycle'"):
        made(service).current(DE)


def test_an_estimate_says_so_and_how(service):
    service.on(LATEST, latest(isEstimated=True, estimationMethod="TIME_SLICER_AVERAGE"))
    value = made(service).current(DE)
    assert value.estimated
    assert value.note == "estimated by TIME_SLICER_AVERAGE"


def test_a_figure_that_was_made_up_for_trying_out_says_so(service):
    service.on(LATEST, latest(_disclaimer="This data is randomised"))
    assert made(service).current(DE).note == "This data is randomised"


@pytest.mark.parametrize("figure", [None, "216", True, -1, [216]])
def test_no_figure_is_no_value(service, figure):
    service.on(LATEST, latest(carbonIntensity=figure))
    with pytest.raises(BadAnswer):
        made(service).current(DE)


@pytest.mark.parametrize("time", [None, "soon", 1767614400])
def test_no_time_is_no_value(service, time):
    service.on(LATEST, latest(datetime=time))
    with pytest.raises(BadAnswer, match="time was due"):
        made(service).current(DE)


def test_a_granularity_sets_the_length_of_a_value(service):
    service.on(LATEST, latest(temporalGranularity="5_minutes"), latest(temporalGranularity="fortnightly"))
    assert made(service).current(DE).end == hour("2026-01-05 12:05")
    with pytest.raises(BadAnswer, match="granularity"):
        made(service).current(DE)


def test_the_last_day_comes_from_history_without_the_hours_that_have_no_value(service):
    hours = mapped(hour("2026-01-04 13:00"), 24, lambda index: None if index == 22 else 300 + index)
    service.on(HISTORY, {"zone": "DE", "history": hours})
    found = made(service).history(DE, start=hour("2026-01-05 10:30"), end=hour("2026-01-05 12:30"))
    assert grams(found) == [321, 323]  # 10:00 is the 22nd hour, 11:00 has no value, 12:00 is the last
    assert [value.settled for value in found] == [True, False]  # the hour that goes on is not settled
    assert [asked.path for asked in service.asked] == [HISTORY]


def test_estimated_hours_of_the_past_are_not_settled(service):
    service.on(HISTORY, {"zone": "DE", "history": mapped(hour("2026-01-05 09:00"), 2, isEstimated=True)})
    found = made(service).history(DE, start=hour("2026-01-05 09:00"), end=hour("2026-01-05 11:00"))
    assert [(value.estimated, value.settled) for value in found] == [(True, False), (True, False)]
    strict = made(service, disable_estimations=True)
    assert strict.history(DE, start=hour("2026-01-05 09:00"), end=hour("2026-01-05 11:00")) == ()


def test_more_than_the_last_day_is_asked_for_in_ranges_of_ten_days(service):
    service.on(RANGE, {"zone": "DE", "data": mapped(hour("2025-12-01 00:00"), 48), "temporalGranularity": "hourly"})
    found = made(service).history(DE, start=hour("2025-12-01 22:00"), end=hour("2025-12-13 02:00"))
    assert grams(found) == [322, 323, *range(324, 348)]  # over midnight; each hour once though two answers hold it
    windows = [(asked.params["start"], asked.params["end"]) for asked in service.asked]
    assert windows == [
        ("2025-12-01T22:00:00Z", "2025-12-11T22:00:00Z"),
        ("2025-12-11T22:00:00Z", "2025-12-13T02:00:00Z"),
    ]


def test_a_token_without_ranges_still_has_the_last_day(service):
    service.on(HISTORY, {"zone": "DE", "history": mapped(hour("2026-01-04 13:00"), 24)})
    service.on(RANGE, Reply("Access denied", 403))
    found = made(service).history(DE, start=hour("2026-01-01 00:00"), end=NOON)
    assert grams(found) == list(range(300, 323))
    with pytest.raises(Unauthorized):
        made(service).history(DE, start=hour("2026-01-01 00:00"), end=hour("2026-01-02 00:00"))


@pytest.mark.parametrize(("key", "hours", "horizon"), [("forecast", 5, "6"), ("data", 20, "24"), ("forecast", 100, "72")])
def test_a_forecast_is_asked_for_as_far_as_need_be(service, key, hours, horizon):
    rows = [{"datetime": f"2026-01-05T{hour_:02}:00:00.000Z", "carbonIntensity": hour_ * 10} for hour_ in (11, 12, 13, 14)]
    service.on(FORECAST, {"zone": "DE", "updatedAt": "2026-01-05T11:00:00.000Z", key: rows})
    found = made(service).forecast(DE, start=NOON, end=NOON + timedelta(hours=hours))
    assert grams(found) == [120, 130, 140]
    assert all(value.forecast and not value.settled for value in found)
    assert service.asked[0].params["horizonHours"] == horizon


def test_a_plan_that_does_not_look_as_far_is_asked_for_a_day(service):
    rows = [{"datetime": "2026-01-05T13:00:00.000Z", "carbonIntensity": 130}]
    service.on(FORECAST, Reply("Access denied", 403), {"zone": "DE", "forecast": rows})
    asking = made(service)
    for _ in range(2):
        assert grams(asking.forecast(DE, start=NOON, end=NOON + timedelta(hours=60))) == [130]
    assert [asked.params["horizonHours"] for asked in service.asked] == ["72", "24", "24"]


def test_hours_of_a_change_to_summer_time_are_hours_of_utc(service):
    service.on(HISTORY, {"zone": "DE", "history": mapped(hour("2026-03-29 00:00"), 4)})
    found = made(service, FakeClock(hour("2026-03-29 04:30"))).history(
        DE, start=hour("2026-03-29 00:00"), end=hour("2026-03-29 04:00")
    )
    assert [value.end - value.start for value in found] == [hour("2026-03-29 01:00") - hour("2026-03-29 00:00")] * 4
    assert [value.start.hour for value in found] == [0, 1, 2, 3]


def test_nothing_is_covered_without_a_token_or_a_place(service):
    assert not fetcher(electricitymaps, {}).covers(DE)
    assert not made(service).covers(Zone(key="WORLD"))
    assert made(service).covers(Zone(key="WORLD", latitude=1.0, longitude=2.0))
    with pytest.raises(ZoneUnknown):
        made(service).current(Zone(key="WORLD"))
    with pytest.raises(Unauthorized, match="api_keys"):
        fetcher(electricitymaps, {"base_url": service.url}).current(DE)
    assert service.asked == []


def test_a_token_without_forecast_is_told_so(service):
    service.on(FORECAST, Reply("Access denied", 403))
    with pytest.raises(Unauthorized, match=r"no forecast with this token: .*403"):
        made(service).forecast(DE, start=NOON, end=NOON + timedelta(hours=3))
