"""A process's part of the machine's energy, with figures worked out by hand."""

import math
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.family import SetFamily
from support.sessions import info
from support.simulated import Simulated, device, offer

from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.backend import NvmlBackend
from carbonsdk.engine.baselines import Baseline, Baselines
from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.hardware import Hardware
from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.ledger import Ledger, Marks
from carbonsdk.engine.ledger.accounting import Part, Stamped
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.plan import Plan
from carbonsdk.engine.processes.attribution import ACTIVE, INCLUDING_IDLE, SHARE_BIAS, Attribution
from carbonsdk.errors import DeviceLost
from carbonsdk.model import CounterReading, DeviceKind, Quality
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.nvml import FakeGpu, FakeNvml, FakeProcess
from carbonsdk.testing.profile import Profile

S = 1_000_000_000
MEASURED_AT = datetime(2026, 11, 1, tzinfo=UTC)
CPU = device("package-0", backend="rapl", host="here")
GPU = device("GPU-1", DeviceKind.GPU, backend="nvml", host="here")
MEMORY = device("dram-0", DeviceKind.MEMORY, backend="rapl", host="here")


def idle(watts, which=CPU):
    return Baselines([(which.key, Baseline(watts=watts, seconds=60.0, measured_at=MEASURED_AT))])


def attribution(family, clock, policy=INCLUDING_IDLE, baselines=None):
    return Attribution(policy, family=lambda: family, clock=clock, baselines=baselines or Baselines())


class Nothing:
    """A backend that knows nothing of processes."""


class Driver:
    """A driver that tells each process's share of a GPU, and who holds it."""

    def __init__(self, shares, holders=()):
        self.shares, self.holders, self.asked = shares, frozenset(holders), 0

    def process_shares(self, _device):
        self.asked += 1
        return self.shares

    def process_ids(self, _device):
        return self.holders


@pytest.fixture
def clock():
    return FakeClock()


def part_after(clock, family, *, own_s, all_s, which=CPU, backend=None, **options):
    _, part = attribution(family, clock, **options).adopt(which, backend or Nothing())
    family.use(own_s, all_s)
    clock.advance(1.0)
    return part()


def test_a_process_is_charged_its_share_of_all_cpu_time(clock):
    # 0.5 of the 2 CPU seconds that anything ran in: a quarter of the energy.
    assert part_after(clock, SetFamily(), own_s=0.5, all_s=2.0) == Part(0.25)


def shares_of(clock, *windows):
    """Return the shares in windows of so many seconds, in which the family was seen to use so much, and all processes."""
    family = SetFamily()
    _, part = attribution(family, clock).adopt(CPU, Nothing())
    shares = []
    for seconds, own_s, all_s in windows:
        family.use(own_s, all_s)
        clock.advance(seconds)
        shares.append(part().share)
    return shares


def test_the_time_of_a_child_that_was_seen_late_is_made_up_for(clock):
    # A child at work since the first window is seen in the second, with the 0.3 s that it has used on two busy CPUs.
    assert shares_of(clock, (0.2, 0.0, 0.4), (0.1, 0.3, 0.2), (0.1, 0.1, 0.2), (0.1, 0.1, 0.2)) == pytest.approx([0, 1, 1, 0.5])


def test_time_that_nobody_could_have_missed_is_not_made_up_for(clock):
    assert shares_of(clock, (0.1, 0.3, 0.2), (1.1, 0.1, 0.2)) == pytest.approx([1, 0.5])


def test_a_process_that_is_alone_is_charged_the_machine(clock):
    assert part_after(clock, SetFamily(), own_s=0.1, all_s=0.1) == Part(1.0)


def test_before_the_first_tick_a_process_is_one_of_those_that_run(clock):
    _, part = attribution(SetFamily(running=4), clock).adopt(CPU, Nothing())
    clock.advance(0.05)
    assert part() == Part(0.25)


