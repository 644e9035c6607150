"""RAPL through a powercap tree on disk."""

import os
import re
import shutil
import timeit
from dataclasses import replace
from pathlib import Path

import pytest

from carbonsdk.backends.rapl import advice
from carbonsdk.backends.rapl.advice import Site
from carbonsdk.plugin import (
    CounterReading,
    DeviceKind,
    DeviceLost,
    PermissionDenied,
    Quality,
    RetryLater,
    SensorAbsent,
    SensorMasked,
    SettingsError,
)
from carbonsdk.testing import check_backend
from carbonsdk.testing.powercap import PowercapTree, PowercapZone, server_zones
from carbonsdk.testing.profile import Profile

CPU = Profile.constant(120.0)
MEMORY = Profile.constant(12.0)


@pytest.fixture
def lay(tmp_path, clock):
    """Return a function that lays out a tree which follows the clock."""

    def lay(*zones, root=tmp_path / "sys", **options):
        tree = PowercapTree(root, clock, zones=zones, **{"refresh_s": 0.0} | options)
        clock.listen(lambda _: tree.update())
        return tree

    return lay


@pytest.fixture
def rapl(make, tmp_path):
    """Return a function that makes the backend on the tree; it is closed at the end."""
    made = []

    def rapl(**settings):
        made.append(make("rapl", **{"root": tmp_path / "sys", "proc": tmp_path, "interface": "powercap"} | settings))
        return made[-1]

    yield rapl
    for backend in made:
        backend.close()


def zone(number, name, watts=10.0, **options):
    return PowercapZone(id=f"intel-rapl:{number}", name=name, profile=Profile.constant(watts), **options)


def joules_over(seconds, *, backend, clock):
    """Return the joules that each device counts over a stretch without a wrap."""
    devices = backend.open()
    before = {device.id: backend.read(device).joules for device in devices}
    clock.advance(seconds)
    return {device.id: backend.read(device).joules - before[device.id] for device in devices}


def ids(devices):
    return [device.id for device in devices]


# What is counted


def test_packages_and_dram_add_up_and_nothing_that_overlaps_them(lay, rapl, clock):
    lay(*server_zones(CPU, memory=MEMORY, sockets=2))

    joules = joules_over(10.0, backend=rapl(), clock=clock)

    assert joules == pytest.approx({"package-0": 600.0, "dram-0": 60.0, "package-1": 600.0, "dram-1": 60.0})


def test_packages_are_cpus_and_dram_is_memory(lay, rapl):
    lay(*server_zones(CPU, memory=MEMORY))

    assert [(device.id, device.kind) for device in rapl().open()] == [
        ("package-0", DeviceKind.CPU),
        ("dram-0", DeviceKind.MEMORY),
    ]


def test_zones_with_two_digits_are_read_in_order(lay, rapl):
    lay(*(zone(number, f"package-{number}") for number in range(12)))

    assert ids(rapl().open()) == [f"package-{number}" for number in range(12)]


def test_dies_of_a_package_are_devices_of_their_own(lay, rapl, clock):
    lay(zone(0, "package-0-die-0", 40.0), zone(1, "package-0-die-1", 30.0), zone("1:0", "dram", 5.0))

    joules = joules_over(2.0, backend=rapl(), clock=clock)

    assert joules == pytest.approx({"package-0-die-0": 80.0, "package-0-die-1": 60.0, "dram-0-die-1": 10.0})


def test_dies_that_mirror_each_other_count_once(lay, rapl, clock):
    lay(zone(0, "package-0-die-0", 40.0), zone(1, "package-0-die-1", mirrors="intel-rapl:0"))

    assert joules_over(2.0, backend=rapl(), clock=clock) == pytest.approx({"package-0-die-0": 80.0})


def test_a_mirror_stands_in_where_the_processors_own_zone_has_no_counter(lay, rapl, clock):
    own, mirror = zone(0, "package-0", 40.0, has_counter=False), zone(0, "package-0", 40.0)
    lay(own, replace(mirror, id="intel-rapl-mmio:0"))

    assert joules_over(1.0, backend=rapl(), clock=clock) == pytest.approx({"package-0": 40.0})


