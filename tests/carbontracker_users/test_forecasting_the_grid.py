"""CO2eq of the time ahead, against a service on loopback that speaks Electricity Maps' JSON.

The runs are planned so long that the rest of this hour is nothing in them.
"""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from carbonsdk.testing.http import LoopbackService

HOURS = 48


@pytest.fixture
def service():
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    moments = [(hour + timedelta(hours=count)).isoformat().replace("+00:00", "Z") for count in range(HOURS)]
    with LoopbackService() as running:
        latest = {"zone": "DK-DK1", "carbonIntensity": 42, "datetime": moments[0], "emissionFactorType": "lifecycle"}
        running.on("/v4/carbon-intensity/latest", latest)
        running.moments = moments
        yield running


@pytest.fixture
def ahead(tracker, service):
    """Return the grams per kilowatt-hour of the time ahead, as soon as they are those expected, or as they are after 10 s."""

    def look(expected):
        maps = {"electricitymaps": {"base_url": service.url}}
        made = tracker(10**9, zone="DK-DK1", offline=False, verbose=0, fetchers={**maps, "static": {}}, api_keys=keys)
        for _ in range(2):
            made.epoch_start()
            sum(range(400_000))
            made.epoch_end()
        for _ in range(1000):
            said = made.forecast()
            found = said.co2eq_grams.value / said.energy_joules.value * 3.6e6
            if found == pytest.approx(expected, rel=0.02):
                break
            threading.Event().wait(0.01)
        return found, said

    keys = {"electricitymaps": "a-key"}
    return look


def width(estimate):
    return (estimate.high - estimate.low) / estimate.value


def test_the_forecast_of_the_service_is_used_and_goes_on_behind_its_end(ahead, service):
    service.on(
        "/v4/carbon-intensity/forecast",
        {"zone": "DK-DK1", "forecast": [{"datetime": moment, "carbonIntensity": 99} for moment in service.moments]},
    )
    found, said = ahead(99)
    assert found == pytest.approx(99, rel=0.02)
    assert width(said.co2eq_grams) > width(said.energy_joules)


def test_without_one_the_current_value_is_used(ahead, service):
    found, said = ahead(42)
    assert found == pytest.approx(42, rel=0.02)
    assert width(said.co2eq_grams) > width(said.energy_joules)
