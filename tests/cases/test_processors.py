"""RAPL in a whole run: the real backend reads a powercap tree on disk, and the report tells what was drawn."""

from importlib import import_module

import pytest
from support.simulated import offer

from carbonsdk.backends.rapl import RaplSettings
from carbonsdk.plugin import Context
from carbonsdk.testing.powercap import INTEL_RANGE_UJ, PowercapTree, PowercapZone, server_zones
from carbonsdk.testing.profile import Profile

WATTS = 100.0
WRAPS_AFTER_S = INTEL_RANGE_UJ / 1e6 / WATTS  # 2,621 s


@pytest.fixture
def machine(tmp_path, sessions):
    """Lay out zones, and start a session that reads them; return (tree, session)."""
    (registration,) = import_module("carbonsdk.backends.rapl").carbonsdk_backends()
    settings = RaplSettings(root=tmp_path / "sys", proc=tmp_path, interface="powercap")

    def machine(*zones):
        tree = PowercapTree(tmp_path / "sys", sessions.clock, zones=zones, refresh_s=0.0)
        sessions.clock.listen(lambda _: tree.update())
        backend = registration.factory(Context(settings, sessions.clock, None, None))
        return tree, sessions.make(offer("rapl", backend))

    return machine


def package(number=0, **options):
    return PowercapZone(id=f"intel-rapl:{number}", name=f"package-{number}", profile=Profile.constant(WATTS), **options)


def run_epoch(sessions, session, seconds, *, every_s=1.0):
    with session.epoch("", None) as epoch:
        for _ in range(round(seconds / every_s)):
            sessions.tick(session, every_s)
    return epoch.report


def test_a_counter_that_wraps_inside_an_epoch_counts_on(sessions, machine):
    # 10 J before its end, so that it wraps after a tenth of a second.
    _, session = machine(package(start_uj=INTEL_RANGE_UJ - 10_000_000))
    report = run_epoch(sessions, session, 10)
    assert report.energy.joules == pytest.approx(1_000, abs=1e-3)
    assert not report.partial


def test_readings_so_late_that_a_counter_may_have_wrapped_twice_are_marked(sessions, machine):
    _, session = machine(package())
    with session.epoch("", None) as epoch:
        sessions.tick(session, 10)
        sessions.tick(session, 2.5 * WRAPS_AFTER_S)  # the machine was suspended, say
        sessions.tick(session, 10)
    report = epoch.report
    # What is sure: 20 s, and the half turn that the counter shows; two whole turns of it are missing.
    assert report.energy.joules == pytest.approx(2_000 + 0.5 * INTEL_RANGE_UJ / 1e6)
    assert report.energy.coverage == pytest.approx(20 / (20 + 2.5 * WRAPS_AFTER_S), rel=1e-3)
    assert "wrap" in report.energy.reason


def test_a_counter_that_stands_still_is_0_joules_and_no_wrap(sessions, machine):
    idle = PowercapZone(id="intel-rapl:0", name="package-0", profile=Profile.constant(0.0))
    _, session = machine(idle)
    report = run_epoch(sessions, session, 10)
    assert (report.energy.joules, report.energy.coverage) == (0.0, 1.0)


def test_failed_reads_are_a_gap_whose_energy_the_next_good_one_tells(sessions, machine):
    tree, session = machine(package())
    with session.epoch("", None) as epoch:
        sessions.tick(session, 10)
        tree.garble("intel-rapl:0")
        for _ in range(10):
            sessions.tick(session)
        tree.restore("intel-rapl:0")
        for _ in range(20):
            sessions.tick(session)
    # A counter has run on meanwhile: neither 0 J nor a wrap of 262,143 J.
    assert epoch.report.energy.joules == pytest.approx(4_000)


def test_a_counter_that_starts_anew_costs_one_step_and_is_told(sessions, machine):
    tree, session = machine(package(start_uj=200_000_000_000))
    with session.epoch("", None) as epoch:
        for _ in range(10):
            sessions.tick(session)
        tree.reset("intel-rapl:0")
        for _ in range(10):
            sessions.tick(session)
    report = epoch.report
    assert report.energy.joules == pytest.approx(1_900)
    assert report.energy.coverage == pytest.approx(19 / 20)
    assert report.energy.reason


def test_of_all_zones_of_a_server_packages_and_memory_are_summed(sessions, machine):
    zones = server_zones(Profile.constant(200.0), memory=Profile.constant(30.0), sockets=2)
    _, session = machine(*zones)
    report = run_epoch(sessions, session, 10)
    assert report.energy.joules == pytest.approx(2_300, abs=1e-3)
    assert sorted(each.device.kind for each in report.devices) == ["cpu", "cpu", "memory", "memory"]


def test_eleven_packages_are_eleven(sessions, machine):
    _, session = machine(*map(package, range(11)))
    assert run_epoch(sessions, session, 10).energy.joules == pytest.approx(11_000, abs=1e-2)


def test_a_package_that_vanishes_and_comes_back_keeps_its_energy(sessions, machine):
    tree, session = machine(package(0), package(1))
    whole = run_epoch(sessions, session, 10)
    tree.vanish("intel-rapl:1")
    without = run_epoch(sessions, session, 10)
    assert whole.energy.joules == pytest.approx(2_000, abs=1e-3)
    by_device = {each.device.id: each.energy for each in without.devices}
    assert by_device["package-0"].joules == pytest.approx(1_000, abs=1e-3)
    assert by_device["package-1"].joules is None
    assert "intel-rapl:1" in by_device["package-1"].reason
    assert without.energy.partial
    tree.restore("intel-rapl:1")
    sessions.tick(session, 120)
    sessions.tick(session)
    again = run_epoch(sessions, session, 10)
    assert again.energy.joules == pytest.approx(2_000, abs=1e-3)
    assert again.energy.coverage == 1.0
