"""Programs of users, run as users run them: in processes of their own."""

import os
import subprocess
import sys
import textwrap

import pytest
from support.simulated import Simulated, device, offer

import carbonsdk as ct
from carbonsdk.clock import utc
from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.plan import Plan, SinkPlan
from carbonsdk.engine.session import Session
from carbonsdk.events import RunInfo
from carbonsdk.model import CarbonIntensity, Zone
from carbonsdk.runs import journal_path
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.profile import Profile

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
        path.write_text(PREAMBLE + textwrap.dedent(source))
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


class Sessions:
    """Makes sessions on a clock, with backends and sinks of the test's own, and ends them all."""

    def __init__(self, place):
        self.place = place
        self.clock = FakeClock()
        self.made = []

    def make(self, *offers, sinks=(), clock=None, watts=None, **plan):
        clock = clock or self.clock
        if watts is not None:
            offers = (offer("rapl", Simulated(clock, {device(): Profile.constant(watts)})), *offers)
        start = utc(clock.wall_ns(clock.monotonic_ns()))
        info = {"name": None, "host": "alpha", "rank": 0, "world_size": 1, "pid": os.getpid(), "start": start}
        info = RunInfo(run_id=f"run-{len(self.made)}", command="train.py", version="0", epochs_planned=None, **info)
        own = CarbonIntensity(grams_per_kwh=360.0, zone="DE", source="test", own=True)
        plan = {
            "offers": tuple(offers),
            "sinks": tuple(SinkPlan(name=name, make=make) for name, make in dict(sinks).items()),
            "intensity": FeedPlan(zone=Zone(key="DE"), own=(own,)),
            "record": journal_path(info, self.place / "state"),
            **plan,
        }
        session = Session(Plan(info=info, **plan), clock, ticking=False)
        self.made.append(session)
        session.start()
        session.hardware.await_all(5)
        return session

    def tick(self, session, seconds=1.0):
        """Let time pass, and have everything done that is due."""
        session.tick(self.clock.advance(seconds))


@pytest.fixture
def sessions(tmp_path):
    """Make sessions; see Sessions."""
    made = Sessions(tmp_path)
    yield made
    for each in made.made:
        each.stop()
