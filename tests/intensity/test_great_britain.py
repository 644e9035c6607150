"""Great Britain: national and regional half hours, each of a range."""

from datetime import timedelta

import pytest
from support.services import british, fetcher, grams, hour

from carbonsdk.intensity import great_britain
from carbonsdk.plugin import BadAnswer, Basis, SettingsError, Zone, ZoneUnknown
from carbonsdk.testing import check_fetcher, check_plugin

GB = Zone(key="GB")
NOON = hour("2026-01-05 12:00")


def made(service, **options):
    return fetcher(great_britain, {"base_url": service.url, **options})


def regional(slots, **names):
    return {"regionid": 3, **names, "data": slots}


def test_it_is_a_good_plugin_and_a_good_fetcher(service):
    check_plugin(great_britain)
    service.on("/intensity", {"data": british(NOON, 1)})
    service.on("*", {"data": british(hour("2026-01-05 08:30"), 14)})
    check_fetcher(lambda: made(service), zone=GB)


def test_the_current_half_hour_is_the_measured_one_where_there_is_one(service):
    service.on("/intensity", {"data": british(NOON, 1, actual=lambda _: 263, forecast=lambda _: 266)})
    value = made(service).current(GB)
    assert (value.grams_per_kwh, value.basis, value.zone) == (263, Basis.DIRECT, "GB")
    assert (value.start, value.end) == (NOON, hour("2026-01-05 12:30"))
    assert (value.estimated, value.forecast, value.settled) == (False, False, False)
    assert "NESO" in value.source
    assert "CC BY 4.0" in value.source


def test_without_a_measured_one_it_is_an_estimate(service):
    service.on("/intensity", {"data": british(NOON, 1, actual=lambda _: None, forecast=lambda _: 266)})
    value = made(service).current(GB)
    assert (value.grams_per_kwh, value.estimated, value.forecast, value.settled) == (266, True, False, False)
    slot = british(NOON, 1)[0]
    del slot["intensity"]["actual"]
    service.on("/intensity", {"data": [slot]})
    assert made(service).current(GB).grams_per_kwh == 200


@pytest.mark.parametrize("data", [[], british(NOON, 1, actual=lambda _: None, forecast=lambda _: None), [{"from": "x"}], "no"])
def test_no_value_is_an_error(service, data):
    service.on("/intensity", {"data": data})
    with pytest.raises(BadAnswer):
        made(service).current(GB)


@pytest.mark.parametrize(
    ("zone", "options", "path"),
    [
        (Zone(key="GB", postcode="RG10"), {}, "/regional/postcode/RG10"),
        (Zone(key="GB", postcode="rg10 3ab"), {}, "/regional/postcode/RG10"),
        (Zone(key="UK"), {"postcode": "EC1A1BB"}, "/regional/postcode/EC1A"),
        (Zone(key="GB", postcode="M1"), {"regionid": 5}, "/regional/postcode/M1"),
        (GB, {"regionid": 3}, "/regional/regionid/3"),
    ],
)
def test_a_region_is_chosen_by_the_outward_postcode_or_its_number(service, zone, options, path):
    service.on(path, {"data": [regional(british(NOON, 1, actual=lambda _: None))]})
    value = made(service, **options).current(zone)
    assert (value.grams_per_kwh, value.zone, value.estimated) == (200, "GB", True)
    assert value.note == path.removeprefix("/regional/").replace("postcode/", "postcode ").replace("regionid/", "region ")


def test_an_answer_for_another_region_is_refused(service):
    service.on("/regional/postcode/RG10", {"data": [regional(british(NOON, 1), postcode="SW1")]})
    with pytest.raises(BadAnswer, match="'SW1' where 'RG10'"):
        made(service, postcode="RG10").current(GB)
    service.on("/regional/regionid/4", {"data": [regional(british(NOON, 1))]})
    with pytest.raises(BadAnswer, match="'3' where '4'"):
        made(service, regionid=4).current(GB)


