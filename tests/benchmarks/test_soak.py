"""Some minutes of the month: exact, and within its bytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.skipif(not SOAK.exists(), reason="the benchmarks are part of a checkout, not of the wheel")
def test_a_short_soak_is_exact():
    done = subprocess.run([sys.executable, str(SOAK), "--days", "0.05", "--json"], capture_output=True, text=True, timeout=100)
    assert done.stderr == ""
    outcome = json.loads(done.stdout)
    assert outcome["passed"], outcome
    assert outcome["epochs"] == 167  # 4320 s at 25.92 s each
