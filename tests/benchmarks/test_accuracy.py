"""The accuracy benchmark keeps its goals: all written load and broken hardware, and some of the random load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def checkout(fake_nvml_library):
    if not (FOLDER / "accuracy.py").exists():
        pytest.skip("the benchmarks are part of a checkout, not of the wheel")


def printed(script, *arguments):
    command = [sys.executable, str(FOLDER / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.stderr == ""
    return done.stdout


def found(script, *arguments):
    return json.loads(printed(script, *arguments, "--json"))


@pytest.mark.parametrize("part", ["written", "faults"])
def test_every_goal_is_kept(part):
    scores = found("accuracy.py", "--only", part)["written"]
    assert len(scores) >= 6
    assert [score for score in scores if not score["kept"]] == []


def test_the_documentation_shows_what_the_benchmark_prints():
    page = (FOLDER.parent / "docs" / "explanation" / "accuracy.md").read_text().splitlines()
    rows = [line for line in printed("accuracy.py", "--only", "written", "--markdown").splitlines() if line.startswith("|")]
    assert len(rows) > 20
    assert [row for row in rows if row not in page] == []


def test_twenty_epochs_add_up_wherever_the_steps_of_a_counter_fall():
    drawn = found("accuracy.py", "--only", "phases", "--draws", "4")["phases"]
    assert len(drawn) == 16
    assert [each for each in drawn if each["totals_count"] and not each["kept"]] == []


def test_stated_uncertainties_hold_the_truth():
    sensors = found("accuracy.py", "--only", "random", "--profiles", "30")["random"]
    assert len(sensors) == 16
    for sensor in sensors:
        # 30 profiles say less than the benchmark's 200 do: a share of 95 % is seen below 83 % once in a hundred times.
        assert sensor["covered"] >= 0.83
        assert sensor["covered_of_all"] >= 0.93
        # Energy counters tell an epoch's energy to a few percent, and say so; nobody hides behind an interval that holds all.
        assert sensor["width"] < (0.02 if sensor["sensor"].startswith("RAPL, 1") else 0.5)


def test_the_sampler_of_a_large_machine_is_cheap():
    cost = found("sampler_cost.py", "--seconds", "4")
    # The goal is 0.2 %; four seconds on a machine that also runs other tests leave room for noise.
    assert cost["share_of_a_core"] < 0.01
