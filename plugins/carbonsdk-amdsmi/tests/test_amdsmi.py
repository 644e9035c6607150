"""What carbonsdk-amdsmi measures, and what it says where it cannot."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from fake_amd import FakeAmdGpu, Status

import carbonsdk as ct
import carbonsdk_amdsmi as plugin
from carbonsdk.clock import SystemClock
from carbonsdk.host import PluginHost
from carbonsdk.plugin import (
    CounterReading,
    DeviceKind,
    DeviceLost,
    GiveUp,
    PermissionDenied,
    PowerReading,
    Quality,
    RetryLater,
    SensorAbsent,
    SensorMasked,
    SettingsError,
)
from carbonsdk.testing import Profile, build, check_backend, check_plugin, registration_of
from carbonsdk.testing.nvml import FakeGpu, FakeNvml, NoCompiler, build_library

FULL = Profile.constant(700.0)
NOTHING = Profile.constant(0.0)
MI250 = "AMD Instinct MI250X/MI250"


def gpu(number=0, profile=FULL, **options):
    options = {"address": f"0000:{0xC1 + 5 * number:02x}:00.0", "serial": 0xA000 + number, "node": number + 1} | options
    return FakeAmdGpu(profile=profile, **options)


def mi250(number, profile):
    return gpu(number, profile, name=MI250, power="average")


def only(devices):
    (device,) = devices
    return device


def ids(devices):
    return [device.id for device in devices]


def test_carbonsdk_takes_the_plugin():
    check_plugin(plugin)


def test_it_is_installed_and_nothing_of_it_is_refused():
    (info,) = [each for each in PluginHost.discover().plugins if each.distribution == "carbonsdk-amdsmi"]
    assert (info.name, info.state, info.reason) == ("amdsmi", "loaded", None)


def test_it_is_a_good_backend(drive):
    drive(gpu(0), gpu(1, power="average", counter_scale=None), clock=SystemClock())
    registration = registration_of(plugin, "backend", "amdsmi")
    check_backend(lambda: build(registration, {"check_s": 0.1}, clock=SystemClock()))


def test_an_nvidia_gpu_of_the_same_number_beside_it_is_another(drive, tmp_path):
    drive(gpu(), clock=SystemClock())
    try:
        library = build_library(tmp_path)
    except NoCompiler as error:
        pytest.skip(str(error))
    nvidia = FakeNvml(tmp_path / "driver", [FakeGpu(uuid="GPU-1", profile=Profile.constant(300.0))], real_time=True)
    backends = {"nvml": {}, "amdsmi": {"check_s": 0.1}}
    with (
        nvidia.loaded(library),
        ct.CarbonTracker(backends=backends, offline=True, zone="DE", verbose=0, state_dir=tmp_path / "state") as tracker,
    ):
        while len([each for each in tracker.report().devices if each.energy.joules]) < 2:
            tracker.await_devices()
        report = tracker.stop()
    nvidia.close()
    # 700 W and 300 W, each over the time in which it answered.
    watts = {each.device.backend: each.energy.joules / each.energy.coverage / report.duration_s for each in report.devices}
    assert watts == {"amdsmi": pytest.approx(700.0, rel=0.5), "nvml": pytest.approx(300.0, rel=0.5)}


# Counter or power


def test_a_counter_that_agrees_with_power_is_used(drive, make, clock):
    drive(gpu())
    backend = make()
    device = only(backend.open())
    before = backend.read(device).joules
    clock.advance(10.0)

    assert (device.kind, device.sensor.quality, device.sensor.note) == (DeviceKind.GPU, Quality.MEASURED, None)
    assert backend.read(device).joules - before == pytest.approx(7000.0, rel=1e-6)


def test_the_counter_is_tried_for_as_long_as_was_asked(drive, make, clock):
    drive(gpu())
    before_ns = clock.monotonic_ns()
    make(check_s=2.0).open()
    assert (clock.monotonic_ns() - before_ns) / 1e9 == pytest.approx(2.0)


@pytest.mark.parametrize("scale", [0.0, 1 / 15.3, 1e-3, 15.3, 1e6])
def test_a_counter_at_the_wrong_speed_is_replaced_by_power(drive, make, scale):
    drive(gpu(counter_scale=scale))
    backend = make()
    device = only(backend.open())
    assert (device.sensor.quality, device.sensor.method) == (Quality.INTEGRATED, "amdsmi current power")
    assert "its energy counter is not used" in device.sensor.note
    assert backend.read(device) == PowerReading(700.0)


def test_a_counter_is_kept_where_power_lags_behind_a_load_that_begins(drive, make):
    drive(gpu(profile=Profile.ramp(300.0, 700.0, 0.5), counter_scale=1.8))
    assert only(make().open()).sensor.quality is Quality.MEASURED


def test_a_counter_that_disagrees_with_power_a_little_says_so(drive, make):
    drive(gpu(counter_scale=1.8))
    device = only(make().open())
    assert device.sensor.quality is Quality.MEASURED
    assert "counted 1.8 times what its power says" in device.sensor.note


def test_without_a_counter_power_is_integrated(drive, make):
    drive(gpu(counter_scale=None, power="average"))
    backend = make()
    device = only(backend.open())
    assert (device.sensor.method, device.sensor.note) == ("amdsmi average power", "no energy counter on this board")
    assert backend.read(device) == PowerReading(700.0)


def test_a_counter_without_power_to_check_it_says_so(drive, make):
    drive(gpu(power=None))
    device = only(make().open())
    assert device.sensor.quality is Quality.MEASURED
    assert "could not be held against power" in device.sensor.note


def test_a_gpu_that_tells_nothing_is_missing_with_the_reason(drive, make):
    drive(gpu(power=None, counter_scale=None), gpu(1))
    backend = make()
    device = backend.open()[0]
    assert device.sensor.quality is Quality.MISSING
    assert "NOT_SUPPORTED" in device.sensor.note
    with pytest.raises(DeviceLost, match="NOT_SUPPORTED"):
        backend.read(device)


def test_a_gpu_that_sleeps_at_the_start_is_measured_by_its_power(drive, make, clock):
    drive(gpu(profile=Profile.steps([(0.0, 0.0), (5.0, 200.0)]), name="AMD Radeon RX 7900 XTX", counter_scale=None))
    backend = make()
    device = only(backend.open())
    clock.advance(5.0)
    assert backend.read(device) == PowerReading(200.0)


# Boards


def test_a_device_goes_by_its_uuid_and_the_kernels_pci_address(drive, make):
    driver = drive(gpu(address="0001:3b:00.0"))
    device = only(make().open())
    assert (device.id, device.aliases) == (driver.gpus[0].uuid, {"0001:3b:00.0"})


def test_two_dies_of_a_board_are_one_device_labelled_shared(drive, make, clock):
    driver = drive(mi250(0, FULL), mi250(1, NOTHING), mi250(2, FULL * 0.5), mi250(3, NOTHING))
    backend = make()
    devices = backend.open()

    assert ids(devices) == [driver.gpus[0].uuid, driver.gpus[2].uuid]
    assert devices[0].aliases == {"0000:c1:00.0", "0000:c6:00.0"}
    assert all("shared" in device.sensor.note for device in devices)
    before = sum(backend.read(device).joules for device in devices)
    clock.advance(10.0)
    assert sum(backend.read(device).joules for device in devices) - before == pytest.approx(10_500.0, rel=1e-6)


def test_a_process_on_a_second_die_has_its_board_measured(drive, make):
    driver = drive(mi250(0, FULL), mi250(1, NOTHING))
    device = only(make({"ROCR_VISIBLE_DEVICES": "1"}).open())
    assert device.id == driver.gpus[0].uuid
    assert "shared" in device.sensor.note


def test_a_second_die_without_its_first_is_missing_and_not_zero(drive, make):
    drive(mi250(0, NOTHING))
    device = only(make().open())
    assert device.sensor.quality is Quality.MISSING
    assert "its board's first" in device.sensor.note


def test_a_first_die_that_fails_does_not_lend_its_second_to_the_board_before(drive, make):
    drive(mi250(0, FULL), mi250(1, NOTHING), mi250(2, NOTHING), mi250(3, NOTHING))
    assert [device.sensor.quality for device in make().open()] == [Quality.MEASURED, Quality.MISSING, Quality.MISSING]


def test_partitions_of_a_gpu_are_one_device(drive, make):
    parts = [gpu(n, address=f"0000:c1:00.{n}", power=None, counter_scale=None) for n in range(1, 8)]
    driver = drive(gpu(0, address="0000:c1:00.0"), *parts)
    device = only(make().open())
    assert device.id == driver.gpus[0].uuid
    assert len(device.aliases) == 8


def test_equal_gpus_that_idle_are_not_taken_for_one(drive, make):
    drive(gpu(0), gpu(1, NOTHING))
    assert len(make().open()) == 2


# Which GPUs


@pytest.mark.parametrize(
    ("environ", "numbers"),
    [
        ({}, [0, 1, 2, 3]),
        ({"ROCR_VISIBLE_DEVICES": "2,0"}, [0, 2]),
        ({"ROCR_VISIBLE_DEVICES": "1,9,0"}, [1]),
        ({"ROCR_VISIBLE_DEVICES": "GPU-000000000000a003"}, [3]),
        ({"HIP_VISIBLE_DEVICES": "3"}, [3]),
        ({"CUDA_VISIBLE_DEVICES": "2"}, [2]),
        ({"HIP_VISIBLE_DEVICES": "1", "CUDA_VISIBLE_DEVICES": "2"}, [1]),
        ({"ROCR_VISIBLE_DEVICES": "2,3", "HIP_VISIBLE_DEVICES": "1"}, [3]),
    ],
)
def test_the_variables_choose_as_rocm_does(drive, make, environ, numbers):
    driver = drive(*(gpu(number) for number in range(4)))
    assert ids(make(environ).open()) == [driver.gpus[number].uuid for number in numbers]


@pytest.mark.parametrize("variable", ["ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"])
@pytest.mark.parametrize("listed", ["", "7", "GPU-1ae9c6b8"])
def test_hidden_gpus_name_the_variable_that_hides_them(drive, make, variable, listed):
    drive(gpu())
    with pytest.raises(SensorMasked, match=f"{variable}='{listed}' hides all 1 GPUs"):
        make({variable: listed}).open()


def test_numbers_count_in_the_order_of_the_runtime(drive, make):
    driver = drive(gpu(0, node=2), gpu(1, node=1))
    device = only(make({"ROCR_VISIBLE_DEVICES": "0"}).open())
    assert device.id == driver.gpus[1].uuid


def test_an_order_that_nobody_tells_is_called_a_guess(drive, make):
    drive(gpu(0, node=None), gpu(1, node=None))
    assert "a guess" in only(make({"ROCR_VISIBLE_DEVICES": "0"}).open()).sensor.note


def test_devices_are_named_by_number_uuid_or_address(drive, make):
    driver = drive(*(gpu(number) for number in range(4)))
    devices = make({"ROCR_VISIBLE_DEVICES": ""}, devices=("2", driver.gpus[3].uuid.upper(), "0000:C1:00.0")).open()
    assert ids(devices) == [driver.gpus[number].uuid for number in (0, 2, 3)]


def test_all_names_every_gpu(drive, make):
    drive(gpu(0), gpu(1))
    assert len(make({"ROCR_VISIBLE_DEVICES": "0"}, devices=("all",)).open()) == 2


def test_a_name_that_fits_nothing_is_refused_with_what_there_is(drive, make):
    drive(gpu())
    with pytest.raises(SensorAbsent, match=r"names '5', and there are 0: .* at 0000:c1:00\.0 \(AMD Instinct MI300X\)"):
        make(devices=("5",)).open()


# Errors


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.BUSY, RetryLater),
        (8, RetryLater),
        (9, RetryLater),
        (Status.NOT_FOUND, DeviceLost),
        (Status.NO_PERM, DeviceLost),
        (Status.NOT_SUPPORTED, DeviceLost),
        (Status.DRIVER_NOT_LOADED, GiveUp),
    ],
)
def test_an_error_of_a_reading_says_what_is_to_become_of_the_device(drive, make, status, expected):
    driver = drive(gpu())
    backend = make()
    device = only(backend.open())
    driver.change(0, faults=(("energy", status),))
    with pytest.raises(expected, match="AMD Instinct MI300X: "):
        backend.read(device)


def test_power_that_is_not_told_for_once_is_tried_again(drive, make):
    driver = drive(gpu(counter_scale=None))
    backend = make()
    device = only(backend.open())
    driver.change(0, power=None)
    with pytest.raises(RetryLater, match="no power now"):
        backend.read(device)


def test_where_others_shut_the_library_down_it_is_opened_again(drive, make):
    driver = drive(gpu())
    backend = make()
    device = only(backend.open())
    driver.initialised = False
    with pytest.raises(RetryLater, match="opened again"):
        backend.read(device)
    assert isinstance(backend.read(device), CounterReading)


@pytest.mark.parametrize(
    ("status", "expected", "remedy"),
    [
        (Status.NO_PERM, PermissionDenied, "/dev/kfd"),
        (Status.DRIVER_NOT_LOADED, SensorAbsent, "modprobe amdgpu"),
        (18, SensorAbsent, "INIT_ERROR"),
    ],
)
def test_a_library_that_does_not_open_names_the_remedy(drive, make, status, expected, remedy):
    drive(gpu()).faults["init"] = status
    with pytest.raises(expected, match=remedy):
        make().open()


def test_a_list_that_fails_is_said_so_and_lets_go_of_the_library(drive, make):
    driver = drive(gpu())
    driver.faults["sockets"] = Status.NOT_FOUND
    with pytest.raises(SensorAbsent, match="does not list its GPUs"):
        make().open()
    assert not driver.initialised


def test_a_machine_without_gpus_is_refused(drive, make):
    drive()
    with pytest.raises(SensorAbsent, match="shows no GPU"):
        make().open()


def test_closing_shuts_the_library_down_once(drive, make):
    driver = drive(gpu())
    backend = make()
    backend.open()
    backend.close()
    backend.close()
    assert driver.calls.count("shut_down") == 1


@pytest.mark.parametrize("check_s", [0, -1, 61])
def test_a_check_that_makes_no_sense_is_refused(check_s):
    with pytest.raises(SettingsError, match="check_s"):
        build(registration_of(plugin, "backend", "amdsmi"), {"check_s": check_s})


# What is not installed

OPEN = """
import time
from carbonsdk.clock import SystemClock
from carbonsdk.plugin import SensorAbsent
from carbonsdk_amdsmi import AmdsmiSettings
from carbonsdk_amdsmi.backend import AmdsmiBackend
try:
    AmdsmiBackend(AmdsmiSettings(), clock=SystemClock(), environ={}, wait=time.sleep).open()
