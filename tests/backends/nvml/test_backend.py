import threading

import pytest

from carbonsdk.backends.nvml.driver import load_pynvml
from carbonsdk.errors import DeviceLost, GiveUp, PermissionDenied, RetryLater, SensorAbsent, SensorMasked
from carbonsdk.interfaces import Backend, SupportsProcesses
from carbonsdk.model import CounterReading, DeviceKind, PowerReading, Quality
from carbonsdk.testing.checks import check_backend
from carbonsdk.testing.nvml import Architecture, FakeGpu, FakeProcess, Fault, NvmlCode
from carbonsdk.testing.profile import Profile

COUNTER = "nvmlDeviceGetTotalEnergyConsumption"
POWER = "nvmlDeviceGetPowerUsage"


def gpu(number=0, **fields):
    fields.setdefault("profile", Profile.constant(300))
    return FakeGpu(uuid=f"GPU-{number:08d}", bus_id=f"00000000:{number + 1:02X}:00.0", **fields)


def powerless(number=0, **fields):
    return gpu(number, counter=False, power_usage=None, average=False, instant=False, **fields)


def test_it_is_a_backend_that_knows_processes(backend):
    assert isinstance(backend(), Backend)
    assert isinstance(backend(), SupportsProcesses)


def test_it_does_what_every_backend_must(driver, backend):
    fake = driver(gpu(), gpu(1, counter=False))
    check_backend(backend, between_reads=lambda: fake.advance(1))


def test_the_energy_counter_is_preferred_and_read_in_joules(driver, backend):
    fake = driver(gpu(counter_step_s=0.1, counter_offset_joules=1000.0))
    nvml = backend()
    [device] = nvml.open()
    assert (device.id, device.kind, device.name) == ("GPU-00000000", DeviceKind.GPU, "NVIDIA H100 80GB HBM3")
    assert device.aliases == {"0000:01:00.0"}
    assert (device.sensor.method, device.sensor.quality) == ("nvml energy counter", Quality.MEASURED)
    assert (device.sensor.bias, device.sensor.refresh_s) == (0.05, 0.1)
    fake.advance(10.07)  # the counter last moved at 10.0 s: 1000 J + 10 s x 300 W
    assert nvml.read(device) == CounterReading(4000.0)


def test_no_board_draws_twice_its_highest_limit(driver, backend):
    driver(gpu(limit_watts=700.0), gpu(1, limit_watts=None))
    limited, unlimited = backend().open()
    assert limited.sensor.max_watts == 1400.0
    assert unlimited.sensor.max_watts is None


@pytest.mark.parametrize(("name", "bias"), [("NVIDIA A100-SXM4-80GB", 0.055), ("NVIDIA GeForce RTX 2080 Ti", 0.062)])
def test_the_bias_is_the_published_one_of_the_model(driver, backend, name, bias):
    driver(gpu(name=name))
    [device] = backend().open()
    assert device.sensor.bias == bias


RAMP = Profile.ramp(0, 400, 4)  # 100 W a second


@pytest.mark.parametrize(
    ("fields", "reading", "method"),
    [
        # At 3 s the ramp stands at 300 W, and was 250 W in the mean of the second before.
        ({"architecture": Architecture.HOPPER}, PowerReading(250.0, 1.0), "nvml average power"),
        ({"architecture": Architecture.HOPPER, "average": False}, PowerReading(250.0, 1.0), "nvml average power"),
        ({"average": False, "power_usage": None}, PowerReading(300.0, 0.0), "nvml instant power"),
        (
            {"architecture": Architecture.AMPERE, "name": "NVIDIA A100-PCIE-40GB", "power_usage": "instant"},
            PowerReading(300.0, 0.0),
            "nvml instant power",
        ),
        (
            {"architecture": Architecture.TURING, "average": False, "instant": False, "power_usage": "instant"},
            PowerReading(300.0, 0.0),
            "nvml instant power",
        ),
    ],
    ids=["averaging", "averaging without field 185", "instant alone", "GA100", "before Ampere"],
)
def test_without_a_counter_power_is_read_as_the_models_sensor_works(driver, backend, fields, reading, method):
    fake = driver(gpu(profile=RAMP, counter=False, **fields))
    nvml = backend()
    [device] = nvml.open()
    fake.advance(3)
    assert nvml.read(device) == reading
    assert (device.sensor.method, device.sensor.quality) == (method, Quality.INTEGRATED)
    assert "no energy counter" in device.sensor.note


