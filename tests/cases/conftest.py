"""Programs of users, run as users run them: in processes of their own."""

import os
import subprocess
import sys
import textwrap

import pytest
from support.recorded import Sessions

import carbonsdk as ct

PREAMBLE = """
import os, sys, threading
import carbonsdk as ct
SETTINGS = dict(backends={"replay": {"watts": {"cpu": 100}}}, zone="DE", offline=True, verbose=0)
"""


class Ran:
    """A program that has ended, and the records that it left."""

    def __init__(self, process, state):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr
        self._state = state

    @property
    def runs(self):
        return ct.runs.list(self._state)

    def report(self):
        (run,) = self.runs
        return ct.runs.load(run.run_id, self._state)


class Programs:
    """Writes a program into a directory and runs it there."""

    def __init__(self, place):
        self.place = place
        self.state = place / "state"

    def command(self, source, *, flags=()):
        path = self.place / "train.py"
        text = PREAMBLE + textwrap.dedent(source)
        if not path.exists() or path.read_text() != text:  # a process that starts just now may be reading it
            path.write_text(text)
        return [sys.executable, *flags, str(path)]

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CARBONSDK_", "SLURM_"))}
        return {**kept, "HOME": str(self.place), "CARBONSDK_STATE_DIR": str(self.state), **more}

    def start(self, source, *, flags=(), **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen(self.command(source, flags=flags), cwd=self.place, env=self.environment(), **options)

    def run(self, source, *, flags=(), timeout_s=30, environ=None, before=(), **options):
        command = [*before, *self.command(source, flags=flags)]
        options = {"capture_output": True, "text": True, "timeout": timeout_s, **options}
        return Ran(subprocess.run(command, cwd=self.place, env=self.environment(**(environ or {})), **options), self.state)


@pytest.fixture
def programs(tmp_path):
    """Run programs; see Programs."""
    return Programs(tmp_path)


@pytest.fixture
def sessions(tmp_path):
    """Make sessions; see Sessions."""
    made = Sessions(tmp_path)
    yield made
    made.end()
