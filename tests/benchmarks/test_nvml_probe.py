import json
import subprocess
import sys
from pathlib import Path

import pytest

from carbonsdk.testing.nvml import FakeGpu, FakeNvml
from carbonsdk.testing.profile import Profile

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "nvml_probe.py"


@pytest.fixture(autouse=True)
def checkout():
    if not SCRIPT.exists():
        pytest.skip("the benchmarks are part of a checkout, not of the wheel")


def probe(tmp_path, seconds, env=None):
    found = tmp_path / "found.json"
    command = [sys.executable, str(SCRIPT), "--seconds", str(seconds), "--json", str(found)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100)
    return done, json.loads(found.read_text()) if found.exists() else None


def test_counter_and_power_of_a_steady_board_agree(tmp_path, fake_nvml_library):
    gpu = FakeGpu(uuid="GPU-1", profile=Profile.constant(300), counter_step_s=0.002)
    fake = FakeNvml(tmp_path / "driver", [gpu], real_time=True)
    done, found = probe(tmp_path, 0.5, fake.environ(fake_nvml_library))
    assert done.returncode == 0, done.stderr
    assert "NVIDIA H100 80GB HBM3, driver 550.54.15" in done.stdout
    assert found["agreement"]["idle"]["instant_off_percent"] == pytest.approx(0, abs=3)
    assert found["latency_us"]["backend.read"]["median"] > 0


@pytest.mark.gpu
def test_counter_and_power_of_a_real_board_agree_under_load(tmp_path):
    done, found = probe(tmp_path, 5)
    if done.returncode and "Absent" in done.stderr:
        pytest.skip("no NVIDIA GPU here")
    assert done.returncode == 0, done.stderr
    under_load = found["agreement"].get("matmul")
    if under_load is None:
        pytest.skip("no torch to load the GPU with")
    assert under_load["average_off_percent"] == pytest.approx(0, abs=5)
