"""France: éCO2mix, a quarter of an hour at a time."""

import pytest
from support.services import fetcher, french, grams, hour

from carbonsdk.intensity import france
from carbonsdk.plugin import BadAnswer, Basis, SupportsForecast, Zone, ZoneUnknown
from carbonsdk.testing import check_fetcher, check_plugin

FR = Zone(key="FR")
PATH = "/api/explore/v2.1/catalog/datasets/eco2mix-national-tr/records"


def made(service):
    return fetcher(france, {"base_url": service.url})


def test_it_is_a_good_plugin_and_a_good_fetcher(service):
    check_plugin(france)
    service.on(PATH, french(hour("2026-01-05 09:00"), 12))
    check_fetcher(lambda: made(service), zone=FR)


def test_the_newest_quarter_is_direct_emissions(service):
    service.on(PATH, french(hour("2026-01-05 11:45"), 1))
    value = made(service).current(FR)
    assert (value.grams_per_kwh, value.zone, value.basis) == (39, "FR", Basis.DIRECT)
    assert (value.start, value.end) == (hour("2026-01-05 11:45"), hour("2026-01-05 12:00"))
    assert service.asked[0].params == {"where": "taux_co2 is not null", "order_by": "date_heure desc", "limit": "1"}


def test_french_time_is_read_as_utc(service):
    service.on(PATH, {"results": [{"date_heure": "2025-10-26T02:30:00+02:00", "taux_co2": 40}]})
    assert made(service).current(FR).start == hour("2025-10-26 00:30")
    service.on(PATH, {"results": [{"date_heure": "2025-10-26T02:30:00+01:00", "taux_co2": 40}]})
    assert made(service).current(FR).start == hour("2025-10-26 01:30")


def test_a_range_is_asked_for_by_the_day_and_every_quarter_is_used(service):
    service.on(PATH, french(hour("2026-01-03 22:45"), 96), french(hour("2026-01-04 22:45"), 6, lambda index: 500 + index))
    found = made(service).history(FR, start=hour("2026-01-03 23:05"), end=hour("2026-01-05 00:05"))
    # 23:00, which the start cuts, is the second; the day after begins anew at 22:45; 0:00, which the end cuts, is the last.
    assert grams(found) == [39 + index for index in range(1, 96)] + [500 + index for index in range(6)]
    assert not any(value.settled or value.forecast for value in found)
    wheres = [asked.params["where"] for asked in service.asked]
    assert wheres == [
        "taux_co2 is not null and date_heure >= date'2026-01-03T22:51:00Z' and date_heure < date'2026-01-04T23:05:59Z'",
        "taux_co2 is not null and date_heure >= date'2026-01-04T22:51:00Z' and date_heure < date'2026-01-05T00:05:59Z'",
    ]


def test_a_value_of_another_country_is_refused(service):
    service.on(PATH, {"results": [{"perimetre": "Corse", "date_heure": "2026-01-05T11:45:00+00:00", "taux_co2": 40}]})
    with pytest.raises(BadAnswer, match="'Corse'"):
        made(service).current(FR)


@pytest.mark.parametrize("results", [[], [{"date_heure": "2026-01-05T11:45:00+00:00"}], [{"taux_co2": 39}], {}])
def test_no_value_is_an_error(service, results):
    service.on(PATH, {"results": results})
    with pytest.raises(BadAnswer):
        made(service).current(FR)


def test_there_is_no_forecast_and_no_corsica(service):
    assert not isinstance(made(service), SupportsForecast)
    assert [made(service).covers(Zone(key=key)) for key in ("FR", "FR-COR", "BE")] == [True, False, False]
    with pytest.raises(ZoneUnknown):
        made(service).current(Zone(key="BE"))
