"""`scope="process"` from a tracker to its report, with real processes."""

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from carbonsdk import CarbonTracker
from carbonsdk.testing import Profile
from carbonsdk.testing.nvml import FakeGpu, FakeNvml, FakeProcess

BURN = "import time\nwhile time.process_time() < 0.6: pass"


@pytest.fixture
def tracker(tmp_path):
    made = []

    def make(**settings):
        # A made-up CPU that always draws 100 W: what is attributed is 100 W × time × share.
        options = {"replay": {"watts": {"cpu": 100.0}}}
        common = {"verbose": 0, "offline": True, "zone": "DE", "state_dir": tmp_path, "update_interval": 0.1}
        made.append(CarbonTracker(scope="process", backends=options, **common | settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_a_child_s_cpu_time_is_this_process_s(tracker):
    with tracker() as measured, measured.epoch() as epoch:
        subprocess.run([sys.executable, "-c", BURN], check=True)
    report = epoch.report
    machine_joules = 100.0 * report.duration_s
    # The child's 0.6 s are at least this share of all the CPU time that there was.
    least = 0.5 / ((os.cpu_count() or 1) * report.duration_s)
    assert least * machine_joules <= report.energy.joules <= machine_joules * 1.001


SHARER = """
import os, subprocess, sys, time
from carbonsdk import CarbonTracker

def used():
    times = os.times()
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq = map(int, stat.readline().split()[1:8])
    return times.user + times.system + times.children_user + times.children_system, (user + nice + system + irq + softirq) / 100

options = {"replay": {"watts": {"cpu": 100.0}}}
with CarbonTracker(scope="process", backends=options, verbose=0, offline=True, zone="DE", state_dir=sys.argv[1]) as tracker:
    with tracker.epoch() as epoch:
        own, whole = used()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            if sys.argv[2] == "forks":
                subprocess.run([sys.executable, "-S", "-c", "sum(range(10**6))"])
            else:
                sum(range(10**5)), time.sleep(float(sys.argv[2]))
        then = used()
print((then[0] - own) / (then[1] - whole), epoch.report.energy.joules / (100.0 * epoch.report.duration_s))
"""


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="reads /proc")
def test_each_of_several_processes_is_charged_its_part_and_all_together_no_more_than_there_is(tmp_path):
    ways = ("0.0", "0.01", "forks")
    running = [
        subprocess.Popen([sys.executable, "-c", SHARER, tmp_path, way], stdout=subprocess.PIPE, text=True) for way in ways
    ]
    found = [tuple(map(float, process.communicate(timeout=60)[0].split())) for process in running]
    assert all(charged == pytest.approx(used, abs=0.05) for used, charged in found)
    assert sum(charged for _, charged in found) <= 1.05


def test_a_process_that_sleeps_is_charged_next_to_nothing(tracker):
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        code = (
            "import time, carbonsdk, sys\n"
            "t = carbonsdk.CarbonTracker(scope='process', backends={'replay': {'watts': {'cpu': 100.0}}}, verbose=0,\n"
            "    offline=True, zone='DE', state_dir=sys.argv[1], update_interval=0.1)\n"
            "with t:\n"
            "    time.sleep(0.5)\n"
            "    with t.epoch() as epoch: time.sleep(1.0)\n"
            "print(epoch.report.energy.joules)\n"
        )
        place = str(tracker().settings.state_dir)
        done = subprocess.run([sys.executable, "-c", code, place], capture_output=True, text=True, check=True, timeout=60)
    finally:
        other.kill()
        other.wait()
    assert 0.0 <= float(done.stdout) < 50.0  # of 100 J


def test_devices_by_pid_measures_the_gpu_that_runs_this_process(tmp_path, fake_nvml_library):
    here = (FakeProcess(pid=os.getpid()),)
    gpu = FakeGpu(uuid="GPU-1", bus_id="00000000:01:00.0", profile=Profile.constant(300), processes=here)
    fake = FakeNvml(tmp_path / "driver", [gpu], real_time=True)
    settings = {"verbose": 0, "offline": True, "zone": "DE", "state_dir": tmp_path, "update_interval": 0.1}
    settings["backends"] = {"nvml": {"devices": ("all",)}}
    with closing(fake), fake.loaded(fake_nvml_library), CarbonTracker(devices_by_pid=True, **settings) as tracker:
        deadline = time.monotonic() + 20
        while not tracker.report().devices and time.monotonic() < deadline:
            tracker.await_devices(0.1)
        with tracker.epoch() as epoch:
            time.sleep(0.3)
    assert epoch.report.energy.joules == pytest.approx(300 * epoch.report.duration_s, rel=0.4)


def test_a_process_s_figures_are_labelled_as_estimates(tracker):
    with tracker() as measured:
        measured.await_devices()
    (device,) = measured.report().devices
    assert device.device.id == f"cpu-0/process-{os.getpid()}"
    assert "share of CPU time (including idle)" in device.energy.method
    report = measured.report()
    assert report.scope == "process"
    covered_s = report.duration_s * device.energy.coverage  # sensors answer late where the machine is busy
    assert report.machine_joules == pytest.approx(100.0 * covered_s, rel=0.05, abs=1.0)
    assert report.energy.joules <= report.machine_joules


def test_the_active_policy_without_a_baseline_leaves_the_energy_unknown_with_a_reason(tracker):
    with tracker(share_policy="active") as measured, measured.epoch() as epoch:
        sum(range(10**6))
    assert epoch.report.energy.joules is None
    assert "carbonsdk baseline" in epoch.report.energy.reason
    assert measured.report().machine_joules is None
