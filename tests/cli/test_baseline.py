"""`carbonsdk baseline`, and what later runs make of it."""

import json
import os
import subprocess
import sys

ESTIMATE = ("--backends", "cpu_load")


def test_what_was_measured_is_taken_off_in_later_runs_live_and_from_their_records(carbonsdk, home):
    done = carbonsdk("baseline", "--seconds", "1", "--anyway", *ESTIMATE, "--json")
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert {each["device"]["kind"] for each in measured["devices"]} == {"cpu", "memory"}
    watts = sum(each["baseline"]["watts"] for each in measured["devices"])

    run = carbonsdk("run", "--json", "--offline", *ESTIMATE, "--", sys.executable, "-c", "pass")
    live = json.loads(run.stderr)
    net = live["above_idle"]
    assert net["idle_joules"] > 0
    assert abs(net["joules"] + net["idle_joules"] - live["energy"]["joules"]) < 1e-6
    assert net["idle_joules"] <= watts * live["duration_s"] * 1.0001

    shown = carbonsdk("runs", "show", live["run_id"], "--json")
    assert json.loads(shown.stdout)["above_idle"] == net
    assert "above idle" in carbonsdk("runs", "show", live["run_id"]).stdout


def test_a_machine_at_work_is_refused_with_a_reason(carbonsdk, home):
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        done = carbonsdk("baseline", "--seconds", "1", *ESTIMATE)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert done.returncode == 1
    assert "of the machine's CPU time" in done.stdout
    assert "--anyway" in done.stdout
    assert not list(home.rglob("baselines.json"))


def test_without_a_device_there_is_nothing_to_keep(carbonsdk, home):
    done = carbonsdk("baseline", "--seconds", "1", "--components", "gpu", *ESTIMATE)
    assert done.returncode == 1
    assert "Nothing here can be measured" in done.stdout


def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(carbonsdk, home):
    (home / "file").touch()
    done = carbonsdk("baseline", "--state-dir", str(home / "file"))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Measuring" not in done.stderr
