"""The overhead's benchmark: that it runs, and what of it no busy machine can change."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "overhead.py"


def test_a_run_loads_nothing_heavy_keeps_within_memory_and_leaves_no_thread():
    done = subprocess.run([sys.executable, str(SCRIPT), "--quick", "--json"], capture_output=True, text=True, check=True)
    found = {each["name"]: each for each in json.loads(done.stdout)}
    for name in (
        "heavy modules loaded by then (none)",
        "memory after start, above bare Python",
        "memory that the last 90 % of the spans added",
        "threads left after it",
    ):
        assert found[name]["value"] <= found[name]["goal"], name