def test_a_region_with_a_range_answers_with_an_object(service):
    path = "/regional/intensity/2026-01-05T09:00Z/2026-01-05T10:00Z/postcode/RG10"
    service.on(path, {"data": regional(british(hour("2026-01-05 09:00"), 2, actual=lambda _: None), postcode="RG10")})
    found = made(service, postcode="RG10").history(GB, start=hour("2026-01-05 09:00"), end=hour("2026-01-05 10:00"))
    assert grams(found) == [200, 201]
    assert all(value.estimated and not value.settled for value in found)


def test_every_slot_of_a_range_is_used_but_for_the_one_that_ends_where_it_begins(service):
    path = "/intensity/2026-01-04T23:00Z/2026-01-05T01:00Z"
    service.on(path, {"data": british(hour("2026-01-04 22:30"), 6)})
    found = made(service).history(GB, start=hour("2026-01-04 23:00"), end=hour("2026-01-05 01:00"))
    assert grams(found) == [101, 102, 103, 104]  # over midnight
    assert all(value.settled for value in found)


def test_the_slots_that_a_range_cuts_are_part_of_it(service):
    service.on("/intensity/2026-01-05T09:00Z/2026-01-05T10:00Z", {"data": british(hour("2026-01-05 09:00"), 2)})
    found = made(service).history(GB, start=hour("2026-01-05 09:10"), end=hour("2026-01-05 09:40"))
    assert grams(found) == [100, 101]


def test_a_range_of_more_than_14_days_is_asked_for_in_parts(service):
    start = hour("2025-12-01 00:00")
    service.on("/intensity/2025-12-01T00:00Z/2025-12-15T00:00Z", {"data": british(start, 14 * 48)})
    rest = "/intensity/2025-12-15T00:00Z/2025-12-15T01:00Z"
    service.on(rest, {"data": british(start + timedelta(days=14), 2, actual=lambda index: index)})
    found = made(service).history(GB, start=start, end=start + timedelta(days=14, hours=1))
    assert len(found) == 14 * 48 + 2
    assert grams(found)[-3:] == [100 + 14 * 48 - 1, 0, 1]
    assert len(service.asked) == 2


def test_exactly_14_days_are_one_request(service):
    start = hour("2025-12-01 00:00")
    service.on("*", {"data": british(start, 14 * 48)})
    made(service).history(GB, start=start, end=start + timedelta(days=14))
    assert len(service.asked) == 1


def test_the_past_is_no_forecast_and_the_future_no_past(service):
    service.on("*", {"data": british(hour("2026-01-05 11:00"), 6)})
    span = {"start": hour("2026-01-05 11:00"), "end": hour("2026-01-05 14:00")}
    assert grams(made(service).history(GB, **span)) == [100, 101, 102]  # 12:00, which has begun, among them
    ahead = made(service).forecast(GB, **span)
    assert grams(ahead) == [203, 204, 205]
    assert all(value.forecast and not value.settled for value in ahead)


def test_the_day_on_which_summer_time_ends_has_its_fifty_half_hours(service):
    start, end = hour("2025-10-25 23:00"), hour("2025-10-27 00:00")  # the British day of 25 hours
    service.on("*", {"data": british(start, 50)})
    found = made(service).history(GB, start=start, end=end)
    assert len(found) == 50
    assert sum(((value.end - value.start) for value in found), timedelta()) == timedelta(hours=25)


def test_northern_ireland_and_the_rest_of_the_world_are_other_grids(service):
    assert [made(service).covers(Zone(key=key)) for key in ("GB", "UK", "GB-NIR", "FR")] == [True, True, False, False]
    with pytest.raises(ZoneUnknown):
        made(service).current(Zone(key="GB-NIR"))


@pytest.mark.parametrize("postcode", ["Reading", "RG10/../..", "123", "RG10 3"])
def test_what_is_no_postcode_is_said_so(service, postcode):
    with pytest.raises(SettingsError, match="no postcode"):
        made(service, postcode=postcode).current(GB)
    assert service.asked == []


def test_there_are_17_regions():
    with pytest.raises(SettingsError, match="1 to 17"):
        great_britain.GreatBritainSettings(regionid=18)
