"""Two hundred threads lose no span; how much they slow depends on what else the machine does, and is not tested here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

OVERLOAD = Path(__file__).parents[2] / "benchmarks" / "overload.py"


@pytest.mark.skipif(not OVERLOAD.exists(), reason="the benchmarks are part of a checkout, not of the wheel")
def test_no_span_of_two_hundred_threads_is_lost():
    command = [sys.executable, str(OVERLOAD), "--seconds", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.stderr == ""
    outcome = json.loads(done.stdout)
    assert outcome["spans"] == outcome["items"] > 0