@pytest.mark.parametrize(("name", "unseen"), [("NVIDIA H100 PCIe", True), ("NVIDIA L40S", False)])
def test_a_sensor_that_watches_part_of_the_time_says_so(driver, backend, name, unseen):
    driver(gpu(name=name, counter=False))
    [device] = backend().open()
    assert ("a quarter of the time" in device.sensor.note) is unseen


def test_a_user_may_choose_the_instant(driver, backend):
    fake = driver(gpu(profile=RAMP, counter=False))
    nvml = backend(power="instant")
    [device] = nvml.open()
    fake.advance(3)
    assert nvml.read(device) == PowerReading(300.0, 0.0)


def test_a_board_without_any_sensor_stays_listed_as_missing_with_the_reason(driver, backend):
    driver(powerless())
    nvml = backend()
    [device] = nvml.open()
    assert device.sensor.quality is Quality.MISSING
    assert "Not Supported (NVML error 3)" in device.sensor.note
    with pytest.raises(DeviceLost, match="Not Supported"):
        nvml.read(device)


def test_not_supported_on_one_of_eight_costs_that_one(driver, backend):
    fake = driver(*(powerless(n) if n == 5 else gpu(n) for n in range(8)))
    nvml = backend()
    devices = nvml.open()
    fake.advance(1)
    assert [device.sensor.quality is Quality.MISSING for device in devices] == [n == 5 for n in range(8)]
    assert {nvml.read(device) for device in devices if device.id != "GPU-00000005"} == {CounterReading(300.0)}


def test_a_board_lost_before_the_start_is_missing_and_the_rest_goes_on(driver, backend):
    lost = Fault(call="nvmlDeviceGetHandleByIndex", code=NvmlCode.GPU_IS_LOST)
    driver(gpu(0), gpu(1, faults=(lost,)), gpu(2))
    devices = backend().open()
    assert [device.id for device in devices] == ["GPU-00000000", "index-1", "GPU-00000002"]
    assert "GPU is lost" in devices[1].sensor.note


def test_a_passing_error_at_the_first_call_does_not_cost_the_counter(driver, backend):
    driver(gpu(faults=(Fault(call=COUNTER, code=NvmlCode.UNKNOWN, times=1),)))
    [device] = backend().open()
    assert device.sensor.quality is Quality.MEASURED


@pytest.mark.parametrize("name", [b"NVIDIA \xff\xfe GPU", "NVIDIA \N{WATCH} GPU".encode()])
def test_a_name_is_decoded_whatever_its_bytes(driver, backend, name):
    driver(gpu(name=name))
    [device] = backend().open()
    assert device.name.startswith("NVIDIA ")
    assert device.name.endswith(" GPU")
    assert device.name.isprintable()


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (NvmlCode.GPU_IS_LOST, DeviceLost),
        (NvmlCode.RESET_REQUIRED, DeviceLost),
        (NvmlCode.NOT_SUPPORTED, DeviceLost),
        (NvmlCode.NO_PERMISSION, DeviceLost),
        (NvmlCode.UNKNOWN, RetryLater),
        (NvmlCode.TIMEOUT, RetryLater),
        (NvmlCode.DRIVER_NOT_LOADED, GiveUp),
    ],
)
def test_an_error_in_mid_run_says_what_is_to_come(driver, backend, code, failure):
    fake = driver(gpu(faults=(Fault(call=COUNTER, start_s=5, end_s=6, code=code),)), gpu(1))
    nvml = backend()
    first, second = nvml.open()
    fake.advance(5)
    with pytest.raises(failure, match=f"NVML error {int(code)}"):
        nvml.read(first)
    assert nvml.read(second) == CounterReading(1500.0)


def test_a_lost_board_comes_back_when_it_answers(driver, backend):
    fake = driver(gpu(faults=(Fault(call="*", start_s=5, end_s=8, code=NvmlCode.GPU_IS_LOST),)))
    nvml = backend()
    [device] = nvml.open()
    fake.advance(5)
    for _ in range(2):
        with pytest.raises(DeviceLost):
            nvml.read(device)
    fake.advance(3)
    assert nvml.read(device) == CounterReading(2400.0)


def test_a_counter_that_steps_back_is_read_as_it_is(driver, backend):
    fake = driver(gpu(counter_resets_s=(5.0,)))
    nvml = backend()
    [device] = nvml.open()
    fake.advance(4)
    assert nvml.read(device) == CounterReading(1200.0)
    fake.advance(2)
    assert nvml.read(device) == CounterReading(300.0)


