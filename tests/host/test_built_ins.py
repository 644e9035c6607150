"""Every built-in goes in by the same door as a third party's, and keeps the same rules."""

import tomllib
from pathlib import Path

import pytest

from carbonsdk.host import Kind, PluginHost
from carbonsdk.testing import check_registration

HOST = PluginHost.discover()
TABLES = {Kind.BACKEND: HOST.backends, Kind.FETCHER: HOST.fetchers, Kind.LOCATOR: HOST.locators, Kind.SINK: HOST.sinks}
OFFERS = [offer for info in HOST.plugins if info.builtin for offer in info.offers]


def test_every_built_in_is_found_and_whole():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert {info.name for info in HOST.plugins if info.builtin} == set(project["project"]["entry-points"]["carbonsdk"])
    assert [(info.name, info.reason) for info in HOST.failures if info.builtin] == []


@pytest.mark.parametrize(("kind", "name"), OFFERS, ids=[f"{kind}-{name}" for kind, name in OFFERS])
def test_a_built_in_is_well_formed_and_made_from_its_defaults(kind, name):
    check_registration(TABLES[kind][name].registration, kind)


# Where the check of its kind runs on a built-in, at its true border.
CHECKED = {
    "backend": {name: f"backends/test_{name}.py" for name in ("rapl", "cpu_load", "replay", "constant")}
    | {"nvml": "backends/nvml/test_backend.py"},
    "fetcher": {
        name: f"intensity/test_{name}.py"
        for name in ("static", "electricitymaps", "great_britain", "denmark", "france", "watttime")
    },
    "locator": dict.fromkeys(("cloud", "ip", "timezone"), "intensity/test_locators.py"),
    "sink": dict.fromkeys(
        ("console", "csv", "log", "jsonl", "emissions_csv", "model_card", "memory", "carbontracker_log"),
        "sinks/test_every_sink.py",
    ),
}


def test_every_built_in_runs_the_check_of_its_kind():
    assert {(kind, name) for kind, names in CHECKED.items() for name in names} == {tuple(offer) for offer in OFFERS}
    tests = Path(__file__).parents[1]
    assert [
        path
        for kind, names in CHECKED.items()
        for path in names.values()
        if f" check_{kind}(" not in (tests / path).read_text()
    ] == []
