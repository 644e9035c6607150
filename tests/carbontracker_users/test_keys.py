"""Keys of intensity services, at construction and later, against a service on loopback that speaks Electricity Maps' JSON."""

import threading
from datetime import UTC, datetime

import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.events import IntensityFound
from carbonsdk.sinks.memory import recorded
from carbonsdk.testing.http import LoopbackService

KEY = "a-key-of-the-user-s-own"


@pytest.fixture
def service():
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0).isoformat().replace("+00:00", "Z")
    with LoopbackService() as running:
        latest = {"zone": "DK-DK1", "carbonIntensity": 42, "datetime": hour, "emissionFactorType": "lifecycle"}
        running.on("/v4/carbon-intensity/latest", latest)
        yield running


@pytest.fixture
def online(tracker, service):
    """Make a tracker for which the service is Electricity Maps, and no other service is there."""

    def make(**settings):
        maps = {"electricitymaps": {"base_url": service.url}}
        return tracker(2, zone="DK-DK1", offline=False, verbose=0, sinks="memory", fetchers={**maps, "static": {}}, **settings)

    return make


def found():
    """Wait until an intensity of the service is told."""
    for _ in range(1000):
        told = [event.intensity for event in recorded().events if isinstance(event, IntensityFound)]
        if any(value.source.startswith("Electricity Maps") for value in told):
            return next(value.grams_per_kwh for value in told if value.source.startswith("Electricity Maps"))
        threading.Event().wait(0.01)
    return None


def test_a_key_given_at_construction_is_used(online, service, train):
    made = online(api_keys={"electricitymaps": KEY})
    assert found() == 42
    assert service.asked[0].headers["auth-token"] == KEY
    report = train(made, 2).report()
    assert report.intensity.grams_per_kwh == 42
    assert report.intensity.source.startswith("Electricity Maps")


def test_a_key_given_later_is_used_from_then_on_for_the_time_before_as_well(online, service, train):
    made = online()
    train(made, 1)
    made.set_api_keys({"electricitymaps": KEY})
    assert found() == 42
    assert service.asked[0].headers["auth-token"] == KEY
    train(made, 1)
    # The value is of the whole hour, and so of the first epoch too.
    assert [epoch.intensity.grams_per_kwh for epoch in made.report().epochs] == [42, 42]


def test_an_unknown_name_is_an_error_at_construction_and_later(online):
    with pytest.raises(SettingsError, match="electricitymaps"):
        online(api_keys={"electricitymap": KEY})
    made = online()
    with pytest.raises(SettingsError, match="nobody"):
        made.set_api_keys({"nobody": KEY})


@pytest.mark.parametrize("name", ["electricitymaps", "electricityMaps", "carbonintensityGB", "energidataservice"])
def test_the_names_that_carbontracker_has_are_known(tracker, train, name):
    made = tracker(1, verbose=0, api_keys={name: KEY})
    made.set_api_keys({name: KEY})
    train(made, 1)
    assert not any(name in warning for warning in made.report().warnings)


@pytest.mark.parametrize("key", ["", None])
def test_an_empty_key_is_passed_over_with_a_warning(tracker, key):
    made = tracker(1, verbose=0, api_keys={"electricitymaps": key})
    assert "api_keys: the key of 'electricitymaps' is empty, so that service is not asked with it" in made.stop().warnings


def test_a_key_is_shown_nowhere(online, tmp_path, train, caplog):
    made = online(api_keys={"electricitymaps": KEY}, log_dir=tmp_path / "logs")
    made.set_api_keys({"electricitymaps": KEY})
    train(made, 2)
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(KEY in text for text in [*written, caplog.text, repr(made.settings), repr(made.report())])


def test_after_the_end_a_key_changes_nothing(online, service, train):
    made = train(online(), 2)
    asked = len(service.asked)
    made.set_api_keys({"electricitymaps": KEY})
    assert len(service.asked) == asked
