"""Where a person says that a machine stands: what each way of writing it comes to, down to what services are asked."""

import pytest
from support.services import TOKEN, hour, mapped

from carbonsdk.engine.inquiry import Inquiry
from carbonsdk.engine.planning.places import place
from carbonsdk.engine.planning.planner import Planner
from carbonsdk.errors import SettingsError
from carbonsdk.host import PluginHost
from carbonsdk.intensity import electricitymaps, locators, static
from carbonsdk.settings import resolve
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.http import LoopbackService

LATEST = "/v4/carbon-intensity/latest"


@pytest.mark.parametrize("text", ["DE", "DK-DK1", " US-CAL-CISO ", "aws", "52.5", "campus, west wing"])
def test_what_is_neither_coordinates_nor_a_cloud_s_region_is_the_key_of_a_grid(text):
    zone = place(text, found_by="environment")
    assert (zone.key, zone.label, zone.found_by, zone.latitude, zone.cloud_region) == (
        text.strip(),
        text.strip(),
        "environment",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "degrees"), [("55.68,12.57", (55.68, 12.57)), ("-33.9, 18", (-33.9, 18)), ("0,-180", (0, -180))]
)
def test_two_numbers_are_degrees_north_and_east(text, degrees):
    zone = place(text)
    assert (zone.key, zone.latitude, zone.longitude, zone.label) == ("WORLD", *degrees, text)


@pytest.mark.parametrize("text", ["91,0", "0,181", "-90.5,0"])
def test_degrees_that_are_nowhere_are_refused(text):
    with pytest.raises(SettingsError, match="nowhere on earth"):
        place(text)


@pytest.mark.parametrize(
    ("text", "region"),
    [("aws/eu-west-1", "aws eu-west-1"), ("GCP:europe-west3", "gcp europe-west3"), ("azure/West Europe", "azure westeurope")],
)
def test_a_provider_and_a_region_are_a_cloud_s(text, region):
    zone = place(text)
    assert (zone.label, f"{zone.cloud_provider} {zone.cloud_region}") == (region, region)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Ask Electricity Maps, on loopback, about a zone as it stands in the settings."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    host = PluginHost.of({"electricitymaps": electricitymaps, "static": static, "locators": locators})
    with LoopbackService() as service:

        def ask(zone, answered, **settings):
            service.on(LATEST, mapped(hour("2026-01-05 12:00"), 1, lambda _: 216, zone=answered)[0])
            options = {"intensity": {"electricitymaps": {"base_url": service.url, "token": TOKEN}}}
            resolved = resolve({"zone": zone, "options": options, **settings}, environ={})
            return Inquiry(Planner(resolved, host, FakeClock(), environ={}).feeds.plan(), clock=FakeClock())

        yield ask, service


def test_coordinates_go_to_the_service_that_finds_their_grid(asked):
    ask, service = asked
    inquiry = ask("55.68,12.57", "DK-DK2")
    assert (inquiry.current().zone, inquiry.current().grams_per_kwh) == ("DK-DK2", 216)
    assert {key: service.asked[0].params.get(key) for key in ("lat", "lon", "zone")} == {
        "lat": "55.68",
        "lon": "12.57",
        "zone": None,
    }


def test_without_a_service_coordinates_have_the_world_s_average_and_that_is_said(asked):
    ask, _ = asked
    average = ask("55.68,12.57", "DK-DK2", offline=True).average()
    assert (average.zone, average.fallback) == ("WORLD", True)
    assert average.note.startswith("world average; no figure of 55.68,12.57 is known; it takes electricitymaps, with a token")


def test_a_basis_that_a_table_lacks_is_told_once(asked):
    ask, _ = asked
    average = ask("DE", "DE", offline=True, basis="direct").average()
    assert (average.fallback, average.note) == (True, "lifecycle emissions, direct ones are not known for it")


def test_a_cloud_s_region_is_asked_about_as_such_where_its_grid_is_not_certain(asked):
    ask, service = asked
    inquiry = ask("gcp/europe-west3", "DE")
    assert (inquiry.zone.key, inquiry.current().grams_per_kwh) == ("DE", 216)
    assert service.asked[0].params["dataCenterRegion"] == "europe-west3"
    assert inquiry.average().grams_per_kwh == 275.82


def test_of_a_cloud_s_region_the_table_is_read_and_no_metadata_service_is_asked(asked):
    ask, service = asked
    assert ask("aws/eu-west-2", "GB", offline=True).zone.key == "GB"
    assert service.asked == []
