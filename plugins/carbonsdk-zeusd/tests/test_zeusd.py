"""What carbonsdk-zeusd measures, and what it says where it cannot."""

import socket

import pytest
from fake_zeusd import FakeCpu, FakeGpu, FakeZeusd

import carbonsdk_zeusd as plugin
from carbonsdk import CarbonTracker
from carbonsdk.host import PluginHost
from carbonsdk.plugin import (
    CounterReading,
    DeviceKind,
    DeviceLost,
    PermissionDenied,
    PowerReading,
    Quality,
    RetryLater,
    SensorAbsent,
    SensorMasked,
    SettingsError,
)
from carbonsdk.testing import PowercapTree, Profile, build, check_backend, check_plugin, registration_of, server_zones

CPU = FakeCpu(package=Profile.constant(120.0), dram=Profile.constant(12.0))
GPU = FakeGpu(profile=Profile.constant(300.0))
TOKEN = "eyJhbGciOiJIUzI1NiJ9.secret"
ENERGY = "/cpu/get_cumulative_energy"


def joules_over(seconds, *, backend, clock):
    devices = backend.open()
    before = {device.id: backend.read(device).joules for device in devices}
    clock.advance(seconds)
    return {device.id: backend.read(device).joules - before[device.id] for device in devices}


def test_carbonsdk_takes_the_plugin():
    check_plugin(plugin)


def test_it_is_installed_and_nothing_of_it_is_refused():
    (info,) = [each for each in PluginHost.discover().plugins if each.distribution == "carbonsdk-zeusd"]
    assert (info.name, info.state, info.reason) == ("zeusd", "loaded", None)


def test_it_is_a_good_backend(serve, make, clock):
    serve(cpus=[CPU, CPU], gpus=[GPU])
    check_backend(make, between_reads=lambda: clock.advance(1.0))


# What is counted


def test_packages_memory_and_gpus_are_counted_each_by_itself(serve, make, clock, name_zones):
    name_zones("package-0", "package-1")
    serve(cpus=[CPU, FakeCpu(package=Profile.constant(80.0))], gpus=[GPU])
    assert joules_over(10.0, backend=make(), clock=clock) == pytest.approx(
        {"package-0": 1200.0, "dram-0": 120.0, "package-1": 800.0, "0000:01:00.0": 3000.0}
    )


def test_kinds_and_quality_are_those_of_counters(serve, make):
    serve(cpus=[CPU], gpus=[GPU])
    devices = make().open()
    assert [device.kind for device in devices] == [DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.GPU]
    assert {device.sensor.quality for device in devices} == {Quality.MEASURED}


def test_a_device_is_asked_for_alone(serve, make):
    daemon = serve(cpus=[CPU], gpus=[GPU])
    backend = make()
    devices = backend.open()
    daemon.requests.clear()
    for device in devices:
        backend.read(device)
    assert daemon.requests == [
        f"{ENERGY}?cpu_ids=0&cpu=true&dram=false",
        f"{ENERGY}?cpu_ids=0&cpu=false&dram=true",
        "/gpu/get_cumulative_energy?gpu_ids=0",
    ]


def test_the_platform_zone_is_left_out_since_it_overlaps_the_packages(serve, make, name_zones):
    name_zones("package-0", "psys")
    serve(cpus=[FakeCpu(package=Profile.constant(50.0)), FakeCpu(package=Profile.constant(90.0))])
    assert [device.id for device in make().open()] == ["package-0"]


def test_a_zone_that_nothing_names_is_taken_for_a_package_and_says_so(serve, make):
    serve(cpus=[FakeCpu(package=Profile.constant(50.0))])
    (device,) = make().open()
    assert device.id == "package-0"
    assert "nothing here says what this RAPL zone is" in device.sensor.note


