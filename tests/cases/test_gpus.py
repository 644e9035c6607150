"""NVML in a whole run: the real pynvml calls a C library, and the report tells what the boards drew."""

import threading
import time
from contextlib import ExitStack

import pytest
from support.simulated import Simulated, device, offer

from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.backend import NvmlBackend
from carbonsdk.model import Quality
from carbonsdk.testing.nvml import FakeGpu, FakeNvml, Fault, NvmlCode
from carbonsdk.testing.profile import Profile

COUNTER = "nvmlDeviceGetTotalEnergyConsumption"


def gpu(number=0, **fields):
    fields = {"profile": Profile.constant(300.0), "counter_step_s": 0.0, **fields}
    return FakeGpu(uuid=f"GPU-{number:08d}", bus_id=f"00000000:{number + 1:02X}:00.0", **fields)


@pytest.fixture
def machine(tmp_path, sessions, fake_nvml_library):
    """Start a driver of the given boards and a session that reads them; return (driver, session).

    Inline, so that each tick of the clock finds its reading; in life a driver is called in a thread of its own.
    """
    with ExitStack() as stack:

        def machine(*gpus, beside=(), inline=True):
            fake = FakeNvml(tmp_path / "driver", gpus).follow(sessions.clock)
            stack.callback(fake.close)
            stack.enter_context(fake.loaded(fake_nvml_library))
            backend = NvmlBackend(NvmlSettings(), environ={})
            return fake, sessions.make(offer("nvml", backend, inline=inline), *beside)

        yield machine
        sessions.end()
        for thread in threading.enumerate():
            if thread.name == "carbonsdk-nvml":  # the library is one for all tests of this process
                thread.join(10)


def run_epoch(sessions, session, seconds):
    with session.epoch("", None) as epoch:
        for _ in range(seconds):
            sessions.tick(session)
    return epoch.report


def test_without_a_counter_power_is_integrated_and_says_so(sessions, machine):
    _, session = machine(gpu(counter=False))
    report = run_epoch(sessions, session, 10)
    assert report.energy.joules == pytest.approx(3_000, rel=0.01)
    assert report.energy.quality is Quality.INTEGRATED


def test_without_counter_and_power_the_energy_is_none_with_the_reason(sessions, machine):
    _, session = machine(gpu(counter=False, power_usage=None, average=False, instant=False))
    report = run_epoch(sessions, session, 10)
    assert report.energy.joules is None
    (choice,) = session.stop().selection
    assert "Not Supported" in choice.reason


def test_one_of_eight_that_answers_nothing_costs_itself_alone(sessions, machine):
    mute = {"counter": False, "power_usage": None, "average": False, "instant": False}
    _, session = machine(*(gpu(n, **mute) if n == 5 else gpu(n) for n in range(8)))
    report = run_epoch(sessions, session, 10)
    joules = {each.device.id: each.energy.joules for each in report.devices}
    assert joules.pop("GPU-00000005") is None
    assert list(joules.values()) == [pytest.approx(3_000)] * 7
    assert report.energy.partial


def test_a_board_lost_in_mid_run_keeps_its_energy_and_the_rest_goes_on(sessions, machine):
    lost = Fault(call="*", start_s=10.5, code=NvmlCode.GPU_IS_LOST)
    _, session = machine(gpu(0, faults=(lost,)), gpu(1))
    first, second = run_epoch(sessions, session, 10), run_epoch(sessions, session, 10)
    assert first.energy.joules == pytest.approx(6_000)
    by_device = {each.device.id: each.energy for each in second.devices}
    assert by_device["GPU-00000001"].joules == pytest.approx(3_000)
    assert second.energy.partial
    of_run = {each.device.id: each.energy.joules for each in session.stop().devices}
    assert of_run == {"GPU-00000000": pytest.approx(3_000), "GPU-00000001": pytest.approx(6_000)}


def test_a_call_that_hangs_holds_up_neither_an_edge_nor_another_device(sessions, machine):
    cpu = Simulated(sessions.clock, {device("package-0"): Profile.constant(100.0)})
    fake, session = machine(gpu(), beside=(offer("rapl", cpu),), inline=False)
    fake.change(0, faults=(Fault(call=COUNTER, hang_s=1.5),))
    before = time.monotonic()
    report = run_epoch(sessions, session, 10)
    # Two edges of 50 ms each at most; the call itself takes 1.5 s.
    assert time.monotonic() - before < 1.0
    by_device = {each.device.id: each.energy.joules for each in report.devices}
    assert by_device["package-0"] == pytest.approx(1_000)
    fake.change(0, faults=())


def test_a_counter_and_a_power_sensor_that_disagree_are_told(sessions, machine):
    _, session = machine(gpu(counter_scale=0.6, power_step_s=0.1, power_window_s=1.0))
    run_epoch(sessions, session, 90)
    (told,) = [text for text in session.stop().warnings if "apart" in text]
    assert "its energy counter says 5400 J where its power sensor says 9000 J" in told


def test_one_absurd_reading_poisons_nothing(sessions, machine):
    # 12,572,969 W was once seen.
    absurd = Fault(call="field:185", start_s=5.5, end_s=6.5, value=12_572_969_000)
    _, session = machine(gpu(counter=False, faults=(absurd,)))
    first, second = run_epoch(sessions, session, 10), run_epoch(sessions, session, 10)
    assert 2_400 <= first.energy.joules <= 3_001
    assert second.energy.joules == pytest.approx(3_000, rel=0.01)
    assert session.stop().energy.joules < 6_001


def test_no_thread_and_no_open_library_is_left(sessions, machine):
    before = set(threading.enumerate())
    fake, session = machine(gpu())
    run_epoch(sessions, session, 2)
    session.stop()
    assert set(threading.enumerate()) <= before
    assert (fake.inits, fake.shutdowns) == (1, 1)
