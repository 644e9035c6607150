"""The examples run as people run them, and leave a record that tells what they did."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from carbonsdk import runs

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """An environment of somebody who has just installed carbonsdk; what runs in it records below `tmp_path`."""
    for name in [name for name in os.environ if name.startswith(("CARBONSDK_", "XDG_", "SLURM_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CARBONSDK_OFFLINE", "1")
    monkeypatch.setenv("CARBONSDK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(name, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def needs(*packages):
    """Skip where a package is missing; nothing heavy is imported to find that out."""
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def recorded(reader):
    (found,) = runs.list(reader / "state")
    assert found.state == "finished"
    return found


def test_the_numpy_example_says_what_training_and_validation_use(reader):
    printed = run("numpy_training.py", "--epochs", "4")
    assert printed.count("of the unseen points are right") == 4
    assert "  train " in printed
    assert "  validate " in printed
    assert recorded(reader).epoch_count == 4


def test_the_sklearn_example_compares_three_models(reader):
    needs("sklearn")
    printed = run("sklearn_training.py")
    assert all(model in printed for model in ("linear", "forest", "network"))
    assert recorded(reader).epoch_count == 3


def test_the_torch_example_forecasts_the_run(reader):
    needs("torch")
    printed = run("torch_training.py", "--epochs", "4")
    assert printed.count("the whole run will take") == 3
    assert recorded(reader).epoch_count == 4


def test_the_notebook_runs_from_top_to_bottom(reader):
    needs("nbclient", "ipykernel")
    execute = (
        "import sys, nbformat, nbclient\n"
        "notebook = nbformat.read(sys.argv[1], as_version=4)\n"
        "nbclient.NotebookClient(notebook, timeout=60, kernel_name='python3').execute()\n"
    )
    # In a process of its own: the kernel's client leaves sockets to the garbage collector, which pytest takes for errors.
    done = subprocess.run(
        [sys.executable, "-c", execute, EXAMPLES / "notebook.ipynb"], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    assert recorded(reader).epoch_count == 3
    assert recorded(reader).name == "notebook example"