def test_a_gpu_goes_by_the_address_that_nvml_knows_it_by(serve, make):
    from carbonsdk.backends.nvml.visible import pci_address

    serve(gpus=[FakeGpu(profile=Profile.constant(1.0), pci_address="0000:3B:00.0")])
    (device,) = make().open()
    assert device.aliases == {pci_address("00000000:3B:00.0")}


def test_a_gpu_without_a_counter_is_measured_by_its_power(serve, make):
    serve(gpus=[FakeGpu(profile=Profile.constant(150.0), counter=False)])
    backend = make()
    (device,) = backend.open()
    assert device.sensor.quality is Quality.INTEGRATED
    assert backend.read(device) == PowerReading(150.0)


def test_a_board_of_two_dies_is_counted_once_and_labelled_shared(serve, make):
    name = "AMD Instinct MI250X"
    serve(
        gpus=[
            FakeGpu(profile=Profile.constant(400.0), name=name, pci_address="0000:c1:00.0"),
            FakeGpu(profile=Profile.constant(0.0), name=name, pci_address="0000:c6:00.0"),
        ]
    )
    (device,) = make().open()
    assert device.id == "0000:c1:00.0"
    assert device.sensor.note.startswith("shared")


def test_the_second_die_alone_stands_for_its_board(serve, make):
    name = "AMD Instinct MI250X"
    serve(gpus=[FakeGpu(profile=Profile.constant(1.0), name=name, pci_address=f"0000:c{n}:00.0") for n in range(4)])
    assert [device.id for device in make(gpus=["3"]).open()] == ["0000:c2:00.0"]


