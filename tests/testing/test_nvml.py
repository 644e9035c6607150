"""The fake driver's arithmetic is held against the profile's own, through the real pynvml."""

import pynvml
import pytest

from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.nvml import FakeGpu, FakeNvml, Fault, NoCompiler, NvmlCode, build_library
from carbonsdk.testing.profile import Profile

PROFILES = {
    "constant": Profile.constant(123.456),
    "square": Profile.square(50, 400, 0.2, duty=0.3),
    "ramp": Profile.ramp(20, 350, 7.5),
    "trace": Profile.trace([(0.5, 10), (1.25, 90), (1.25, 40), (2, 0)], repeat=True),
    "sum": Profile.square(0, 100, 0.7) + Profile.ramp(10, 20, 3) * 2,
}


@pytest.fixture
def driver(tmp_path, fake_nvml_library):
    made = []

    def make(*gpus, **options):
        fake = FakeNvml(tmp_path, gpus, **options)
        made.append(fake)
        return fake

    yield make
    for fake in made:
        fake.close()


@pytest.fixture
def opened(driver, fake_nvml_library):
    """Return a function that starts a driver with one GPU, and gives it and its handle."""
    contexts = []

    def start(**fields):
        fields.setdefault("profile", Profile.constant(100))
        fake = driver(FakeGpu(uuid="GPU-0", **fields))
        contexts.append(fake.loaded(fake_nvml_library))
        contexts[-1].__enter__()
        pynvml.nvmlInit()
        return fake, pynvml.nvmlDeviceGetHandleByIndex(0)

    yield start
    for context in contexts:
        pynvml.nvmlShutdown()
        context.__exit__(None, None, None)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_counter_and_power_follow_the_profile(opened, profile):
    fake, handle = opened(profile=profile, counter_step_s=0.0)
    for step_s in (0.017, 0.483, 0.75, 1.0, 3.21, 1000.0):
        fake.advance(step_s)
        now_s = fake.now_s
        [instant, average] = pynvml.nvmlDeviceGetFieldValues(handle, [186, 185])
        mean_watts = (profile.joules(now_s) - profile.joules(max(now_s - 1, 0))) / min(now_s, 1)
        assert pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) == pytest.approx(profile.joules(now_s) * 1000, abs=1)
        assert instant.value.uiVal == pytest.approx(profile.watts(now_s) * 1000, abs=1)
        assert average.value.uiVal == pytest.approx(mean_watts * 1000, abs=1)


def test_the_counter_moves_in_steps(opened):
    fake, handle = opened(counter_step_s=0.1)
    fake.advance(0.399)
    assert pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) == 30_000
    fake.advance(0.001)
    assert pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) == 40_000


def test_a_part_time_sensor_sees_the_end_of_each_step(opened):
    # 400 W in the first 50 ms of every 100 ms: a window of 25 ms at the end of the period never sees it.
    fake, handle = opened(profile=Profile.square(40, 400, 0.1), power_step_s=0.1, power_window_s=0.025)
    fake.advance(5.05)
    [instant] = pynvml.nvmlDeviceGetFieldValues(handle, [186])
    assert instant.value.uiVal == 40_000


def test_it_follows_a_fake_clock(opened):
    fake, handle = opened(counter_step_s=0.0)
    clock = FakeClock()
    fake.advance(1)
    fake.follow(clock)
    clock.advance(2.5)
    assert pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) == 350_000


def test_a_change_reaches_a_running_driver(opened):
    fake, handle = opened()
    fake.change(0, faults=(Fault(call="nvmlDeviceGetPowerUsage", code=NvmlCode.GPU_IS_LOST),))
    with pytest.raises(pynvml.NVMLError_GpuIsLost):
        pynvml.nvmlDeviceGetPowerUsage(handle)


def test_a_fault_with_a_value_answers_it(opened):
    _, handle = opened(faults=(Fault(call="nvmlDeviceGetPowerUsage", value=4_294_967_295),))
    assert pynvml.nvmlDeviceGetPowerUsage(handle) == 4_294_967_295


def test_real_time_runs_by_itself(driver):
    fake = driver(FakeGpu(uuid="GPU-0", profile=Profile.constant(100)), real_time=True)
    before_s = fake.now_s
    assert 0 <= before_s <= fake.now_s


def test_pynvml_forgets_the_driver_after_the_block(opened, driver, fake_nvml_library):
    fake = driver(FakeGpu(uuid="GPU-0", profile=Profile.constant(100)))
    with fake.loaded(fake_nvml_library):
        pynvml.nvmlInit()
        pynvml.nvmlShutdown()
    assert pynvml.nvmlLib is None


def test_a_machine_without_a_compiler_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoCompiler, match="install one"):
        build_library(tmp_path)
