"""Services in a real run: what the report, the warnings and the record say of them."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module

import pytest
from support.services import FAULTS, PASSWORD, TOKEN, mapped, marginal

import carbonsdk as ct
from carbonsdk import runs
from carbonsdk.testing.http import Fault, Reply

LATEST, HISTORY = "/v4/carbon-intensity/latest", "/v4/carbon-intensity/history"


@pytest.fixture
def run(service, tmp_path, monkeypatch):
    """Run an epoch on a simulated CPU; wait, at its end, until the service was asked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    import_module("carbonsdk.http.sockets")  # takes a while the first time, of the second that a run waits at its end

    def measured(fetchers=(), **more):
        tracker = ct.CarbonTracker(
            zone="DE",
            fetchers={"electricitymaps": {"base_url": service.url}, **dict(fetchers), "static": {}},
            api_keys={"electricitymaps": TOKEN},
            sim_cpu="made up",
            sim_cpu_tdp=100.0,
            state_dir=tmp_path / "state",
            settle_s=0.9,
            verbose=0,
            **more,
        )
        with tracker.epoch():
            pass
        return tracker.stop() or tracker.report()

    return measured


def this_hour():
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def everything(tmp_path):
    return "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_a_live_value_is_in_the_report_and_in_the_record(service, run, tmp_path):
    service.on(LATEST, mapped(this_hour(), 1, lambda _: 216, temporalGranularity="hourly")[0])
    service.on(HISTORY, {"zone": "DE", "history": mapped(this_hour(), 1, lambda _: 216)})
    report = run()
    assert (report.intensity.grams_per_kwh, report.intensity.source) == (216, "Electricity Maps (electricitymaps.com)")
    assert runs.load(report.run_id, tmp_path / "state").intensity.grams_per_kwh == 216
    assert TOKEN not in everything(tmp_path)


@pytest.mark.parametrize("fault", ["401 that repeats the headers", "500", "HTML", "a redirect", "silence", "404 with an error"])
def test_a_service_that_fails_is_warned_of_once_with_the_value_used_instead(service, run, tmp_path, fault):
    service.on("*", FAULTS[fault][0])
    report = run()
    assert report.intensity.grams_per_kwh == 344.1
    told = [text for text in report.warnings if "electricitymaps" in text]
    if fault != "silence":  # that is cut off when the run ends: nothing is known of it by then
        assert len(told) == 1
        assert "344.1 gCO2eq/kWh (Germany 2024" in told[0]
    assert TOKEN not in everything(tmp_path) + repr(report)


def test_offline_opens_no_socket(service, run):
    service.on("*", Reply(b"", 500))
    assert run(offline=True).intensity.grams_per_kwh == 344.1
    assert service.asked == []


def test_a_marginal_signal_stands_beside_the_average_in_the_report_and_in_the_record(service, run, tmp_path):
    service.on(LATEST, mapped(this_hour(), 1, lambda _: 216, temporalGranularity="hourly")[0])
    service.on(HISTORY, {"zone": "DE", "history": mapped(this_hour(), 1, lambda _: 216)})
    service.on("/login", {"token": TOKEN})
    service.on("*", marginal(this_hour(), 24, lambda _: 2000.0, region="DE"))
    watttime = {"base_url": service.url, "username": "ann", "password": PASSWORD, "regions": {"DE": "DE"}}
    report = run({"watttime": watttime})
    for told in (report, runs.load(report.run_id, tmp_path / "state")):
        assert {value.grams_per_kwh for value, _ in told.carbon.parts} == {216}
        assert told.marginal.grams_per_kwh == pytest.approx(907.18474)  # 2000 lb/MWh, of 453.59237 g
        assert told.epochs[0].marginal.grams_per_kwh == pytest.approx(907.18474)
        assert not told.marginal.intensity.fallback
    assert PASSWORD not in everything(tmp_path)


AUDITED = """
import json, sys
events = []
sys.addaudithook(lambda name, _: events.append(name) if name.startswith("socket.") else None)
import carbonsdk as ct

for zone in ("DE", "GB", "DK-DK1", "FR", None):
    where = {} if zone is None else {"zone": zone}
    with ct.CarbonTracker(
        offline=True, api_keys={"electricitymaps": "key"}, locate="ip", settle_s=0.3, backends=[], verbose=0, epochs=1, **where
    ) as tracker:
        with tracker.epoch():
            pass
        tracker.stop()
print(json.dumps(sorted(set(events))))
"""


def test_offline_python_itself_sees_no_socket(tmp_path):
    environment = {**os.environ, "CARBONSDK_STATE_DIR": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", AUDITED], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment, timeout=60
    )
    # The machine's own name is asked of its kernel.
    assert set(json.loads(done.stdout)) <= {"socket.gethostname"}


def test_a_short_run_where_no_cloud_answers_has_the_guess_of_its_time_zone(service, tmp_path, monkeypatch):
    service.on("*", Fault.SILENCE)
    clouds = "\n".join(f'{name}_url = "{service.url}"' for name in ("aws", "gcp", "azure"))
    settings = f'[locators.cloud]\n{clouds}\n[locators.timezone]\ntimezone = "Europe/Copenhagen"\n'
    (tmp_path / "carbonsdk.toml").write_text(settings)
    monkeypatch.chdir(tmp_path)
    with ct.CarbonTracker(sim_cpu="made up", sim_cpu_tdp=100.0, state_dir=tmp_path / "state", verbose=0) as tracker:
        pass
    assert tracker.report().intensity.zone == "DK"
    assert "guessed from the time zone Europe/Copenhagen" in tracker.report().intensity.note
