"""What services may write for a time and for a figure."""

import pytest
from support.services import hour

from carbonsdk.intensity import series
from carbonsdk.plugin import BadAnswer

NOON = hour("2026-01-05 12:00")


@pytest.mark.parametrize(
    "text",
    ["2026-01-05T12:00Z", "2026-01-05T12:00:00.000Z", "2026-01-05T17:45+05:45", "2026-01-05T12:00:00", "2026-01-05 12:00"],
)
def test_a_time_is_read_with_its_offset_and_is_utc_without(text):
    assert series.moment(text) == NOON


@pytest.mark.parametrize("value", ["noon", "", None, 1767614400, "9999-12-31T23:30Z", "0001-01-01T00:00+14:00", ["2026-01-05"]])
def test_what_is_no_time_of_ours_is_a_bad_answer(value):
    with pytest.raises(BadAnswer, match="where a time was due"):
        series.moment(value)


def test_a_figure_may_be_nothing_and_may_be_zero():
    assert (series.figure(None), series.figure(0), series.figure(216.5)) == (None, 0.0, 216.5)


@pytest.mark.parametrize("value", ["216", -1, True, float("nan"), float("inf"), 1e308, 10**400, [216]])
def test_what_is_no_intensity_is_a_bad_answer(value):
    with pytest.raises(BadAnswer, match="where a carbon intensity was due"):
        series.figure(value)
