"""Measuring only the devices that this process, or a child of it, runs on."""

import threading
import time
from contextlib import closing

import pytest
from support.family import SetFamily
from support.sessions import info
from support.simulated import Simulated, device, offer

from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.backend import NvmlBackend
from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.hardware import Hardware
from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.ledger import Ledger, Marks
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.plan import Plan
from carbonsdk.errors import RetryLater
from carbonsdk.model import DeviceKind
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.nvml import FakeGpu, FakeNvml, FakeProcess
from carbonsdk.testing.profile import Profile

S = 1_000_000_000


class Driver(Simulated):
    """GPUs and the pids on each."""

    def __init__(self, clock, *names):
        super().__init__(clock, {device(name, DeviceKind.GPU): Profile.constant(100.0) for name in names})
        self.pids = {name: set() for name in names}

    def process_ids(self, which):
        pids = self.pids[which.id]
        if isinstance(pids, Exception):
            raise pids
        return frozenset(pids)


class Bench:
    def __init__(self, family, *offers):
        self.clock = FakeClock()
        self.ledger, self.notices, self.choices = Ledger(S), Notices(), ()
        self.hardware = Hardware(
            Plan(
                info=info(),
                backends=tuple(make(self.clock) for make in offers),
                intensity=FeedPlan(),
                edge_reads="always",
                devices_by_pid=True,
            ),
            Books(self.ledger, self.clock, self.notices),
            family=lambda: family,
            on_chosen=self._chosen,
        )
        self.hardware.start()
        assert self.hardware.await_all(10)

    def _chosen(self, _adopted, choices):
        self.choices = choices

    @property
    def measured(self):
        return sorted(account.device.id for account in self.ledger.accounts)

    def settle(self, ready):
        deadline = time.monotonic() + 10
        while not ready() and time.monotonic() < deadline:
            self.hardware.choosing._residents.nudge()
            threading.Event().wait(0.005)
        assert ready()

    def reason(self, backend):
        return next(choice.reason for choice in self.hardware.choosing.choices if choice.backend == backend)


@pytest.fixture
def bench():
    made = []

    def make(family, *offers):
        made.append(Bench(family, *offers))
        return made[-1]

    yield make
    for each in made:
        assert each.hardware.stop(deadline_s=time.monotonic() + 10) == []


def gpus(*names, into):
    def make(clock):
        into.append(Driver(clock, *names))
        return offer("nvml", into[0], inline=False)

    return make


def cpu(clock):
    return offer("rapl", Simulated(clock, {device(): Profile.constant(50.0)}))


def test_a_gpu_is_measured_once_a_process_of_the_family_is_on_it(bench):
    drivers = []
    made = bench(SetFamily(pids=[51]), gpus("GPU-0", "GPU-1", into=drivers))
    assert made.measured == []
    drivers[0].pids["GPU-0"] = {99}
    drivers[0].pids["GPU-1"] = {51, 99}
    made.settle(lambda: made.measured)
    assert made.measured == ["GPU-1"]
    assert made.reason("nvml") == "answered: a counter; without GPU-0: no process of this run uses it"


def test_cpus_run_every_process_and_are_measured_at_once(bench):
    made = bench(SetFamily(), cpu, gpus("GPU-0", into=[]))
    assert made.measured == ["package-0"]
    assert made.reason("nvml") == "GPU-0: no process of this run uses it"


def test_what_others_used_before_is_not_counted(bench):
    drivers = []
    made = bench(SetFamily(), gpus("GPU-0", into=drivers))
    made.clock.advance(100.0)
    drivers[0].pids["GPU-0"] = {50}
    made.settle(lambda: made.measured)
    start_ns = made.clock.monotonic_ns()
    made.hardware.read_edge(made.clock.advance(2.0))
    (use,) = made.ledger.uses(Marks(0, ()), made.ledger.marks(made.clock.monotonic_ns()))
    assert use.joules == pytest.approx(200.0)
    assert made.ledger.accounts[0].since_ns <= start_ns


def test_a_gpu_stays_measured_when_the_process_has_left_it(bench):
    drivers = []
    made = bench(SetFamily(), gpus("GPU-0", into=drivers))
    drivers[0].pids["GPU-0"] = {50}
    made.settle(lambda: made.measured)
    drivers[0].pids["GPU-0"] = set()
    made.hardware.choosing._residents.look()
    made.hardware.choosing.choose()
    assert made.measured == ["GPU-0"]
    assert made.reason("nvml") == "answered: a counter"


def test_a_driver_that_lists_no_processes_is_told_of(bench):
    drivers = []
    made = bench(SetFamily(), gpus("GPU-0", into=drivers))
    drivers[0].pids["GPU-0"] = RetryLater("the driver does not list its processes")
    made.settle(lambda: "does not list" in made.reason("nvml"))
    assert made.measured == []


def test_a_backend_that_cannot_tell_is_told_of(bench):
    blind = lambda clock: offer("daemon", Simulated(clock, {device("GPU-0", DeviceKind.GPU): Profile.constant(1.0)}))  # noqa: E731
    made = bench(SetFamily(), blind)
    made.settle(lambda: "does not tell which processes" in made.reason("daemon"))
    assert made.measured == []


def test_in_a_container_all_visible_gpus_are_measured_with_a_warning(bench):
    made = bench(SetFamily(known_to_drivers=False), gpus("GPU-0", "GPU-1", into=[]))
    made.settle(lambda: len(made.measured) == 2)
    (warning,) = made.notices.texts
    assert "container" in warning


def test_a_driver_that_hangs_over_its_processes_holds_up_no_other_device(bench):
    drivers, gate = [], threading.Event()
    made = bench(SetFamily(), cpu, gpus("GPU-0", into=drivers))
    drivers[0].process_ids = lambda _: gate.wait(30) and frozenset()
    made.hardware.choosing._residents.nudge()
    before = time.monotonic()
    made.hardware.read_edge(made.clock.advance(1.0))
    assert time.monotonic() - before < 1.0
    gate.set()


def gpu(number, **fields):
    return FakeGpu(uuid=f"GPU-{number:08d}", bus_id=f"00000000:{number + 1:02X}:00.0", profile=Profile.constant(300), **fields)


def test_real_pynvml_tells_which_gpu_runs_this_process(bench, tmp_path, fake_nvml_library):
    fake = FakeNvml(tmp_path / "driver", [gpu(0, processes=(FakeProcess(pid=99),)), gpu(1, processes=(FakeProcess(pid=51),))])
    with closing(fake), fake.loaded(fake_nvml_library):
        made = bench(SetFamily(pids=[51]), lambda _: offer("nvml", NvmlBackend(NvmlSettings(), environ={}), inline=False))
        made.settle(lambda: made.measured)
        assert made.measured == ["GPU-00000001"]
        assert made.hardware.stop(deadline_s=time.monotonic() + 10) == []
