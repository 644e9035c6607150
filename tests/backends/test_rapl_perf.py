"""RAPL through perf events. Without RAPL hardware the system call is tried on a software event, whose unit is known."""

import os
import time
from pathlib import Path

import pytest

from carbonsdk.backends.rapl import advice
from carbonsdk.backends.rapl.advice import Site
from carbonsdk.backends.rapl.domain import Part
from carbonsdk.backends.rapl.perf import Event, cpu_list, perf_event_open, places, scan
from carbonsdk.engine.guard import message_of
from carbonsdk.plugin import DeviceKind, DeviceLost, PermissionDenied, SensorAbsent, SensorMasked
from carbonsdk.testing.powercap import PowercapTree, server_zones
from carbonsdk.testing.profile import Profile

SOFTWARE, CPU_CLOCK = 1, 0  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK: nanoseconds of one CPU, idle or not
RAPL_SCALE = "2.3283064365386962890625e-10"


def _permitted():
    try:
        os.close(perf_event_open(Event(Part.PACKAGE, SOFTWARE, CPU_CLOCK, 1e-9), cpu=0))
    except OSError:
        return False
    return True


needs_perf = pytest.mark.skipif(not _permitted(), reason="perf events of a whole CPU are not permitted here")


def lay_source(root, *, kind=SOFTWARE, cpumask="0", scale="1e-9", **events):
    """Lay out a `power` source whose joules are the seconds of a CPU's clock."""
    folder = root / "devices" / "power"
    (folder / "events").mkdir(parents=True)
    (folder / "type").write_text(f"{kind}\n")
    (folder / "cpumask").write_text(f"{cpumask}\n")
    for name, config in events.items():
        event = folder / "events" / f"energy-{name}"
        event.write_text(f"event={config}\n")
        event.with_name(f"{event.name}.scale").write_text(f"{scale}\n")
        event.with_name(f"{event.name}.unit").write_text("Joules\n")


def lay_topology(root, *, cpu, package, die):
    folder = root / "devices" / "system" / "cpu" / f"cpu{cpu}" / "topology"
    folder.mkdir(parents=True)
    (folder / "physical_package_id").write_text(f"{package}\n")
    (folder / "die_id").write_text(f"{die}\n")


@pytest.fixture
def perf(make, tmp_path):
    """Return a function that makes the backend on the tree; it is closed at the end."""
    made = []

    def perf(**settings):
        made.append(make("rapl", **{"root": tmp_path, "proc": tmp_path, "interface": "perf"} | settings))
        return made[-1]

    yield perf
    for backend in made:
        backend.close()


def test_events_are_read_with_their_number_and_scale(tmp_path):
    lay_source(tmp_path, kind=12, scale=RAPL_SCALE, pkg="0x02", ram="0x03", cores="0x01", gpu="0x04")

    assert scan(tmp_path) == [Event(Part.PACKAGE, 12, 2, 2**-32), Event(Part.DRAM, 12, 3, 2**-32)]


def test_an_event_in_another_unit_is_passed_over(tmp_path):
    lay_source(tmp_path, pkg="0x02", ram="0x03")
    (tmp_path / "devices/power/events/energy-ram.unit").write_text("Calories\n")

    assert [event.part for event in scan(tmp_path)] == [Part.PACKAGE]


def test_an_event_without_a_scale_is_passed_over(tmp_path):
    lay_source(tmp_path, pkg="0x02", scale="")

    assert scan(tmp_path) == []


@pytest.mark.parametrize("config", ["umask=0x1", "event=0x1,umask=0x2", "", "event="])
def test_an_event_described_otherwise_is_passed_over(tmp_path, config):
    lay_source(tmp_path, pkg="0x02")
    (tmp_path / "devices/power/events/energy-pkg").write_text(config)

    assert scan(tmp_path) == []


@pytest.mark.parametrize(("text", "numbers"), [("0", [0]), ("0,28", [0, 28]), ("0-2,8", [0, 1, 2, 8]), ("", [])])
def test_cpu_lists_are_read_as_the_kernel_writes_them(text, numbers):
    assert cpu_list(text) == numbers


def test_each_listed_cpu_stands_for_its_package(tmp_path):
    lay_source(tmp_path, cpumask="0,28", pkg="0x02")
    lay_topology(tmp_path, cpu=0, package=0, die=0)
    lay_topology(tmp_path, cpu=28, package=1, die=0)

    assert places(tmp_path) == [(0, 0, None), (28, 1, None)]