def test_while_nothing_runs_the_energy_is_divided_as_before(clock):
    family = SetFamily()
    _, part = attribution(family, clock).adopt(CPU, Nothing())
    family.use(0.5, 2.0)
    clock.advance(1.0)
    assert part() == Part(0.25)
    clock.advance(1.0)
    assert part() == Part(0.25)


def test_a_process_never_exceeds_its_machine(clock):
    # The machine's ticks are sampled: they may show less than the process's own time.
    assert part_after(clock, SetFamily(), own_s=1.0, all_s=0.9) == Part(1.0)


def test_the_active_policy_leaves_the_idle_power_to_the_machine(clock):
    part = part_after(clock, SetFamily(), own_s=0.5, all_s=2.0, policy=ACTIVE, baselines=idle(40.0))
    # 100 J in 1 s: 40 J are idle, and a quarter of 60 J is the process's.
    assert part.of(100.0, S) == pytest.approx(15.0)


def test_the_active_policy_without_an_idle_power_attributes_nothing_and_says_what_to_do(clock):
    with pytest.raises(DeviceLost, match="carbonsdk baseline"):
        part_after(clock, SetFamily(), own_s=0.5, all_s=2.0, policy=ACTIVE)


def test_an_idle_power_of_a_busy_machine_is_marked(clock):
    busy = Baselines([(CPU.key, Baseline(watts=40.0, seconds=60.0, measured_at=MEASURED_AT, busy=True))])
    labelled, _ = attribution(SetFamily(), clock, ACTIVE, busy).adopt(CPU, Nothing())
    assert "idle 40 W, measured 2026-11-01, with the machine not at rest" in labelled.sensor.note


def test_another_device_s_idle_power_is_not_taken(clock):
    with pytest.raises(DeviceLost):
        part_after(clock, SetFamily(), own_s=0.5, all_s=2.0, policy=ACTIVE, baselines=idle(40.0, GPU))


def test_within_a_tenth_of_a_second_the_share_before_goes_on(clock):
    family = SetFamily()
    _, part = attribution(family, clock).adopt(CPU, Nothing())
    family.use(1.0, 4.0)
    clock.advance(1.0)
    assert part() == Part(0.25)
    family.use(0.05, 0.05)
    clock.advance(0.05)
    assert part() == Part(0.25)
    family.use(0.05, 0.15)
    clock.advance(0.05)
    assert part() == Part(0.5)  # 0.1 of 0.2 s, since the share before


def test_the_packages_of_a_machine_are_divided_alike(clock):
    family = SetFamily()
    made = attribution(family, clock)
    parts = [made.adopt(device(f"package-{i}"), Nothing())[1] for i in range(2)]
    family.use(0.5, 2.0)
    clock.advance(1.0)
    assert [part() for part in parts] == [Part(0.25), Part(0.25)]


def test_an_estimate_of_a_control_group_is_divided_by_the_group_s_time(clock):
    class Group(Nothing):
        used_s = 10.0

        def usage(self, _device):
            return self.used_s

    family, group = SetFamily(), Group()
    _, part = attribution(family, clock).adopt(CPU, group)
    family.use(0.5, 8.0)
    group.used_s += 1.0
    clock.advance(1.0)
    assert part() == Part(0.5)


def test_memory_is_divided_by_proportional_set_size(clock):
    family = SetFamily(memory=(200, 800))
    labelled, part = attribution(family, clock).adopt(MEMORY, Nothing())
    assert part() == Part(0.25)
    assert "share of proportional set size" in labelled.sensor.method


@pytest.mark.parametrize("group_bytes", [None, 50.0])
def test_memory_of_a_process_never_exceeds_its_machine_s(clock, group_bytes):
    # What the kernel calls mapped leaves out huge pages, which a process's own figure holds.
    class Group(Nothing):
        def usage(self, _device):
            return group_bytes

    _, part = attribution(SetFamily(memory=(200, 100)), clock).adopt(MEMORY, Group())
    assert part() == Part(1.0)


def test_memory_of_a_control_group_is_divided_by_what_the_group_holds(clock):
    class Group(Nothing):
        def usage(self, _device):
            return 400.0

    _, part = attribution(SetFamily(memory=(200, 8000)), clock).adopt(MEMORY, Group())
    assert part() == Part(0.5)