def test_gpus_that_this_process_may_not_all_use_are_not_counted(serve, make, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    serve(cpus=[CPU], gpus=[GPU])
    assert {device.kind for device in make().open()} == {DeviceKind.CPU, DeviceKind.MEMORY}


def test_a_variable_that_limits_nothing_hides_nothing(serve, make, monkeypatch):
    monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", "all")
    serve(gpus=[GPU])
    assert len(make().open()) == 1


def test_gpus_are_named_by_index_or_address(serve, make, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    serve(gpus=[FakeGpu(profile=Profile.constant(1.0), pci_address=f"0000:0{n}:00.0") for n in range(3)])
    assert [device.id for device in make(gpus=["2", "0000:00:00.0"]).open()] == ["0000:02:00.0", "0000:00:00.0"]


def test_a_name_that_fits_no_gpu_is_refused_with_those_that_there_are(serve, make):
    serve(gpus=[GPU])
    with pytest.raises(SensorAbsent, match=r"names '7'.*0: 0000:01:00\.0 \(NVIDIA A40\)"):
        make(gpus=["7"]).open()


def test_where_only_hidden_gpus_are_offered_it_says_what_hides_them(serve, make, monkeypatch):
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "0")
    serve(gpus=[GPU])
    with pytest.raises(SensorMasked, match="ROCR_VISIBLE_DEVICES"):
        make().open()


# What the daemon does not give


def test_a_null_is_no_value_now_and_not_zero(serve, make):
    daemon = serve(cpus=[CPU])
    backend = make()
    device = backend.open()[0]
    daemon.faults[ENERGY] = (200, {"0": {"cpu_energy_uj": None, "dram_energy_uj": None}})
    with pytest.raises(RetryLater, match="no value"):
        backend.read(device)


def test_what_is_null_from_the_start_is_missing_with_the_reason(serve, make):
    serve(cpus=[FakeCpu(package=Profile.constant(1.0), null=True)], gpus=[GPU])
    backend = make()
    device = backend.open()[0]
    assert (device.sensor.quality, device.sensor.note) == (Quality.MISSING, "zeusd has no value for it")
    with pytest.raises(DeviceLost, match="no value"):
        backend.read(device)


def test_a_daemon_that_reads_nothing_is_refused(serve, make):
    serve(cpus=[FakeCpu(package=Profile.constant(1.0), null=True)])
    with pytest.raises(SensorAbsent, match="reads nothing: zeusd has no value"):
        make().open()


def test_groups_that_are_not_enabled_are_not_asked_for(serve, make):
    daemon = serve(cpus=[CPU], gpus=[GPU], groups=("gpu-read",))
    assert [device.kind for device in make().open()] == [DeviceKind.GPU]
    assert not [each for each in daemon.requests if each.startswith("/cpu")]


def test_a_daemon_that_may_be_asked_nothing_says_how_to_start_it(serve, make):
    serve(cpus=[CPU], groups=("gpu-control",))
    with pytest.raises(PermissionDenied, match="--enable cpu-read,gpu-read"):
        make().open()


def test_a_machine_without_devices_is_refused(serve, make):
    serve()
    with pytest.raises(SensorAbsent, match="neither a RAPL zone nor a GPU"):
        make().open()


# Tokens


def test_a_daemon_that_wants_a_token_says_how_to_get_one(serve, make):
    serve(cpus=[CPU], tokens={TOKEN: ["cpu-read"]})
    with pytest.raises(PermissionDenied, match="set ZEUSD_TOKEN"):
        make().open()


def test_the_token_opens_what_it_is_for(serve, make, monkeypatch):
    monkeypatch.setenv("ZEUSD_TOKEN", TOKEN)
    serve(cpus=[CPU], gpus=[GPU], tokens={TOKEN: ["cpu-read"]})
    assert {device.kind for device in make().open()} == {DeviceKind.CPU, DeviceKind.MEMORY}


def test_a_token_of_the_settings_goes_before_the_variable(serve, make, monkeypatch):
    monkeypatch.setenv("ZEUSD_TOKEN", "another")
    serve(cpus=[CPU], tokens={TOKEN: ["cpu-read"]})
    assert make(token=TOKEN).open()


def test_a_refused_token_is_not_repeated(serve, make):
    serve(cpus=[CPU], tokens={"the right one": []})
    with pytest.raises(PermissionDenied, match="refuses the token") as caught:
        make(token=TOKEN).open()
    assert TOKEN not in str(caught.value)
    assert "Invalid token: …" in str(caught.value)


def test_a_token_that_expires_loses_the_devices(serve, make):
    daemon = serve(cpus=[CPU], tokens={TOKEN: ["cpu-read"]})
    backend = make(token=TOKEN)
    device = backend.open()[0]
    daemon.tokens = {}
    with pytest.raises(DeviceLost, match="401"):
        backend.read(device)


# The socket


def test_without_a_daemon_it_says_how_to_have_one(make):
    with pytest.raises(SensorAbsent, match=r"no socket of zeusd at .*start it"):
        make().open()


def test_the_variable_of_the_daemons_clients_names_the_socket(serve, clock, monkeypatch):
    daemon = serve(cpus=[CPU])
    monkeypatch.setenv("ZEUSD_SOCK_PATH", str(daemon.path))
    assert build(registration_of(plugin, "backend", "zeusd"), clock=clock).open()


def test_a_socket_that_nobody_listens_at_is_told_apart(make, folder):
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(folder / "zeusd.sock"))
    left.close()
    with pytest.raises(SensorAbsent, match="no zeusd listens"):
        make().open()


def test_a_socket_that_this_user_may_not_use_names_the_remedy(serve, make, unprivileged):
    serve(cpus=[CPU]).path.chmod(0o600)
    with unprivileged(), pytest.raises(PermissionDenied, match="--socket-permissions 666"):
        make().open()


@pytest.mark.parametrize("fault", ["hang", "trickle"])
def test_a_daemon_that_does_not_answer_is_given_up_after_the_deadline(serve, make, fault):
    serve(cpus=[CPU]).faults["/discover"] = fault
    with pytest.raises(SensorAbsent, match=r"no whole answer within 0\.2 s"):
        make(deadline_s=0.2).open()


