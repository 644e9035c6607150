"""The simulated powercap tree behaves as the kernel's does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from carbonsdk.clock import SystemClock
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.powercap import PowercapTree, PowercapZone, server_zones
from carbonsdk.testing.profile import Profile


@pytest.fixture
def clock():
    return FakeClock()


def tree_of(root, clock, *zones, **options):
    tree = PowercapTree(root, clock, zones=zones, **options)
    clock.listen(lambda _: tree.update())
    return tree


def package(**options):
    return PowercapZone(**{"id": "intel-rapl:0", "name": "package-0", "profile": Profile.constant(100.0)} | options)


def read(tree, zone_id="intel-rapl:0"):
    return int((tree.class_path / zone_id / "energy_uj").read_text())


def test_a_counter_grows_by_the_profiles_energy(tmp_path, clock):
    tree = tree_of(tmp_path, clock, package(start_uj=5), refresh_s=0.0)
    clock.advance(2.0)

    assert read(tree) == 5 + 200_000_000


def test_a_counter_stands_still_between_two_refreshes(tmp_path, clock):
    tree = tree_of(tmp_path, clock, package(start_uj=0), refresh_s=0.001)
    values = []
    for _ in range(4):
        clock.advance(0.0005)
        values.append(read(tree))

    assert values == [0, 100_000, 100_000, 200_000]


def test_a_counter_starts_again_at_its_range(tmp_path, clock):
    tree = tree_of(tmp_path, clock, package(start_uj=900_000_000, range_uj=1_000_000_000), refresh_s=0.0)
    clock.advance(3.0)

    assert read(tree) == 200_000_000


def test_an_open_descriptor_sees_every_update(tmp_path, clock):
    tree = tree_of(tmp_path, clock, package(start_uj=999_999_000), refresh_s=0.0)
    descriptor = os.open(tree.path("intel-rapl:0") / "energy_uj", os.O_RDONLY)
    clock.advance(1.0)

    assert int(os.pread(descriptor, 64, 0)) == 1_099_999_000
    os.close(descriptor)


def test_a_mirror_repeats_another_zone(tmp_path, clock):
    tree = tree_of(tmp_path, clock, *server_zones(Profile.constant(80.0)))
    clock.advance(10.0)

    assert read(tree, "intel-rapl-mmio:0") == read(tree, "intel-rapl:0") > 800_000_000


def test_zones_lie_in_one_another_and_are_linked_flat(tmp_path, clock):
    tree = tree_of(tmp_path, clock, *server_zones(Profile.constant(80.0), memory=Profile.constant(8.0)))

    assert tree.path("intel-rapl:0:2") == tmp_path / "devices/virtual/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:2"
    assert (tree.class_path / "intel-rapl:0:2").resolve() == tree.path("intel-rapl:0:2")
    assert (tree.class_path / "intel-rapl:0:2" / "name").read_text() == "dram\n"


def test_a_vanished_zone_comes_back_with_its_counter_run_on(tmp_path, clock):
    tree = tree_of(tmp_path, clock, package(start_uj=0), refresh_s=0.0)
    tree.vanish("intel-rapl:0")
    clock.advance(1.0)
    assert not tree.path("intel-rapl:0").exists()

    tree.restore("intel-rapl:0")
    assert read(tree) == 100_000_000


def test_a_reset_counter_goes_on_from_where_it_was_set(tmp_path, clock):
    tree = tree_of(tmp_path, clock, package(start_uj=7_000_000), refresh_s=0.0)
    tree.reset("intel-rapl:0")
    clock.advance(1.0)

    assert read(tree) == 100_000_000


def test_masked_zones_leave_dangling_links(tmp_path, clock):
    tree = tree_of(tmp_path, clock, package())
    tree.mask()

    assert (tree.class_path / "intel-rapl:0").is_symlink()
    assert not (tree.class_path / "intel-rapl:0").exists()


def test_another_process_sees_a_live_tree_move(tmp_path):
    tree = PowercapTree(tmp_path, SystemClock(), zones=[package()])
    script = (
        "import pathlib, sys, time\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "first, deadline = path.read_text(), time.monotonic() + 30\n"
        "while path.read_text() == first and time.monotonic() < deadline: pass\n"
        "sys.exit(path.read_text() == first)\n"
    )
    with tree.live():
        path = Path(tree.class_path, "intel-rapl:0", "energy_uj")
        assert subprocess.run([sys.executable, "-c", script, path], timeout=60).returncode == 0