def test_psys_is_read_on_request_and_alone(lay, rapl, clock):
    lay(*server_zones(CPU, memory=MEMORY))
    backend = rapl(psys=True)

    (device,) = backend.open()

    assert (device.id, device.kind) == ("psys", DeviceKind.NODE)
    assert device.sensor.contains == {DeviceKind.CPU, DeviceKind.MEMORY}
    assert joules_over(1.0, backend=backend, clock=clock) == pytest.approx({"psys": 132.0 * 1.2})


def test_psys_that_a_machine_lacks_is_told_of_as_such(lay, rapl):
    lay(zone(0, "package-0"))

    with pytest.raises(SensorAbsent, match="leave the setting psys of rapl out"):
        rapl(psys=True).open()


def test_of_amd_only_the_package_is_trusted(lay, rapl):
    tree = lay(zone(0, "package-0"), zone("0:0", "core"), zone("0:1", "dram"))
    modalias = tree.root / "devices/system/cpu/modalias"
    modalias.parent.mkdir(parents=True)
    modalias.write_text("cpu:type:x86,ven0002fam0019mod0001:feature:,0000\n")

    assert ids(rapl().open()) == ["package-0"]


def test_zones_without_a_name_or_a_counter_are_passed_over(lay, rapl):
    lay(zone(0, None), zone(1, "package-1", has_counter=False), zone(2, "package-2"))

    assert ids(rapl().open()) == ["package-2"]


def test_zones_are_found_without_the_class_folder(lay, rapl):
    tree = lay(*server_zones(CPU, memory=MEMORY))
    shutil.rmtree(tree.class_path)

    assert ids(rapl().open()) == ["package-0", "dram-0"]


def test_a_device_is_named_after_its_processor(lay, rapl, tmp_path):
    lay(zone(0, "package-0"))
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Gold 6248R\nphysical id\t: 0\n")

    assert [device.name for device in rapl().open()] == ["Intel(R) Xeon(R) Gold 6248R (package 0)"]


# What a reading says


def test_a_reading_is_the_counter_in_joules_and_where_it_wraps(lay, rapl):
    lay(zone(0, "package-0", start_uj=1_234_567, range_uj=65_532_610_987))
    backend = rapl()
    (device,) = backend.open()

    assert backend.read(device) == CounterReading(pytest.approx(1.234567), pytest.approx(65532.610987))


def test_a_wrap_is_read_and_not_interpreted(lay, rapl, clock):
    lay(zone(0, "package-0", 100.0, start_uj=950_000_000, range_uj=1_000_000_000))
    backend = rapl()
    (device,) = backend.open()
    clock.advance(1.0)

    assert backend.read(device) == CounterReading(pytest.approx(50.0), pytest.approx(1000.0))


def test_a_zone_without_a_range_never_wraps(lay, rapl):
    lay(zone(0, "package-0", range_uj=None))
    backend = rapl()
    (device,) = backend.open()

    assert backend.read(device).wraps_at_joules is None


def test_two_readings_of_one_instant_are_equal(lay, rapl):
    lay(zone(0, "package-0"))
    backend = rapl()
    (device,) = backend.open()

    assert backend.read(device) == backend.read(device)


def test_the_sensor_says_what_it_is(lay, rapl):
    lay(zone(0, "package-0"))
    (device,) = rapl().open()

    assert (device.sensor.method, device.sensor.quality) == ("RAPL powercap", Quality.MEASURED)
    assert device.sensor.refresh_s == pytest.approx(0.000976)
    assert device.sensor.max_watts > 500.0
    assert not device.simulated


# What goes wrong before the run


def test_no_tree_is_absent(rapl, tmp_path):
    (tmp_path / "sys" / "class").mkdir(parents=True)

    with pytest.raises(SensorAbsent, match=r"(?s)no RAPL zone in .*cpu_load"):
        rapl().open()