except SensorAbsent as error:
    raise SystemExit(f"absent: {error}")
"""


def opened_elsewhere(**environ):
    """Open the backend in a fresh process, in which nothing was imported yet."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ROCM_")} | environ
    return subprocess.run([sys.executable, "-c", OPEN], check=False, capture_output=True, text=True, env=environ)


@pytest.mark.skipif(find_spec("amdsmi") is None, reason="needs the module amdsmi")
def test_without_the_library_nothing_is_printed_but_the_remedy_raised(tmp_path):
    ran = opened_elsewhere(ROCM_PATH=str(tmp_path))
    assert ran.stdout == ""
    assert ran.stderr.startswith("absent: libamd_smi.so is not on this machine")


def test_a_library_of_another_release_is_told(tmp_path, library):
    other = tmp_path / "lib" / "libamd_smi.so"
    other.parent.mkdir()
    (tmp_path / "empty.c").write_text("int nothing;\n")
    subprocess.run(["cc", "-shared", "-o", other, tmp_path / "empty.c"], check=True)
    ran = opened_elsewhere(ROCM_HOME=str(tmp_path))
    assert ran.stdout == ""
    assert "do not fit each other" in ran.stderr


def test_without_the_module_it_says_where_to_have_it(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'amdsmi' else find(name, *more)\n"
    )
    ran = opened_elsewhere(PYTHONPATH=str(tmp_path))
    assert ran.stderr.startswith("absent: the Python module amdsmi is not installed")