def test_memory_is_weighed_again_every_five_seconds(clock):
    family = SetFamily(memory=(200, 800))
    made = attribution(family, clock)
    _, part = made.adopt(MEMORY, Nothing())
    made.refresh()
    family.held = (400, 800)
    clock.advance(4.0)
    made.refresh()
    assert part() == Part(0.25)
    clock.advance(1.1)
    made.refresh()
    assert part() == Part(0.5)


def test_new_children_are_looked_for_once_a_second(clock):
    family = SetFamily()
    made = attribution(family, clock)
    for _ in range(20):
        made.refresh()
        clock.advance(0.25)
    assert family.looks == 5


def gpu_part(clock, driver, *, policy=INCLUDING_IDLE, known_to_drivers=True):
    family = SetFamily(pids=[51], known_to_drivers=known_to_drivers)
    baselines = idle(60.0, GPU)
    return attribution(family, clock, policy, baselines).adopt(GPU, driver)[1]


def test_a_gpu_is_divided_by_the_time_on_its_multiprocessors(clock):
    part = gpu_part(clock, Driver({50: 0.2, 51: 0.1, 99: 0.3}))
    assert part().share == pytest.approx(0.5)


def test_an_idle_gpu_is_shared_by_those_that_hold_it(clock):
    assert gpu_part(clock, Driver({}, holders=[50, 98, 99]))() == Part(1 / 3)
    assert gpu_part(clock, Driver({}, holders=[98, 99]))() == Part(0.0)
    assert gpu_part(clock, Driver({}))() == Part(0.0)


def test_nobody_is_active_on_an_idle_gpu(clock):
    assert gpu_part(clock, Driver({}, holders=[50]), policy=ACTIVE)() == Part(0.0, 60.0)


def test_the_driver_is_asked_once_a_second(clock):
    driver = Driver({50: 0.5})
    part = gpu_part(clock, driver)
    for _ in range(10):
        part()
        clock.advance(0.25)
    assert driver.asked == 3


def test_in_a_container_a_gpu_is_not_attributed_for_pids_there_are_others(clock):
    with pytest.raises(DeviceLost, match="container"):
        gpu_part(clock, Driver({50: 0.5}), known_to_drivers=False)()


@pytest.mark.parametrize(
    ("which", "reason"), [(GPU, "nvml does not tell"), (device("node", DeviceKind.NODE), "nothing tells which process")]
)
def test_what_nobody_can_divide_is_not_attributed(clock, which, reason):
    _, part = attribution(SetFamily(), clock).adopt(which, Nothing())
    with pytest.raises(DeviceLost, match=reason):
        part()


def test_a_system_that_tells_less_than_it_should_costs_the_device_alone(clock):
    class Mute(SetFamily):
        def memory(self):
            raise KeyError("AnonPages")

    made = attribution(Mute(), clock)
    _, part = made.adopt(MEMORY, Nothing())
    with pytest.raises(DeviceLost, match="AnonPages"):
        part()
    assert made.adopt(CPU, Nothing())[1]() == Part(1.0)


def test_an_attributed_device_says_what_it_is(clock):
    labelled, _ = attribution(SetFamily(root=1234), clock, ACTIVE, idle(40.0)).adopt(CPU, Nothing())
    assert labelled.id == "package-0/process-1234"
    assert labelled.sensor.method == "a counter, share of CPU time (active, above idle)"
    assert labelled.sensor.quality is Quality.ESTIMATED
    assert labelled.sensor.bias == SHARE_BIAS
    assert "idle 40 W, measured 2026-11-01" in labelled.sensor.note