@pytest.mark.parametrize(
    ("site", "said"),
    [
        (Site(), "`sudo modprobe intel_rapl_msr`"),
        (Site(container=True), "on the host, `modprobe intel_rapl_msr`"),
        (Site(virtual=True), "this is a virtual machine"),
        (Site(architecture="aarch64"), "this is aarch64"),
    ],
)
def test_of_what_is_absent_the_reason_that_holds_here_is_told(site, said):
    assert said in advice.absent(Path("/sys/class/powercap"), site)


def test_a_sysfs_that_is_not_mounted_is_told_how(rapl, tmp_path):
    with pytest.raises(SensorAbsent, match=f"-v /sys:{tmp_path / 'sys'}:ro"):
        rapl().open()


def test_a_masked_tree_is_told_from_an_absent_one(lay, rapl):
    lay(zone(0, "package-0")).mask()

    with pytest.raises(SensorMasked, match=r"(?s)masked by this container.*-v /sys:/host/sys:ro.*PLATYPUS"):
        rapl().open()


def test_a_denied_counter_names_the_fix_and_its_danger(lay, rapl, open_root, unprivileged):
    tree = lay(zone(0, "package-0"), root=open_root)
    tree.deny("intel-rapl:0")

    with unprivileged(), pytest.raises(PermissionDenied) as caught:
        rapl(root=open_root).open()

    path = tree.class_path / "intel-rapl:0" / "energy_uj"
    assert f"cannot read {path}" in str(caught.value)
    assert 'SUBSYSTEM=="powercap"' in str(caught.value)
    assert "PLATYPUS" in str(caught.value)
    assert not re.search(r"chmod\s+\S*(a\+r|o\+r|644|444)", str(caught.value))


@pytest.mark.parametrize("container", [False, True])
def test_the_rule_for_one_group_is_the_hosts_to_set(container):
    told = advice.denied(Path("/sys/class/powercap/intel-rapl:0/energy_uj"), Site(container=container))

    assert 'RUN+="/bin/chgrp rapl /sys%p/energy_uj"' in told
    assert ("usermod --append --groups rapl" in told) is not container
    assert ("As root on the host" in told and "--group-add" in told) is container


def test_a_container_is_told_by_its_process_ids_or_its_runtimes_mark(tmp_path):
    host, named, marked = (tmp_path / name / "proc" for name in ("host", "named", "marked"))
    for proc, namespace in ((host, 4026531836), (named, 4026532281), (marked, 4026531836)):
        (proc / "self" / "ns").mkdir(parents=True)
        (proc / "self" / "ns" / "pid").symlink_to(f"pid:[{namespace}]")
    (marked.parent / "run").mkdir()
    (marked.parent / "run" / ".containerenv").touch()

    assert [advice.this_site(proc).container for proc in (host, named, marked)] == [False, True, True]


def test_a_denied_counter_beside_a_readable_one_is_there_without_a_reading(lay, rapl, open_root, unprivileged, caplog):
    lay(zone(0, "package-0"), zone(1, "package-1"), root=open_root).deny("intel-rapl:1")
    backend = rapl(root=open_root)

    with unprivileged():
        one, other = backend.open()

    assert (one.id, one.sensor.quality) == ("package-0", Quality.MEASURED)
    assert (other.id, other.sensor.quality) == ("package-1", Quality.MISSING)
    with pytest.raises(DeviceLost, match="intel-rapl:1/energy_uj: permission denied"):
        backend.read(other)
    assert "its energy is missing" in caplog.text


def test_an_interface_that_does_not_exist_is_refused(rapl):
    with pytest.raises(SettingsError, match="auto, powercap, perf"):
        rapl(interface="msr")


# What goes wrong in mid-run


def test_a_domain_that_vanishes_is_lost_until_it_comes_back(lay, rapl, clock):
    tree = lay(zone(0, "package-0", 50.0, start_uj=0))
    backend = rapl()
    (device,) = backend.open()
    tree.vanish("intel-rapl:0")
    for _ in range(2):
        clock.advance(1.0)
        with pytest.raises(DeviceLost):
            backend.read(device)

    tree.restore("intel-rapl:0")
    assert backend.read(device).joules == pytest.approx(100.0)