def test_an_absurd_value_is_left_to_the_engine(driver, backend):
    driver(gpu(counter=False, faults=(Fault(call="field:185", value=2_572_969_000),)))
    nvml = backend()
    [device] = nvml.open()
    reading = nvml.read(device)
    assert reading == PowerReading(2_572_969.0, 1.0)
    assert reading.watts > device.sensor.max_watts


def test_a_call_that_hangs_holds_up_no_other_board(driver, backend):
    fake = driver(gpu(faults=(Fault(call=COUNTER, start_s=1, hang_s=1.0),)), gpu(1))
    nvml = backend()
    first, second = nvml.open()
    fake.advance(1)
    readings = []
    thread = threading.Thread(target=lambda: readings.append(nvml.read(first)), daemon=True)
    thread.start()
    assert nvml.read(second) == CounterReading(300.0)
    assert thread.is_alive()
    thread.join(10)
    assert readings == [CounterReading(300.0)]


def test_init_and_shutdown_pair(driver, backend):
    fake = driver(gpu())
    nvml = backend()
    nvml.close()
    nvml.open()
    nvml.open()
    nvml.close()
    nvml.close()
    assert (fake.inits, fake.shutdowns) == (2, 2)


def test_two_backends_share_the_library(driver, backend):
    fake = driver(gpu())
    one, other = backend(), backend()
    [device] = one.open()
    other.open()
    other.close()
    fake.advance(1)
    assert one.read(device) == CounterReading(300.0)


def test_a_shutdown_by_other_code_costs_one_reading(driver, backend):
    fake = driver(gpu())
    nvml = backend()
    [device] = nvml.open()
    load_pynvml().nvmlShutdown()
    with pytest.raises(RetryLater, match="other code"):
        nvml.read(device)
    fake.advance(2)
    assert nvml.read(device) == CounterReading(600.0)
    nvml.close()
    assert (fake.inits, fake.shutdowns) == (2, 2)


@pytest.mark.parametrize(
    ("code", "error", "advice"),
    [
        (NvmlCode.DRIVER_NOT_LOADED, SensorAbsent, "modprobe nvidia"),
        (NvmlCode.LIB_RM_VERSION_MISMATCH, SensorAbsent, "reboot"),
        (NvmlCode.NO_PERMISSION, PermissionDenied, "/dev/nvidia"),
        (NvmlCode.UNKNOWN, SensorAbsent, "nvidia-smi"),
    ],
)
def test_a_driver_that_does_not_start_says_what_to_do(driver, backend, code, error, advice):
    fake = driver(gpu(), init_code=code)
    with pytest.raises(error, match=advice):
        backend().open()
    assert (fake.inits, fake.shutdowns) == (0, 0)


def test_a_driver_without_gpus_is_absent_and_shut_again(driver, backend):
    fake = driver()
    with pytest.raises(SensorAbsent, match="sees no GPU"):
        backend().open()
    assert (fake.inits, fake.shutdowns) == (1, 1)


def test_boards_that_the_cgroup_withholds_are_not_counted(driver, backend):
    withheld = (Fault(call="nvmlDeviceGetHandleByIndex", code=NvmlCode.NO_PERMISSION),)
    driver(gpu(0, faults=withheld), gpu(1), gpu(2))
    assert [device.id for device in backend({"CUDA_VISIBLE_DEVICES": "0"}).open()] == ["GPU-00000001"]


def test_a_process_without_any_device_is_told_so(driver, backend):
    driver(gpu(faults=(Fault(call="nvmlDeviceGetHandleByIndex", code=NvmlCode.NO_PERMISSION),)))
    with pytest.raises(PermissionDenied, match="none of the machine's 1 NVIDIA GPUs"):
        backend().open()


def test_what_cuda_shows_is_measured(driver, backend):
    driver(*(gpu(n) for n in range(4)))
    devices = backend({"CUDA_VISIBLE_DEVICES": "3,1"}).open()
    assert [device.id for device in devices] == ["GPU-00000003", "GPU-00000001"]


def test_numbers_of_different_boards_are_labelled_a_guess(driver, backend):
    driver(gpu(0, name="GT 1030", cores=384, clock_mhz=1468), gpu(1, name="RTX 4090", cores=16384, clock_mhz=2520))
    [device] = backend({"CUDA_VISIBLE_DEVICES": "0"}).open()
    assert device.name == "RTX 4090"
    assert "guess" in device.sensor.note


