"""PUE by number and by name."""

import math

import pytest

import carbonsdk as ct
from carbonsdk import runs
from carbonsdk.errors import SettingsError
from carbonsdk.pue import PROVIDERS, Pue, pue


def test_a_number_is_taken_as_it_is():
    assert pue(1.2) == Pue(1.2, "given by the user", None)


def test_a_number_may_come_as_text():
    assert pue("1.2").value == 1.2


def test_a_provider_has_its_published_factor_with_year_and_source():
    assert pue("aws") == Pue(1.15, "Amazon, global data centre average", 2024)


@pytest.mark.parametrize(("name", "same"), [("Google", "gcp"), ("MICROSOFT", "azure"), ("amazon", "aws")])
def test_a_provider_goes_by_its_other_name(name, same):
    assert pue(name) == pue(same)


def test_a_factor_that_is_made_already_passes():
    made = Pue(1.3, "the site's meter", 2025)
    assert pue(made) is made


@pytest.mark.parametrize("bad", [0.99, 0, -1.5, math.nan, math.inf, "0.5"])
def test_less_than_one_is_refused(bad):
    with pytest.raises(SettingsError, match="at least 1"):
        pue(bad)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'google'"):
        pue("gogle")


def test_every_known_provider_says_year_and_source():
    assert all(pue(name).year and pue(name).source and pue(name).value >= 1 for name in PROVIDERS)


@pytest.mark.parametrize(
    ("given", "value", "told"),
    [("gcp", 1.09, "Google, fleet average, 2024"), (1.2, 1.2, "given by the user"), (1.0, 1.0, None)],
)
def test_a_report_and_its_record_say_where_the_pue_is_from(tmp_path, given, value, told):
    tracker = ct.CarbonTracker(pue=given, offline=True, intensity=100, backends=[], verbose=0, state_dir=tmp_path)
    tracker.stop()
    report, kept = tracker.report(), runs.load(tracker.report().run_id, tmp_path)
    assert (report.pue, report.pue_source) == (kept.pue, kept.pue_source) == (value, told)
    assert report.to_dict()["pue_source"] == told
    assert "facility_joules" in report.to_dict()