@pytest.mark.parametrize("fault", ["hang", "trickle", "hang up", (500, {"error": "driver"}), (200, b"<html>"), (200, [])])
def test_a_reading_that_fails_is_tried_again(serve, make, fault):
    daemon = serve(cpus=[CPU])
    backend = make(deadline_s=0.2)
    device = backend.open()[0]
    daemon.faults[ENERGY] = fault
    with pytest.raises(RetryLater):
        backend.read(device)
    daemon.faults.clear()
    assert backend.read(device) == CounterReading(5.0)


@pytest.mark.parametrize("value", [-1, True, "7", 1e300, float("nan")])
def test_a_value_that_is_no_amount_is_not_taken_for_one(serve, make, value):
    daemon = serve(cpus=[CPU])
    backend = make()
    device = backend.open()[0]
    daemon.faults[ENERGY] = (200, {"0": {"cpu_energy_uj": value}})
    with pytest.raises(RetryLater, match="no amount"):
        backend.read(device)


def test_an_endless_answer_is_cut_off(serve, make):
    serve(cpus=[CPU]).faults["/discover"] = (200, b" " * (2 << 20))
    with pytest.raises(SensorAbsent, match="more than 1048576 bytes"):
        make().open()


@pytest.mark.parametrize("answer", [{}, {"gpu_ids": [0]}, [], "zeusd", b"<html>"])
def test_what_is_no_zeusd_is_not_taken_for_one(serve, make, answer):
    serve(cpus=[CPU]).faults["/discover"] = (200, answer)
    with pytest.raises(SensorAbsent, match="no zeusd that this version knows"):
        make().open()


def test_a_daemon_that_ends_loses_the_devices_until_it_is_back(make, folder, clock):
    backend = make()
    with FakeZeusd(folder / "zeusd.sock", clock, cpus=[CPU]):
        device = backend.open()[0]
    with pytest.raises(DeviceLost):
        backend.read(device)
    with FakeZeusd(folder / "zeusd.sock", clock, cpus=[CPU]):
        assert backend.read(device) == CounterReading(5.0)


@pytest.mark.parametrize("deadline_s", [0, -1, 61])
def test_a_deadline_that_makes_no_sense_is_refused(make, deadline_s):
    with pytest.raises(SettingsError, match="deadline_s"):
        make(deadline_s=deadline_s)


# With the rest of carbonsdk


def chosen(folder, state_dir):
    """Return the backend that each kind of device is measured by."""
    options = {
        "zeusd": {"socket_path": folder / "zeusd.sock", "sys": folder / "sys"},
        "rapl": {"root": folder / "sys", "interface": "powercap"},
    }
    with CarbonTracker(
        verbose=0,
        offline=True,
        intensity=100.0,
        state_dir=state_dir,
        disable_plugins=("nvml",),
        options={"backends": options},
    ) as tracker:
        tracker.await_devices(5.0)
        with tracker.epoch() as epoch:
            pass
    return {each.device.kind: each.device.backend for each in epoch.report.devices}


def test_where_rapl_is_denied_the_daemon_answers(serve, folder, clock, unprivileged, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))  # root's own is closed to others
    tree = PowercapTree(folder / "sys", clock, zones=server_zones(Profile.constant(120.0)))
    for zone in ("intel-rapl:0", "intel-rapl-mmio:0"):
        tree.deny(zone)
    serve(cpus=[CPU, CPU])
    runs = folder / "runs"
    runs.mkdir()
    runs.chmod(0o777)
    chosen(folder, tmp_path)  # imports what an ordinary user may not read where Python is root's own
    with unprivileged():
        assert chosen(folder, runs)["cpu"] == "zeusd"


def test_where_rapl_may_be_read_it_is(serve, folder, clock, tmp_path):
    PowercapTree(folder / "sys", clock, zones=server_zones(Profile.constant(120.0)))
    serve(cpus=[CPU, CPU])
    assert chosen(folder, tmp_path)["cpu"] == "rapl"


def test_without_either_the_estimate_takes_over(folder, tmp_path):
    assert chosen(folder, tmp_path)["cpu"] == "cpu_load"