def test_hidden_boards_say_what_hides_them(driver, backend):
    driver(gpu(), gpu(1))
    with pytest.raises(SensorMasked, match="CUDA_VISIBLE_DEVICES='' hides all 2 GPUs"):
        backend({"CUDA_VISIBLE_DEVICES": ""}).open()


def test_named_devices_go_before_what_cuda_shows(driver, backend):
    driver(gpu(), gpu(1))
    devices = backend({"CUDA_VISIBLE_DEVICES": ""}, devices=("GPU-00000001",)).open()
    assert [device.id for device in devices] == ["GPU-00000001"]


def test_a_named_device_that_is_not_there_is_refused_with_those_that_are(driver, backend):
    driver(gpu())
    with pytest.raises(SensorAbsent, match=r"'GPU-7'.*0: GPU-00000000 \(NVIDIA H100"):
        backend(devices=("GPU-7",)).open()


def test_mig_instances_are_measured_by_their_board_and_labelled_shared(driver, backend):
    fake = driver(gpu(mig=("MIG-a", "MIG-b")), gpu(1, mig=()))
    nvml = backend({"CUDA_VISIBLE_DEVICES": "MIG-b,MIG-a"})
    [device] = nvml.open()
    assert device.id == "GPU-00000000"
    assert "shared" in device.sensor.note
    fake.advance(1)
    assert nvml.read(device) == CounterReading(300.0)


def test_a_grace_hopper_counts_its_module_and_contains_its_cpu(driver, backend):
    module = Profile.constant(650)
    fake = driver(gpu(name="NVIDIA GH200 480GB", module=module, limit_watts=900.0, module_limit_watts=1000.0))
    nvml = backend()
    [device] = nvml.open()
    assert device.sensor.contains == {DeviceKind.CPU, DeviceKind.MEMORY}
    assert device.sensor.max_watts == 2000.0
    fake.advance(2)
    assert nvml.read(device) == CounterReading(1300.0)
    assert nvml.power_reading(device) == PowerReading(650.0, 1.0)


def test_a_plain_hopper_contains_nothing_else(driver, backend):
    driver(gpu())
    [device] = backend().open()
    assert device.sensor.contains == frozenset()


def test_power_is_there_to_hold_a_counter_against(driver, backend):
    fake = driver(gpu(counter_scale=0.6), gpu(1, average=False, instant=False, power_usage=None))
    nvml = backend()
    disagreeing, silent = nvml.open()
    fake.advance(10)
    assert nvml.read(disagreeing) == CounterReading(1800.0)
    assert nvml.power_reading(disagreeing) == PowerReading(300.0, 1.0)
    assert nvml.power_reading(silent) is None


def test_processes_that_compute_or_draw_are_listed(driver, backend):
    driver(gpu(processes=(FakeProcess(pid=11), FakeProcess(pid=12, graphics=True))), gpu(1))
    nvml = backend()
    busy, idle = nvml.open()
    assert nvml.process_ids(busy) == {11, 12}
    assert nvml.process_ids(idle) == frozenset()


def test_processes_that_the_driver_does_not_list_are_no_empty_list(driver, backend):
    unsupported = tuple(
        Fault(call=f"nvmlDeviceGet{kind}RunningProcesses", code=NvmlCode.NOT_SUPPORTED) for kind in ("Compute", "Graphics")
    )
    driver(gpu(faults=unsupported))
    nvml = backend()
    [device] = nvml.open()
    with pytest.raises(RetryLater, match="does not list"):
        nvml.process_ids(device)


def test_shares_of_processes_are_of_the_time_since_the_last_call(driver, backend):
    fake = driver(gpu(processes=(FakeProcess(pid=11, sm_percent=75), FakeProcess(pid=12, sm_percent=25))))
    nvml = backend()
    [device] = nvml.open()
    fake.advance(1)
    assert nvml.process_shares(device) == {11: 0.75, 12: 0.25}
    assert nvml.process_shares(device) == {}
    fake.advance(1)
    assert nvml.process_shares(device) == {11: 0.75, 12: 0.25}


def test_a_closed_backend_has_no_devices(driver, backend):
    driver(gpu())
    nvml = backend()
    [device] = nvml.open()
    nvml.close()
    with pytest.raises(DeviceLost, match="not open"):
        nvml.read(device)
