"""The command line as a process of its own, at home in a folder of the test."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def carbonsdk(home):
    """Run `carbonsdk` with arguments, in a home without settings; variables are given as keywords."""

    def run(*arguments, **variables):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CARBONSDK_", "XDG_"))}
        environ = {**kept, "HOME": str(home), "COLUMNS": "160", **variables}
        command = [sys.executable, "-m", "carbonsdk.cli", *map(str, arguments)]
        return subprocess.run(
            command, cwd=home, env=environ, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )

    return run
