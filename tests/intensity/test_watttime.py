"""WattTime: a marginal signal, never an average."""

import base64

import pytest
from support.services import PASSWORD, TOKEN, fetcher, grams, hour, marginal

from carbonsdk.footprint import Timeline
from carbonsdk.intensity import watttime
from carbonsdk.plugin import BadAnswer, Basis, Signal, Unauthorized, Zone, ZoneUnknown
from carbonsdk.testing import FakeClock, check_fetcher, check_plugin
from carbonsdk.testing.http import Reply

NOON = hour("2026-01-05 12:00")
CISO = Zone(key="US-CAL-CISO")
BERKELEY = Zone(key="US", latitude=37.87, longitude=-122.27)
FORECAST, HISTORICAL = "/v3/forecast", "/v3/historical"


def made(service, clock=None, **options):
    account = {"username": "ann", "password": PASSWORD, "regions": {"US-CAL-CISO": "CAISO_NORTH"}}
    return fetcher(watttime, {"base_url": service.url, **account, **options}, clock=clock)


@pytest.fixture(autouse=True)
def login(service):
    service.on("/login", {"token": TOKEN})


def test_it_is_a_good_plugin_and_a_good_fetcher(service):
    check_plugin(watttime)
    service.on(FORECAST, marginal(NOON, 36))
    service.on(HISTORICAL, marginal(hour("2026-01-05 09:00"), 36))
    check_fetcher(lambda: made(service), zone=CISO)


def test_pounds_per_megawatt_hour_become_grams_per_kilowatt_hour(service):
    service.on(FORECAST, marginal(NOON, 12))
    value = made(service).current(CISO)
    assert value.grams_per_kwh == pytest.approx(453.59237, rel=1e-12)  # 1000 lb/MWh
    assert (value.signal, value.basis, value.zone) == (Signal.MARGINAL, Basis.DIRECT, "US-CAL-CISO")
    assert (value.start, value.end) == (NOON, hour("2026-01-05 12:05"))
    assert value.note == "region CAISO_NORTH"
    assert not value.forecast


def test_the_present_is_the_value_that_holds_now(service):
    service.on(FORECAST, marginal(NOON, 12))
    clock = FakeClock(hour("2026-01-05 12:12"))
    assert made(service, clock).current(CISO).start == hour("2026-01-05 12:10")


def test_it_is_never_mixed_with_averages(service):
    service.on(FORECAST, marginal(NOON, 1))
    fetcher_ = made(service)
    assert fetcher_.signal is Signal.MARGINAL
    with pytest.raises(ValueError, match="takes no marginal one"):
        Timeline([fetcher_.current(CISO)])


def test_it_logs_in_with_the_password_and_asks_with_the_token(service):
    service.on(FORECAST, marginal(NOON, 1))
    made(service).current(CISO)
    login, asked = service.asked
    assert login.headers["authorization"] == "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.params == {"region": "CAISO_NORTH", "signal_type": "co2_moer", "horizon_hours": "1"}


def test_a_token_serves_for_its_half_hour(service):
    service.on(FORECAST, marginal(NOON, 1))
    clock = FakeClock()
    fetcher_ = made(service, clock)
    for _ in range(3):
        fetcher_.current(CISO)
        clock.advance(14 * 60)
    assert [asked.path for asked in service.asked].count("/login") == 2  # at 0 and at 28 minutes


def test_a_token_that_is_refused_too_early_is_renewed_once(service):
    service.on(FORECAST, marginal(NOON, 1), Reply(b"", 401), marginal(NOON, 1), Reply(b"", 401))
    fetcher_ = made(service)
    fetcher_.current(CISO)
    assert fetcher_.current(CISO).grams_per_kwh > 0
    with pytest.raises(Unauthorized):
        fetcher_.current(CISO)


@pytest.mark.parametrize(
    "account",
    [
        {"token": f"ann:{PASSWORD}", "username": "", "password": None},
        {"token": PASSWORD, "username": "ann", "password": None},
    ],
)
def test_the_account_may_come_as_a_key(service, account):
    service.on(FORECAST, marginal(NOON, 1))
    made(service, **account).current(CISO)
    assert service.asked[0].headers["authorization"] == "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()


def test_a_region_is_found_by_coordinates_once(service):
    service.on(FORECAST, marginal(NOON, 1))
    service.on("/v3/region-from-loc", {"region": "CAISO_NORTH", "signal_type": "co2_moer"})
    fetcher_ = made(service)
    fetcher_.current(BERKELEY)
    fetcher_.current(BERKELEY)
    assert [asked.path for asked in service.asked] == ["/login", "/v3/region-from-loc", FORECAST, FORECAST]
    assert service.asked[1].params == {"latitude": "37.87", "longitude": "-122.27", "signal_type": "co2_moer"}


@pytest.mark.parametrize("answer", [{"region": None}, {}, {"region": ""}])
def test_coordinates_without_a_region_are_an_error(service, answer):
    service.on("/v3/region-from-loc", answer)
    with pytest.raises(BadAnswer, match="no region"):
        made(service).current(BERKELEY)


@pytest.mark.parametrize(
    "meta", [{"region": "ERCOT_WEST"}, {"signal_type": "co2_aoer"}, {"signal_type": "health_damage"}, {"units": "percentile"}]
)
def test_values_of_another_region_signal_or_unit_are_refused(service, meta):
    service.on(FORECAST, marginal(NOON, 1, **meta))
    with pytest.raises(BadAnswer, match="asked for"):
        made(service).current(CISO)


def test_the_past_is_asked_for_by_the_month(service):
    service.on(HISTORICAL, marginal(hour("2025-12-31 23:55"), 2))
    found = made(service).history(CISO, start=hour("2025-12-01 00:00"), end=hour("2026-01-01 00:05"))
    assert grams(found) == [453.59237, round(1001 * 0.45359237, 6)]
    assert all(value.settled for value in found)
    assert [asked.params["end"] for asked in service.asked[1:]] == ["2025-12-31T00:00:00Z", "2026-01-01T00:05:00Z"]


def test_what_the_service_has_imputed_is_estimated_and_not_settled(service):
    answer = marginal(hour("2026-01-05 11:00"), 2)
    answer["data"][0]["imputed_data_used"] = True
    service.on(HISTORICAL, answer)
    found = made(service).history(CISO, start=hour("2026-01-05 11:00"), end=hour("2026-01-05 11:10"))
    assert [(value.estimated, value.settled) for value in found] == [(True, False), (False, True)]


def test_the_future_is_asked_for_as_far_as_need_be(service):
    service.on(FORECAST, marginal(NOON, 24))
    found = made(service).forecast(CISO, start=NOON, end=hour("2026-01-05 13:30"))
    assert len(found) == 18
    assert all(value.forecast for value in found)
    assert service.asked[-1].params["horizon_hours"] == "2"


def test_nothing_is_covered_without_an_account_or_a_region(service):
    assert not fetcher(watttime, {}).covers(CISO)
    assert made(service).covers(CISO)
    assert made(service).covers(BERKELEY)
    assert not made(service).covers(Zone(key="DE"))
    with pytest.raises(ZoneUnknown):
        made(service).current(Zone(key="DE"))
    with pytest.raises(Unauthorized, match="account"):
        fetcher(watttime, {"base_url": service.url, "regions": {"US-CAL-CISO": "X"}}).current(CISO)
    assert service.asked == []
