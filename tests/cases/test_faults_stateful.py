"""Faults by the thousand: whatever backends and sinks do, the program goes on and the books are right.

More of them than a test run has time for: CARBONSDK_FAULTS=2000 pytest tests/cases/test_faults_stateful.py
"""

import contextvars
import json
import math
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.recorded import Sessions
from support.simulated import Simulated, device, offer

import carbonsdk
from carbonsdk import runs
from carbonsdk.engine import ending
from carbonsdk.errors import DeviceLost, GiveUp, RetryLater
from carbonsdk.model import CounterReading, DeviceKind, PowerReading
from carbonsdk.testing.profile import Profile

SCHEMA = json.loads((Path(carbonsdk.__file__).parent / "journal" / "schema.json").read_text(encoding="utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)
STOP_WITHIN_S = 0.4  # most of the runs end with somebody hanging


class Unsayable(Exception):
    def __str__(self):
        raise ValueError("an exception that is itself broken")


RAISED = [
    RetryLater("later"),
    DeviceLost("gone"),
    RuntimeError("x" * 5_000),
    SystemExit(3),
    RecursionError(),
    Unsayable(),
    OSError(),
]
RUBBISH = [
    None,
    "12 W",
    object(),
    12.5,
    CounterReading(None),
    CounterReading("many"),
    CounterReading(math.nan),
    CounterReading(-1.0),
    CounterReading(math.inf),
    CounterReading(10**400),
    CounterReading(5.0, 0.0),
    CounterReading(5.0, math.nan),
    PowerReading(math.nan),
    PowerReading(12_572_969.0),
    PowerReading(-5.0),
    PowerReading(5.0, -1.0),
]


class Faulty(Simulated):
    """Draws what its profile says, until it is told to misbehave."""

    mode = None

    def read(self, which):
        mode = self.mode
        if self.gate is not None:
            self.gate.wait(30)
        if isinstance(mode, BaseException):
            raise mode
        return super().read(which) if mode is None else mode[0]


class FaultySink:
    """Takes events, until it is told to misbehave; counts what it got."""

    def __init__(self):
        self.mode, self.gate, self.taken = None, None, 0

    def handle(self, event):
        self.taken += 1
        if self.gate is not None:
            self.gate.wait(30)
        if self.mode is not None:
            raise self.mode

    def close(self):
        if self.mode is not None:
            raise self.mode


class Run(RuleBasedStateMachine):
    """One run and all that may happen to it."""

    @initialize()
    def begin(self):
        self.place = Path(tempfile.mkdtemp())
        self.threads_before = set(threading.enumerate())
        self.sessions = Sessions(self.place)
        self.clock = self.sessions.clock
        self.watts = {"package-0": 100.0, "GPU-0": 300.0, "GPU-1": 200.0}
        constant = Profile.constant
        self.inline = Faulty(self.clock, {device("package-0"): constant(100.0)})
        gpus = {device(name, DeviceKind.GPU): constant(self.watts[name]) for name in ("GPU-0", "GPU-1")}
        self.driver = Faulty(self.clock, gpus)
        self.good, self.bad = FaultySink(), FaultySink()
        self.session = self.sessions.make(
            offer("rapl", self.inline),
            offer("nvml", self.driver, inline=False),
            sinks={"good": lambda: self.good, "bad": lambda: self.bad},
        )
        self.start_ns = self.clock.monotonic_ns()
        self.open = []
        self.bodies = self.finished = 0

    # Time and the sampler.

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.5, 1.0, 6.0, 61.0, 301.0, 4_000.0]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(times=st.integers(1, 5))
    def the_sampler_ticks(self, times):
        for _ in range(times):
            self.session.tick(self.clock.advance(1.0))

    # What the program does.

    def edge(self, call, *arguments):
        before = time.monotonic()
        result = call(*arguments)
        assert time.monotonic() - before < 1.0  # an edge never waits for long, whoever hangs
        return result

    @rule()
    def an_epoch_begins(self):
        if len(self.open) < 4:
            context = contextvars.Context()
            epoch = self.session.epoch("", None)
            self.edge(context.run, epoch.__enter__)
            self.open.append((context, epoch))

    @rule(which=st.integers(0, 3), fails=st.booleans())
    def an_epoch_ends(self, which, fails):
        if which < len(self.open):
            context, epoch = self.open.pop(which)
            error = ValueError("loss is NaN") if fails else None
            assert self.edge(context.run, epoch.__exit__, type(error) if fails else None, error, None) is None
            assert epoch.report.failed == fails
            self.finished += 1

    @rule(seconds=st.sampled_from([0.0, 0.01, 2.0]), fails=st.booleans())
    def a_whole_epoch(self, seconds, fails):
        def run():
            with self.session.epoch("", None):
                with self.session.span("inside", None):
                    self.clock.advance(seconds)
                self.bodies += 1
                if fails:
                    raise KeyError("the body's own")

        if fails:
            with pytest.raises(KeyError, match="the body's own"):
                contextvars.Context().run(run)
        else:
            contextvars.Context().run(run)
        self.finished += 1

    @rule(count=st.integers(2, 4))
    def threads_have_epochs_and_spans(self, count):
        done = []

        def work():
            with self.session.epoch("", None) as epoch:
                for _ in range(20):
                    with self.session.span("step", None):
                        pass
            done.append(epoch.report.spans[0].count if epoch.report.spans else 0)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(done) == count
        self.finished += count

    @rule()
    def somebody_asks_for_the_report(self):
        report = self.session.report()
        assert report.epoch_count == self.finished
        json.dumps(report.to_dict(), allow_nan=False)

    # What goes wrong.

    @rule(where=st.sampled_from(["inline", "driver"]), error=st.sampled_from(RAISED))
    def a_backend_raises(self, where, error):
        getattr(self, where).mode = error

    @rule(where=st.sampled_from(["inline", "driver"]), value=st.sampled_from(RUBBISH))
    def a_backend_talks_rubbish(self, where, value):
        getattr(self, where).mode = (value,)

    @rule(where=st.sampled_from(["inline", "driver"]))
    def a_backend_is_well_again(self, where):
        getattr(self, where).mode = None

    @rule(where=st.sampled_from(["inline", "driver"]))
    def a_counter_starts_again_at_zero(self, where):
        getattr(self, where).start_ns = self.clock.monotonic_ns()

    @rule()
    def a_backend_gives_up(self):
        self.driver.mode = GiveUp("the driver was unloaded")

    @rule()
    def the_driver_hangs(self):
        if self.driver.gate is None:
            self.driver.gate = threading.Event()

    @rule()
    def the_driver_answers_again(self):
        self.release(self.driver)

    @rule(error=st.sampled_from([*RAISED, None]))
    def a_sink_raises(self, error):
        self.bad.mode = error

    @rule()
    def a_sink_hangs(self):
        if self.bad.gate is None:
            self.bad.gate = threading.Event()

    @rule()
    def a_sink_takes_events_again(self):
        self.release(self.bad)

    @rule()
    def the_disk_is_wiped(self):
        shutil.rmtree(self.place / "state", ignore_errors=True)

    def release(self, who):
        gate, who.gate = who.gate, None
        if gate is not None:
            gate.set()

    # What always holds.

    @invariant()
    def memory_is_bounded(self):
        assert all(len(account.curve) < 5_000 for account in self.session.ledger.accounts)
        assert all(len(book.pending) < 5_000 for book in self.session.roster.books())
        assert all(len(delivery._queue) <= 10_000 for delivery in self.session.scribe._deliveries)
        assert len(self.session.notices.texts) <= 200

    @invariant()
    def nothing_is_made_up(self):
        seconds = (self.clock.monotonic_ns() - self.start_ns) / 1e9
        state = self.session.settling.state(self.clock.monotonic_ns())
        for use in state.uses:
            most = self.watts[self.session.ledger.accounts[use.device].device.id] * seconds
            assert use.joules is None or -1e-9 <= use.joules <= most * (1 + 1e-9) + 1e-6
            assert 0.0 <= use.coverage <= 1.0

    def teardown(self):
        if not hasattr(self, "session"):
            return
        try:
            self.end()
        finally:
            self.release(self.driver)
            self.release(self.bad)
            for thread in set(threading.enumerate()) - self.threads_before:
                thread.join(5)
            left = set(threading.enumerate()) - self.threads_before
            shutil.rmtree(self.place, ignore_errors=True)
        assert not left

    def end(self):
        hanging = {name for name, who in (("nvml", self.driver), ("sink-bad", self.bad)) if who.gate is not None}
        before = time.monotonic()
        report = self.session.stop()
        assert time.monotonic() - before < STOP_WITHIN_S + 1.0
        stuck = {name for name in ("nvml", "sink-bad") if any(f"carbonsdk-{name} is stuck" in text for text in report.warnings)}
        assert stuck <= hanging
        assert report.epoch_count == self.finished + len(self.open)
        self.check_books(report)
        self.check_record(report)

    def check_books(self, report):
        """The union of the epochs, worked out anew from each epoch's place on the curve, and the gaps are the run."""
        total = 0.0
        for index, whole in enumerate(report.devices):
            stretches = sorted(
                (use.start_joules, use.start_joules + use.joules)
                for record in self.session.scribe.assembly.epochs
                for use in record.uses
                if use.device == index and use.joules is not None
            )
            union, reached = 0.0, -math.inf
            for low, high in stretches:
                union += max(0.0, high - max(low, reached))
                reached = max(reached, high)
            assert union <= (whole.energy.joules or 0.0) * (1 + 1e-9) + 1e-6
            total += union
        assert (report.epochs_energy.joules or 0.0) == pytest.approx(total, rel=1e-9, abs=1e-6)

    def check_record(self, report):
        path = self.session.plan.record
        lines = path.read_text(encoding="utf-8").splitlines()
        for line in lines:
            VALID.validate(json.loads(line))
        read = runs.load(path)
        assert read.state == "finished"
        assert read.energy.joules == report.energy.joules
        assert read.epoch_count <= report.epoch_count  # the disk may have been wiped


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(ending, "STOP_WITHIN_S", STOP_WITHIN_S)


TestRun = Run.TestCase
TestRun.settings = settings(
    max_examples=int(os.environ.get("CARBONSDK_FAULTS", "25")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
