"""The user's own figure, in each form that it may come in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from carbonsdk.engine.planning.own_intensity import own_intensity
from carbonsdk.errors import SettingsError
from carbonsdk.footprint import Timeline

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def hours(values):
    return [
        ((value.start - NOON) / timedelta(hours=1), (value.end - NOON) / timedelta(hours=1), value.grams_per_kwh)
        for value in values
    ]


@pytest.mark.parametrize("spec", [120, 120.0, "120"])
def test_a_number_holds_at_any_time(spec):
    (value,) = own_intensity(spec)
    assert (value.grams_per_kwh, value.start, value.end, value.own) == (120.0, None, None, True)
    assert value.source == "given by the user"


def test_zero_is_a_figure():
    assert own_intensity(0)[0].grams_per_kwh == 0.0


def test_each_value_of_a_mapping_is_of_its_hour_and_a_missing_hour_stays_open():
    values = own_intensity({NOON + timedelta(hours=3): 30, NOON: 10, "2026-01-05T14:00+01:00": 20})
    assert hours(values) == [(0, 1, 10), (1, 2, 20), (3, 4, 30)]


def test_a_mapping_finer_than_hours_is_cut_at_the_next_key():
    assert hours(own_intensity({NOON: 10, NOON + timedelta(minutes=15): 20})) == [(0, 0.25, 10), (0.25, 1.25, 20)]


def test_a_day_of_daylight_saving_has_each_of_its_hours():
    # In Europe/Copenhagen 2:00 comes twice on 25 October 2026, with different offsets.
    summer, winter = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
    values = own_intensity({datetime(2026, 10, 25, 2, tzinfo=summer): 1, datetime(2026, 10, 25, 2, tzinfo=winter): 2})
    assert [value.end - value.start for value in values] == [timedelta(hours=1)] * 2
    assert values[0].end == values[1].start


def test_a_file_holds_from_line_to_line_and_its_last_value_as_long_as_the_one_before(tmp_path):
    file = tmp_path / "campus solar.csv"
    file.write_text("time,g/kWh\n# noon\n2026-01-05T12:00Z,40\n\n2026-01-05T14:00Z,90.5\n", encoding="utf-8")
    values = own_intensity(str(file))
    assert hours(values) == [(0, 2, 40.0), (2, 4, 90.5)]
    assert {value.source for value in values} == {"given by the user (campus solar.csv)"}


def test_a_file_without_a_header_loses_no_line(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("2026-01-05T12:00Z,40\n", encoding="utf-8")
    assert hours(own_intensity(file)) == [(0, 1, 40.0)]


def test_an_empty_value_leaves_its_time_open(tmp_path):
    file = tmp_path / "own.csv"
    lines = (
        "2026-01-05T12:00Z,40",
        "2026-01-05T13:00Z,",
        "2026-01-05T14:00Z, ",
        "2026-01-05T15:00Z,50",
        "  ",
        "2026-01-05T16:00Z,",
    )
    file.write_text("\n".join(("time,grams", *lines)), encoding="utf-8")
    assert hours(own_intensity(file)) == [(0, 1, 40.0), (3, 4, 50.0)]


def test_a_spreadsheet_s_file_is_read_with_its_mark_its_line_ends_and_its_offsets(tmp_path):
    file = tmp_path / "own.csv"
    lines = '"time","grams"', "2026-01-05T17:45+05:45,40", "2026-01-05T05:00-08:00,50", '2026-01-05 15:00:00+01:00,60,"a note"'
    file.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    assert hours(own_intensity(file)) == [(0, 1, 40.0), (1, 2, 50.0), (2, 3, 60.0)]


def test_it_wins_over_what_a_service_has_settled():
    timeline = Timeline(own_intensity({NOON: 10}))
    service = own_intensity({NOON: 500})[0]
    timeline.add([replace(service, own=False, settled=True)])
    assert timeline.values[0].grams_per_kwh == 10


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (-1, "no intensity"),
        (float("nan"), "no intensity"),
        ("inf", "no intensity"),
        (1e18, "no intensity"),  # a record would not be believed that had it
        ("coal", "neither a number nor a CSV file"),
        ({}, "empty mapping"),
        ({datetime(2026, 1, 5, 12): 10}, "no time zone"),  # noqa: DTZ001 - that is the point
        ({"noon": 10}, "is no time"),
        ({NOON: 10, "2026-01-05T13:00+01:00": 20}, "two values"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(spec, text):
    with pytest.raises(SettingsError, match=text):
        own_intensity(spec)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("", "has no line"),
        ("time,value\n", "has no line"),
        ("time,value\n2026-01-05T12:00Z,much\n", "line 2: needs a time and a value"),
        ("time,value\n2026-01-05T12:00,40\n", "line 2: 2026-01-05T12:00 has no time zone"),
        ("2026-01-05T12:00Z,40\nalone\n", "line 2: needs"),
        ("2026-01-05T12:00Z,40 g\n2026-01-05T13:00Z,40\n", "line 1: needs"),  # no header: it has a time
        ("time,value\n,40\n", "line 2: '' is no time"),
        ("time,value\n2026-01-05T12:00Z,\n", "has no line"),
        ("9999-12-31T23:30Z,40\n", "line 1: .* out of range"),
        ("1900-01-01T00:00Z,40\n", "line 1: .* out of range"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_line(tmp_path, lines, text):
    file = tmp_path / "own.csv"
    file.write_text(lines, encoding="utf-8")
    with pytest.raises(SettingsError, match=text):
        own_intensity(file)
