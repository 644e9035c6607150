"""What carbonsdk-apple measures, and what it says where it cannot."""

import os
import time

import psutil
import pytest

import carbonsdk_apple as plugin
from carbonsdk import CarbonTracker
from carbonsdk.host import PluginHost
from carbonsdk.plugin import (
    CounterReading,
    DeviceKind,
    DeviceLost,
    DevicesChosen,
    PermissionDenied,
    Quality,
    RetryLater,
    SensorAbsent,
    SettingsError,
)
from carbonsdk.sinks.memory import recorded
from carbonsdk.testing import Profile, build, check_backend, check_plugin, registration_of

CPU = Profile.constant(8.0)
GPU = Profile.constant(20.0)
ANE = Profile.constant(2.0)
M2 = {"cpu": CPU, "gpu": GPU, "ane": ANE}


def summed(backend, samples):
    """Return the joules by device, once so many samples have come."""
    assert backend._stream.await_samples(samples, 30.0)
    return backend._stream.joules()


def ended(backend):
    """Wait until powermetrics has ended by itself."""
    assert not backend._stream.await_samples(1_000_000, 30.0)


def alive(pids):
    """Return which processes still run; one that nobody has waited for does not."""
    running = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                running.append(pid)
        except psutil.NoSuchProcess:
            continue
    return running


def outlived(pids):
    """Return which processes are still there after a while: what is killed is gone soon, and not at once."""
    until = time.monotonic() + 10.0
    while (running := alive(pids)) and time.monotonic() < until:
        time.sleep(0.01)
    return running


def test_carbonsdk_takes_the_plugin():
    check_plugin(plugin)


def test_it_is_installed_and_nothing_of_it_is_refused():
    (info,) = [each for each in PluginHost.discover().plugins if each.distribution == "carbonsdk-apple"]
    assert (info.name, info.state, info.reason) == ("apple", "loaded", None)


def test_it_is_a_good_backend(mac, clock):
    mac(**M2)
    check_backend(lambda: build(registration_of(plugin, "backend", "apple"), clock=clock))


# What is counted


def test_cpu_gpu_and_neural_engine_are_summed_up_apart(mac, make):
    machine = mac(**M2)
    backend = make(interval_ms=500)
    devices = backend.open()
    machine.more("ok", "ok", "ok")

    assert [device.kind for device in devices] == [DeviceKind.CPU, DeviceKind.GPU, DeviceKind.OTHER]
    assert summed(backend, 4) == pytest.approx({"cpu": 16.0, "gpu": 40.0, "ane": 4.0})
    assert [backend.read(device) for device in devices] == [CounterReading(16.0), CounterReading(40.0), CounterReading(4.0)]


def test_a_load_that_changes_is_summed_up_as_it_is(mac, make):
    mac(samples=4, cpu=Profile.trace([(0.0, 0.0), (1.0, 10.0), (2.0, 10.0)]))
    backend = make(interval_ms=500)
    backend.open()
    assert summed(backend, 4)["cpu"] == pytest.approx(15.0)


def test_the_figures_are_labelled_as_the_estimates_that_they_are(mac, make):
    mac(**M2)
    device = make(interval_ms=250).open()[0]
    assert (device.sensor.quality, device.sensor.method, device.sensor.refresh_s) == (Quality.ESTIMATED, "powermetrics", 0.25)
    assert "may be inaccurate" in device.sensor.note
    assert device.name == "Apple CPU (Mac14,2)"


@pytest.mark.parametrize("release", ["new", "power only", "no power", "gpu apart"])
def test_every_release_of_macos_is_read_alike(mac, make, release):
    mac(samples=2, release=release, **M2)
    backend = make(interval_ms=1000)
    backend.open()
    assert summed(backend, 2) == pytest.approx({"cpu": 16.0, "gpu": 40.0, "ane": 4.0})


def test_memory_is_measured_where_macos_tells_of_it(mac, make):
    mac(dram=Profile.constant(1.0), **M2)
    assert make().open()[-1].kind is DeviceKind.MEMORY


def test_a_part_that_idles_is_0_joules_and_not_absent(mac, make):
    mac(cpu=CPU, ane=Profile.constant(0.0))
    backend = make()
    assert backend.read(backend.open()[1]) == CounterReading(0.0)


# Rights


def test_it_goes_through_sudo_without_ever_asking(mac, make):
    machine = mac(**M2)
    make(interval_ms=200).open()
    arguments = ["--samplers", "cpu_power,gpu_power,ane_power", "-i", "200", "-b", "0", "-f", "plist"]
    assert machine.lines() == [
        ["sudo", "-n", str(machine.bin / "powermetrics"), *arguments],
        ["powermetrics", *arguments],
    ]


def test_root_needs_no_sudo(mac, make):
    machine = mac(root=True, **M2)
    make().open()
    assert [line[0] for line in machine.lines()] == ["powermetrics"]


def test_without_rights_the_rule_for_this_one_command_is_named(mac, make):
    machine = mac(allowed=False, **M2)
    with pytest.raises(PermissionDenied, match="a password is required") as caught:
        make(interval_ms=200).open()
    arguments = r"--samplers cpu_power\,gpu_power\,ane_power -i 200 -b 0 -f plist"
    assert f"ALL=(root) NOPASSWD: {machine.bin / 'powermetrics'} {arguments}\n" in str(caught.value)


def test_without_sudo_it_is_denied(mac, make, monkeypatch):
    machine = mac(**M2)
    (machine.bin / "sudo").unlink()
    monkeypatch.setenv("PATH", str(machine.bin))
    with pytest.raises(PermissionDenied, match="no sudo here"):
        make().open()


