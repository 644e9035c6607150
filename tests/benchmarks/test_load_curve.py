"""The estimate's curve and its interval are those that the measurements give."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "load_curve.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="the benchmarks are part of a checkout, not of the wheel")
def test_the_stated_interval_holds_machines_that_the_curve_was_not_fitted_to():
    done = subprocess.run([sys.executable, str(SCRIPT), "--json"], capture_output=True, text=True, timeout=100)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    left_out = found["held_by_bias"]["machines_left_out"]
    assert left_out["rows"] == found["rows"] == 64
    assert left_out["held"] >= 0.95 * 64
    assert found["left_out"]["ours"]["error"] < found["left_out"]["cubic, fitted"]["error"]
    assert found["left_out"]["ours"]["error"] < found["left_out"]["cubic, fixed"]["error"]