def test_two_listed_cpus_of_a_package_are_its_dies(tmp_path):
    lay_source(tmp_path, cpumask="0,24", pkg="0x02")
    lay_topology(tmp_path, cpu=0, package=0, die=0)
    lay_topology(tmp_path, cpu=24, package=0, die=1)

    assert places(tmp_path) == [(0, 0, 0), (24, 0, 1)]


def test_no_source_is_absent(perf, tmp_path):
    with pytest.raises(SensorAbsent, match="no RAPL perf events"):
        perf().open()


@needs_perf
def test_a_counter_is_scaled_and_never_wraps(perf, tmp_path):
    lay_source(tmp_path, pkg="0x00")
    backend = perf()
    (device,) = backend.open()
    before = backend.read(device)
    started = time.monotonic()
    while time.monotonic() - started < 0.05:
        pass
    elapsed_s = time.monotonic() - started
    after = backend.read(device)

    assert (device.id, device.kind, device.sensor.method) == ("package-0", DeviceKind.CPU, "RAPL perf")
    assert elapsed_s * 0.9 <= after.joules - before.joules
    assert after.wraps_at_joules is None


@needs_perf
def test_package_and_memory_are_opened_and_psys_only_alone(perf, tmp_path):
    lay_source(tmp_path, pkg="0x00", ram="0x00", psys="0x00")

    assert [device.id for device in perf().open()] == ["package-0", "dram-0"]
    assert [device.id for device in perf(psys=True).open()] == ["psys"]


@needs_perf
def test_an_event_that_the_hardware_lacks_is_absent(perf, tmp_path):
    lay_source(tmp_path, kind=0x7FFF_FFFF, pkg="0x02")

    with pytest.raises(SensorAbsent):
        perf().open()


@needs_perf
def test_a_closed_backend_has_lost_its_devices(perf, tmp_path):
    lay_source(tmp_path, pkg="0x00")
    backend = perf()
    (device,) = backend.open()
    backend.close()

    with pytest.raises(DeviceLost):
        backend.read(device)


def test_a_denied_event_names_the_capability_and_the_danger(perf, open_root, unprivileged):
    if int(Path("/proc/sys/kernel/perf_event_paranoid").read_text()) < 1:
        pytest.skip("this kernel lets everybody count a whole CPU")
    lay_source(open_root, pkg="0x00")
    backend = perf(root=open_root)

    with (
        unprivileged(),
        pytest.raises(PermissionDenied, match=r"(?s)perf_event_paranoid is \d.*cap_perfmon.*PLATYPUS.*cpu_load"),
    ):
        backend.open()


def test_the_remedies_together_are_told_whole():
    path = Path("/sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:0/energy_uj")
    both = advice.together(advice.denied(path, Site()), advice.perf_denied("2", Site()), grants=True)

    assert message_of(PermissionDenied(both)) == both


def test_a_container_is_not_told_to_lift_the_hosts_bar():
    text = advice.perf_denied("2", Site(container=True))

    assert "--cap-add PERFMON" in text
    assert "setcap" not in text


def test_a_container_that_is_denied_both_is_told_the_flag_for_each(perf, open_root, clock, unprivileged):
    if int(Path("/proc/sys/kernel/perf_event_paranoid").read_text()) < 1:
        pytest.skip("this kernel lets everybody count a whole CPU")
    PowercapTree(open_root, clock, zones=server_zones(Profile.constant(10.0))).mask()
    lay_source(open_root, pkg="0x00")

    with unprivileged(), pytest.raises(SensorMasked) as caught:
        perf(root=open_root, interface="auto").open()

    assert "-v /sys:/host/sys:ro" in str(caught.value)
    assert "--cap-add PERFMON" in str(caught.value)
    assert "setcap" not in str(caught.value)


# The choice between the two interfaces


@needs_perf
def test_perf_wins_where_both_see_the_same(perf, tmp_path, clock):
    lay_source(tmp_path, pkg="0x00")
    PowercapTree(tmp_path, clock, zones=server_zones(Profile.constant(10.0)))

    (device,) = perf(interface="auto").open()

    assert device.sensor.method == "RAPL perf"


@needs_perf
def test_powercap_wins_where_it_sees_more(perf, tmp_path, clock):
    lay_source(tmp_path, pkg="0x00")
    PowercapTree(tmp_path, clock, zones=server_zones(Profile.constant(10.0), memory=Profile.constant(1.0)))

    assert [device.sensor.method for device in perf(interface="auto").open()] == ["RAPL powercap", "RAPL powercap"]


def test_powercap_answers_where_perf_does_not(perf, tmp_path, clock):
    PowercapTree(tmp_path, clock, zones=server_zones(Profile.constant(10.0)))

    (device,) = perf(interface="auto").open()

    assert device.sensor.method == "RAPL powercap"