def test_elsewhere_than_on_macos_nothing_is_run(mac, make, monkeypatch):
    machine = mac(**M2)
    (machine.bin / "powermetrics").unlink()
    monkeypatch.setenv("PATH", str(machine.bin))
    with pytest.raises(SensorAbsent, match="a part of macOS"):
        make().open()
    assert not (machine.folder / "lines").exists()


def test_a_powermetrics_that_fails_tells_why(mac, make):
    mac(faults=["absent"], **M2)
    with pytest.raises(SensorAbsent, match="unable to get energy data"):
        make().open()


def test_a_mac_with_an_intel_processor_is_refused(mac, make):
    mac(release="intel", **M2)
    with pytest.raises(SensorAbsent, match="no Apple Silicon"):
        make().open()


@pytest.mark.parametrize("interval_ms", [0, 9, 60_001])
def test_an_interval_that_makes_no_sense_is_refused(interval_ms):
    with pytest.raises(SettingsError, match="interval_ms"):
        build(registration_of(plugin, "backend", "apple"), {"interval_ms": interval_ms})


# What goes wrong


def test_a_list_that_comes_in_two_pieces_is_one(mac, make):
    machine = mac(**M2)
    backend = make(interval_ms=1000)
    backend.open()
    machine.more("torn", "ok")
    assert summed(backend, 3)["cpu"] == pytest.approx(24.0)


@pytest.mark.parametrize("fault", ["garbled", "negative", "endless"])
def test_after_a_sample_that_cannot_be_read_the_sums_begin_again(mac, make, fault, caplog):
    machine = mac(samples=3, **M2)
    backend = make(interval_ms=1000)
    backend.open()
    machine.more(fault, "ok")
    assert summed(backend, 4) == pytest.approx({"cpu": 8.0, "gpu": 20.0, "ane": 2.0})
    assert "its energy is missing" in caplog.text


def test_one_that_ends_is_lost_started_again_and_sums_from_0(mac, make):
    machine = mac(samples=3, **M2)
    backend = make(interval_ms=1000)
    device = backend.open()[0]
    machine.more("die")
    ended(backend)
    with pytest.raises(DeviceLost, match="second underflow"):
        backend.read(device)
    assert summed(backend, 3)["cpu"] == pytest.approx(24.0)
    assert isinstance(backend.read(device), CounterReading)


def test_one_that_cannot_be_started_again_stays_lost(mac, make):
    machine = mac(**M2)
    backend = make()
    device = backend.open()[0]
    machine.more("die")
    ended(backend)
    (machine.bin / "sudo").unlink()
    for _ in range(2):
        with pytest.raises(DeviceLost, match="cannot be run"):
            backend.read(device)


def test_one_that_falls_silent_has_no_reading(mac, make, clock):
    mac(**M2)
    backend = make(interval_ms=1000)
    device = backend.open()[0]
    clock.advance(9.0)
    backend.read(device)
    clock.advance(2.0)
    with pytest.raises(RetryLater, match="nothing for 11 s"):
        backend.read(device)


@pytest.mark.parametrize("faults", [[], ["stubborn"]])
def test_nothing_is_left_running(mac, make, faults):
    machine = mac(faults=faults, **M2)
    backend = make(interval_ms=10)
    backend.open()
    assert len(alive(machine.pids())) == 2  # sudo and powermetrics
    backend.close()
    assert not outlived(machine.pids())


def test_closing_takes_no_longer_than_ending_it(mac, make):
    mac(**M2)
    backend = make(interval_ms=10)
    backend.open()
    began = time.monotonic()
    backend.close()
    assert time.monotonic() - began < 5.0


def test_a_process_that_takes_no_signal_from_us_ends_at_its_next_sample(mac, make, monkeypatch):
    machine = mac(**M2)
    backend = make(interval_ms=10)
    backend.open()

    def denied(*_arguments):
        raise PermissionError

    monkeypatch.setattr(os, "killpg", denied)  # as for root's process
    machine.more(*["ok"] * 1000)
    backend.close()
    assert not outlived(machine.pids())


# With the rest of carbonsdk


def chosen(tmp_path):
    """Return the backend that each kind of device is measured by, and why `apple` is or is not chosen."""
    with CarbonTracker(
        verbose=0,
        offline=True,
        intensity=100.0,
        state_dir=tmp_path,
        disable_plugins=("rapl", "nvml"),
        sinks=("memory",),
        options={"sinks": {"memory": {"key": "apple"}}},
    ) as tracker:
        assert tracker.await_devices(30.0)
        with tracker.epoch() as epoch:
            pass
    events = [event for event in recorded("apple").events if isinstance(event, DevicesChosen)]
    (choice,) = [choice for choice in events[-1].selection if choice.backend == "apple"]
    return {each.device.kind: each.device.backend for each in epoch.report.devices}, choice


def test_with_rights_it_measures_the_chip_and_the_estimate_the_memory(mac, tmp_path):
    mac(**M2)
    backends, choice = chosen(tmp_path)
    assert backends == {"cpu": "apple", "gpu": "apple", "other": "apple", "memory": "cpu_load"}
    assert choice.chosen


def test_without_rights_the_estimate_takes_over_and_the_remedy_is_on_record(mac, tmp_path):
    mac(allowed=False, **M2)
    backends, choice = chosen(tmp_path)
    assert backends == {"cpu": "cpu_load", "memory": "cpu_load"}
    assert not choice.chosen
    assert "NOPASSWD" in choice.reason
