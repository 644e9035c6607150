"""The benchmark of the forecast: it reads traces, leaves a broken-off epoch aside, and its made-up runs keep the goals."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "prediction.py"


def scores(*arguments):
    done = subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments), "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def trace(tmp_path):
    """Five epochs of 10 s at 100 W with a second at 50 W behind each, and one that broke off: 5,250 J in 55 s."""
    power = []
    for epoch in range(5):
        power += [[11 * epoch + 0.0, 100], [11 * epoch + 10.0, 100], [11 * epoch + 10.001, 50], [11 * epoch + 10.999, 50]]
    power += [[55.0, 100], [56.0, 100]]
    epochs = [[11 * epoch, 11 * epoch + 10] for epoch in range(5)] + [[55, 56]]
    path = tmp_path / "made-1.json"
    path.write_text(json.dumps({"benchmark": "made", "power": power, "epochs": epochs, "run_stop_s": 56.0}))
    return path


def test_a_trace_without_surprises_is_forecast_exactly(trace):
    found = scores(trace, "--generated", 0)["traces"]
    assert [one["seen"] for one in found] == [1, 2, 3]
    last = found[-1]
    assert last["run"] == pytest.approx(0, abs=1e-3)
    assert last["duration"] == pytest.approx(0, abs=1e-3)
    assert last["held"]


def test_the_plain_mean_misses_what_lies_between_epochs(trace):
    last = scores(trace.parent, "--generated", 0)["traces"][-1]
    assert last["run_by_mean"] == pytest.approx(5_000 / 5_250 - 1, abs=1e-3)
    assert last["epochs_by_mean"] == pytest.approx(0, abs=1e-3)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    found = [one for one in scores("--generated", 600, "--seed", 7)["generated"] if one["seen"] >= 3]
    for seen in (3, 5, 10):
        held = [one["held"] for one in found if one["seen"] == seen]
        assert 0.85 <= sum(held) / len(held) <= 0.97, seen


def test_the_table_is_printed(trace):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(trace), "--generated", "30", "--by-kind"], capture_output=True, text=True, check=True
    )
    assert "Traces, made" in done.stdout
    assert "held out: throttled" in done.stdout