def test_another_domain_under_the_old_folder_is_not_taken_for_it(lay, rapl):
    tree = lay(zone(0, "package-0"))
    backend = rapl()
    (device,) = backend.open()
    tree.vanish("intel-rapl:0")
    with pytest.raises(DeviceLost):
        backend.read(device)

    tree.restore("intel-rapl:0")
    (tree.path("intel-rapl:0") / "name").write_text("psys\n")
    with pytest.raises(DeviceLost, match="no longer is package-0"):
        backend.read(device)


@pytest.mark.parametrize("text", ["N/A\n", "-5\n", "1e6\n"])
def test_garbage_is_tried_again_later(lay, rapl, text):
    tree = lay(zone(0, "package-0", start_uj=2_000_000))
    backend = rapl()
    (device,) = backend.open()
    tree.garble("intel-rapl:0", text)
    with pytest.raises(RetryLater):
        backend.read(device)

    tree.restore("intel-rapl:0")
    assert backend.read(device).joules == pytest.approx(2.0)


def test_a_descriptor_that_the_program_closed_is_opened_again(lay, rapl):
    lay(zone(0, "package-0", start_uj=2_000_000))
    backend = rapl()
    first = os.open("/dev/null", os.O_RDONLY)
    os.close(first)
    (device,) = backend.open()
    os.close(first)  # the lowest free number, so the counter has it
    assert backend.read(device).joules == pytest.approx(2.0)


def test_a_descriptor_that_the_program_has_taken_is_left_to_it(lay, rapl, tmp_path):
    lay(zone(0, "package-0", start_uj=2_000_000))
    backend = rapl()
    first = os.open("/dev/null", os.O_RDONLY)
    os.close(first)
    (device,) = backend.open()
    os.close(first)
    (tmp_path / "theirs").write_text("777")
    theirs = os.open(tmp_path / "theirs", os.O_RDONLY)
    assert theirs == first
    assert backend.read(device).joules == pytest.approx(2.0)
    backend.close()
    assert os.read(theirs, 3) == b"777"
    os.close(theirs)


def test_one_lost_domain_leaves_the_others(lay, rapl):
    tree = lay(zone(0, "package-0"), zone(1, "package-1"))
    backend = rapl()
    lost, kept = backend.open()
    tree.vanish("intel-rapl:0")

    with pytest.raises(DeviceLost):
        backend.read(lost)
    assert backend.read(kept).joules > 0


def test_right_taken_away_from_a_lost_domain_is_no_crash(lay, rapl, open_root, unprivileged):
    tree = lay(zone(0, "package-0"), root=open_root)
    backend = rapl(root=open_root)
    (device,) = backend.open()
    tree.vanish("intel-rapl:0")
    with pytest.raises(DeviceLost):
        backend.read(device)
    tree.restore("intel-rapl:0")
    tree.deny("intel-rapl:0")

    with unprivileged(), pytest.raises(DeviceLost, match="Permission denied"):
        backend.read(device)


def test_closing_twice_and_unopened_is_harmless(lay, rapl):
    lay(zone(0, "package-0"))
    backend = rapl()
    backend.close()
    (device,) = backend.open()
    backend.close()
    backend.close()

    with pytest.raises(DeviceLost, match="not open"):
        backend.read(device)


def test_it_keeps_the_contract_of_a_backend(lay, rapl, clock):
    lay(*server_zones(CPU, memory=MEMORY, sockets=2))

    check_backend(rapl, between_reads=lambda: clock.advance(1.0))


def test_a_read_is_cheap(lay, rapl):
    lay(zone(0, "package-0"))
    backend = rapl()
    (device,) = backend.open()

    assert min(timeit.repeat(lambda: backend.read(device), number=100, repeat=20)) / 100 < 15e-6
