"""A person who changed one import: trackers made as carbontracker's users make them, on a CPU and a GPU that are simulated."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import carbonsdk as ct

# 400 W and 100 W at carbontracker's default load of 50 %: 250 W together.
SIMULATED = {"sim_cpu": "Xeon", "sim_cpu_tdp": 100, "sim_gpu": "A100", "sim_gpu_watts": 400}


@pytest.fixture
def tracker(tmp_path):
    """Make a tracker; positional arguments are passed on as they are."""
    made = []

    def make(*positional, **keywords):
        base = {**SIMULATED, "zone": "DK", "offline": True, "state_dir": tmp_path / "state"}
        made.append(ct.CarbonTracker(*positional, **{**base, **keywords}))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def train():
    """Run a training loop of so many epochs, as carbontracker's README has it."""

    def loop(tracker, epochs):
        for _ in range(epochs):
            tracker.epoch_start()
            sum(range(400_000))
            tracker.epoch_end()
        return tracker

    return loop


@pytest.fixture
def user(tmp_path):
    """Return the environment of a process of the user's own, at home in the test's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CARBONSDK_", "XDG_"))}
    own = {"HOME": str(tmp_path), "CARBONSDK_STATE_DIR": str(tmp_path / "state"), "CARBONSDK_OFFLINE": "1"}
    return {**kept, **own, "PYTHON_COLORS": "0"}  # Python 3.13 colours a traceback on a terminal


@pytest.fixture
def script(user, tmp_path):
    """Run a script in a process of its own."""

    def run(text, **more):
        given = {"env": user, "cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60, "stdin": subprocess.DEVNULL}
        return subprocess.run([sys.executable, "-c", text], **{**given, **more}, check=False)

    return run


@pytest.fixture(scope="session")
def carbontracker():
    """Call the released carbontracker 2.4.7's own parser on a directory of logs.

    It is looked for in this environment, else in the one whose interpreter CARBONTRACKER_PYTHON names.
    """
    interpreter = sys.executable if find_spec("carbontracker") else os.environ.get("CARBONTRACKER_PYTHON")
    if not interpreter:
        pytest.skip(
            "needs carbontracker 2.4.7 here (`make test-carbontracker`), or an interpreter that has it in CARBONTRACKER_PYTHON"
        )

    def parse(directory):
        command = [interpreter, str(Path(__file__).parent / "released_parser.py"), str(directory)]
        return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)

    return parse
