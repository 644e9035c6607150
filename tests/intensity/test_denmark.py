"""Denmark: five minutes at a time, of two price areas, in UTC."""

from datetime import timedelta

import pytest
from support.services import danish, fetcher, grams, hour

from carbonsdk.intensity import denmark
from carbonsdk.plugin import BadAnswer, Basis, Zone, ZoneUnknown
from carbonsdk.testing import check_fetcher, check_plugin

DK1 = Zone(key="DK-DK1")
EMISSIONS, PROGNOSIS = "/dataset/CO2Emis", "/dataset/CO2EmisProg"
FIVE = timedelta(minutes=5)


def made(service):
    return fetcher(denmark, {"base_url": service.url})


def test_it_is_a_good_plugin_and_a_good_fetcher(service):
    check_plugin(denmark)
    service.on(EMISSIONS, danish(hour("2026-01-05 08:50"), 37))
    service.on(PROGNOSIS, danish(hour("2026-01-05 11:55"), 40))
    check_fetcher(lambda: made(service), zone=DK1)


def test_the_newest_five_minutes_are_asked_for_in_utc(service):
    service.on(EMISSIONS, danish(hour("2026-01-05 11:50"), 1))
    value = made(service).current(DK1)
    assert (value.grams_per_kwh, value.zone, value.basis) == (75.0, "DK-DK1", Basis.DIRECT)
    assert (value.start, value.end) == (hour("2026-01-05 11:50"), hour("2026-01-05 11:55"))
    assert service.asked[0].params == {
        "filter": '{"PriceArea": ["DK1"]}',
        "timezone": "UTC",
        "sort": "Minutes5UTC desc",
        "limit": "1",
    }


def test_each_five_minutes_of_a_range_are_used(service):
    service.on(EMISSIONS, danish(hour("2026-01-04 23:50"), 6, area="DK2"))
    found = made(service).history(Zone(key="DK-DK2"), start=hour("2026-01-04 23:57"), end=hour("2026-01-05 00:10"))
    assert grams(found) == [76, 77, 78]  # 23:55, which the start cuts, 0:00 and 0:05
    assert all(value.settled for value in found)
    assert service.asked[0].params["limit"] == "0"
    assert service.asked[0].params["start"] == "2026-01-04T23:52"
    assert service.asked[0].params["end"] == "2026-01-05T00:15"


def test_the_prognosis_is_a_forecast(service):
    service.on(PROGNOSIS, danish(hour("2026-01-05 12:00"), 2))
    found = made(service).forecast(DK1, start=hour("2026-01-05 12:00"), end=hour("2026-01-05 12:10"))
    assert [(value.grams_per_kwh, value.forecast, value.settled) for value in found] == [(75, True, False), (76, True, False)]


def test_a_long_range_is_asked_for_by_the_month(service):
    service.on(EMISSIONS, danish(hour("2025-11-01 00:00"), 1))
    made(service).history(DK1, start=hour("2025-11-01 00:05"), end=hour("2025-12-30 23:55"))
    assert [asked.params["start"] for asked in service.asked] == ["2025-11-01T00:00", "2025-12-01T00:00"]


def test_the_hour_that_comes_twice_in_danish_time_comes_twice(service):
    service.on(EMISSIONS, danish(hour("2025-10-26 00:00"), 24))  # 02:00 to 03:00 in summer time, then in winter time
    found = made(service).history(DK1, start=hour("2025-10-26 00:00"), end=hour("2025-10-26 02:00"))
    assert len(found) == 24
    assert found[-1].end - found[0].start == timedelta(hours=2)


def test_null_is_a_gap(service):
    service.on(EMISSIONS, danish(hour("2026-01-05 10:00"), 3, lambda index: None if index == 1 else 50))
    found = made(service).history(DK1, start=hour("2026-01-05 10:00"), end=hour("2026-01-05 10:15"))
    assert [value.start.minute for value in found] == [0, 10]


def test_an_answer_for_the_other_area_is_refused(service):
    service.on(EMISSIONS, danish(hour("2026-01-05 10:00"), 1, area="DK2"))
    with pytest.raises(BadAnswer, match="'DK2' where 'DK1'"):
        made(service).current(DK1)


def test_no_records_are_no_value(service):
    service.on(EMISSIONS, danish(hour("2026-01-05 10:00"), 0))
    with pytest.raises(BadAnswer, match="no value"):
        made(service).current(DK1)
    assert made(service).history(DK1, start=hour("2026-01-05 10:00"), end=hour("2026-01-05 11:00")) == ()


def test_the_country_as_a_whole_is_neither_area(service):
    assert [made(service).covers(Zone(key=key)) for key in ("DK-DK1", "dk-dk2", "DK", "DE")] == [True, True, False, False]
    with pytest.raises(ZoneUnknown):
        made(service).current(Zone(key="DK"))