def test_real_pynvml_tells_the_family_s_part_of_a_gpu(clock, tmp_path, fake_nvml_library):
    processes = (FakeProcess(pid=51, sm_percent=75), FakeProcess(pid=99, sm_percent=25))
    gpu = FakeGpu(uuid="GPU-1", bus_id="00000000:01:00.0", profile=Profile.constant(300), processes=processes)
    fake = FakeNvml(tmp_path / "driver", [gpu])
    with closing(fake), fake.loaded(fake_nvml_library):
        backend = NvmlBackend(NvmlSettings(), environ={})
        (board,) = backend.open()
        _, part = attribution(SetFamily(pids=[51]), clock).adopt(board, backend)
        fake.advance(2)
        assert part().share == pytest.approx(0.75)
        backend.close()


@given(
    steps=st.lists(
        st.tuples(
            st.one_of(
                st.just([0.0, 0.0, 0.0]),
                st.lists(st.floats(0.0, 8.0), min_size=3, max_size=3).filter(lambda used: sum(used) > 0.01),
            ),
            st.floats(0.0, 500.0),
        ),
        min_size=1,
        max_size=20,
    ),
    idle_watts=st.floats(0.0, 120.0),
    policy=st.sampled_from([ACTIVE, INCLUDING_IDLE]),
)
def test_the_processes_of_a_machine_add_up_to_it(steps, idle_watts, policy):
    """Σ processes = machine; under the active policy, Σ processes + what was idle = machine."""
    clock = FakeClock()
    families = [SetFamily(root, running=3) for root in (50, 60, 70)]
    parts = [attribution(each, clock, policy, idle(idle_watts)).adopt(CPU, Nothing())[1] for each in families]
    ledger = Ledger(S)
    accounts = [ledger.open_account(CPU, clock.monotonic_ns()) for _ in parts]
    start = clock.monotonic_ns()
    machine = 0.0
    for account, part in zip(accounts, parts, strict=True):
        first = Stamped(start, CounterReading(0.0))
        ledger.record(account, first)
        ledger.attribute(account, part, first)
    for account, part in zip(accounts, parts, strict=True):
        ledger.accounts[account].part = part
    resting = 0.0
    for used, joules in steps:
        for family, own_s in zip(families, used, strict=True):
            family.use(own_s, math.fsum(used))
        now_ns = clock.advance(1.0)
        machine += joules
        resting += min(joules, idle_watts) if any(used) else joules  # what nobody used is nobody's, above idle or not
        for account in accounts:
            ledger.record(account, Stamped(now_ns, CounterReading(machine)))
    charged = [ledger.accounts[account].curve._counted for account in accounts]
    assert all(0.0 <= each <= machine + 1e-6 for each in charged)
    expected = machine if policy == INCLUDING_IDLE else machine - resting
    assert ledger.machine_joules(clock.monotonic_ns()) == (pytest.approx(machine, abs=1e-6),) * 3
    assert math.fsum(charged) == pytest.approx(expected, abs=1e-6)


def test_an_epoch_of_a_process_is_its_share_of_the_machine_s(clock):
    family = SetFamily(root=7)
    backend = Simulated(clock, {device(): Profile.constant(100.0)})
    ledger, notices = Ledger(S), Notices()
    hardware = Hardware(
        Plan(
            info=info(host="here"),
            backends=(offer("rapl", backend),),
            intensity=FeedPlan(),
            edge_reads="always",
            share_policy=INCLUDING_IDLE,
        ),
        Books(ledger, clock, notices),
        family=lambda: family,
        on_chosen=lambda *_: None,
    )
    hardware.start()
    hardware.channels[0].join(5)
    start_ns = clock.monotonic_ns()
    for own_s, all_s in ((1.0, 2.0), (0.0, 1.0), (2.0, 2.0)):
        family.use(own_s, all_s)
        hardware.read_edge(clock.advance(1.0))
    (use,) = ledger.uses(Marks(start_ns, ()), ledger.marks(clock.monotonic_ns()))
    # 100 J each second: a half, nothing, all.
    assert use.joules == pytest.approx(150.0, rel=0.01)
    assert ledger.machine_joules(clock.monotonic_ns()) == (pytest.approx(300.0, rel=0.01),)
    assert ledger.accounts[0].device.key == ("here", "rapl", "package-0/process-7")
    assert hardware.stop(deadline_s=time.monotonic() + 10) == []
