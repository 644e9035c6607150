"""From settings to fetchers: behind the cache that is shared, with the basis that was asked for, and nothing of it offline."""

import pytest
from support.services import TOKEN, danish, hour, mapped

from carbonsdk.engine.planning.planner import Planner
from carbonsdk.errors import Offline, ServiceUnavailable
from carbonsdk.host import PluginHost
from carbonsdk.intensity import denmark, electricitymaps
from carbonsdk.model import Basis, Zone
from carbonsdk.settings import resolve
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.http import LoopbackService

NOON = hour("2026-01-05 12:00")
LATEST = "/v4/carbon-intensity/latest"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "carbonsdk" / "intensity"


@pytest.fixture
def service():
    with LoopbackService() as running:
        running.on("/dataset/CO2Emis", danish(NOON, 1))
        yield running


def plan(service, name, plugin, **settings):
    """Return the feed's plan, as another process would make it."""
    options = {"intensity": {name: {"base_url": service.url}}}
    resolved = resolve({"options": options, **settings}, environ={})
    return Planner(resolved, PluginHost.of({name: plugin}), FakeClock(), environ={}).feeds.plan()


def fetcher(service, name, plugin, **settings):
    (candidate,) = plan(service, name, plugin, **settings).fetchers
    return candidate.make("current")


def test_two_processes_make_one_request(service):
    for _ in range(2):
        assert fetcher(service, "denmark", denmark).current(Zone(key="DK-DK1")).grams_per_kwh == 75.0
    assert len(service.asked) == 1


def test_the_basis_that_was_asked_for_reaches_a_fetcher_that_has_both(service):
    service.on(LATEST, mapped(NOON, 1, emissionFactorType="direct")[0])
    made = fetcher(service, "electricitymaps", electricitymaps, basis="direct", api_keys={"electricitymaps": TOKEN})
    assert made.current(Zone(key="DE")).basis is Basis.DIRECT


def test_other_settings_are_another_question(service):
    service.on(LATEST, mapped(NOON, 1, emissionFactorType="direct")[0], mapped(NOON, 1, lambda _: 999)[0])
    keys = {"api_keys": {"electricitymaps": TOKEN}}
    direct = fetcher(service, "electricitymaps", electricitymaps, basis="direct", **keys).current(Zone(key="DE"))
    lifecycle = fetcher(service, "electricitymaps", electricitymaps, **keys).current(Zone(key="DE"))
    assert (direct.grams_per_kwh, lifecycle.grams_per_kwh) == (300, 999)


def test_offline_nothing_is_asked_and_nothing_is_written(service, cache):
    with pytest.raises(Offline):
        fetcher(service, "denmark", denmark, offline=True).current(Zone(key="DK-DK1"))
    assert service.asked == []
    assert not cache.exists()


def test_planning_touches_neither_network_nor_disk(service, cache):
    plan(service, "denmark", denmark)
    assert service.asked == []
    assert not cache.exists()


def test_a_feed_that_is_cut_asks_no_more(service):
    cut = plan(service, "denmark", denmark)
    (candidate,) = cut.fetchers
    made = candidate.make("current")
    cut.cut()
    with pytest.raises(ServiceUnavailable, match="closed"):
        made.current(Zone(key="DK-DK1"))
