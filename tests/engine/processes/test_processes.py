"""Which processes belong to a run, and how much CPU time and memory they use."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.proc import FakeProc

from carbonsdk.engine.processes.portable import PsutilFamily
from carbonsdk.engine.processes.procfs import ProcFamily

ROOT = 50


@pytest.fixture
def proc(tmp_path):
    fake = FakeProc(tmp_path)
    fake.process(1, parent=0, cpu_s=7.0)
    fake.process(ROOT, cpu_s=3.0)
    return fake


def family(proc):
    return ProcFamily(proc.root, root=ROOT)


def test_children_of_children_belong_to_the_family_and_strangers_do_not(proc):
    proc.process(60, parent=ROOT)
    proc.process(61, parent=60)
    proc.process(70, parent=1)
    assert family(proc).pids == {ROOT, 60, 61}


def test_cpu_time_is_that_of_all_members(proc):
    proc.process(60, parent=ROOT, cpu_s=2.0)
    assert family(proc).cpu_s() == pytest.approx(5.0)


def test_a_name_with_brackets_and_spaces_is_read_as_a_name(proc):
    proc.process(60, parent=ROOT, cpu_s=2.0, name="a) S 1 (b")
    assert family(proc).cpu_s() == pytest.approx(5.0)


def test_a_child_that_ends_hands_its_time_to_its_parent(proc):
    proc.process(60, parent=ROOT, cpu_s=2.0)
    members = family(proc)
    members.cpu_s()
    proc.ended(60)
    proc.process(ROOT, cpu_s=3.5, waited_s=2.25)
    assert members.cpu_s() == pytest.approx(5.75)


def test_a_child_that_came_and_went_unseen_counts_once_it_was_waited_for(proc):
    members = family(proc)
    members.cpu_s()
    proc.process(ROOT, cpu_s=3.0, waited_s=4.0)
    assert members.cpu_s() == pytest.approx(7.0)


def test_a_whole_branch_that_ends_at_once_is_counted_once(proc):
    proc.process(60, parent=ROOT, cpu_s=1.0)
    proc.process(61, parent=60, cpu_s=2.0)
    members = family(proc)
    members.cpu_s()
    proc.ended(60)
    proc.ended(61)
    proc.process(ROOT, cpu_s=3.0, waited_s=3.0)
    assert members.cpu_s() == pytest.approx(6.0)


def test_a_daemon_stays_a_member_and_its_time_stays_when_it_ends(proc):
    proc.process(60, parent=ROOT, cpu_s=2.0)
    members = family(proc)
    proc.process(60, parent=1, cpu_s=4.0)
    members.refresh()
    assert members.cpu_s() == pytest.approx(7.0)
    proc.ended(60)
    assert members.cpu_s() == pytest.approx(7.0)


def test_a_stranger_that_gets_the_pid_of_a_member_is_none(proc):
    proc.process(60, parent=ROOT, cpu_s=2.0)
    members = family(proc)
    members.cpu_s()
    proc.process(60, parent=1, cpu_s=500.0, started=900)
    proc.process(ROOT, cpu_s=3.0, waited_s=2.0)
    members.refresh()
    assert members.cpu_s() == pytest.approx(5.0)
    assert members.pids == {ROOT}


def test_a_new_child_is_found_by_the_next_look(proc):
    members = family(proc)
    proc.process(60, parent=ROOT, cpu_s=1.0)
    assert members.cpu_s() == pytest.approx(3.0)
    members.refresh()
    assert members.cpu_s() == pytest.approx(4.0)


def test_the_machine_s_time_is_all_that_ran(proc):
    proc.machine(123.5)
    assert family(proc).machine_cpu_s() == pytest.approx(123.5)


@pytest.mark.parametrize(("line", "running"), [("procs_running 3\n", 3), ("procs_running 0\n", 1), ("", 1)])
def test_those_that_run_now_are_counted_where_the_kernel_tells(proc, line, running):
    proc.machine(123.5)
    with (proc.root / "stat").open("a") as stat:
        stat.write(f"ctxt 1\n{line}procs_blocked 7\n")
    assert family(proc).running() == running


def test_memory_is_the_proportional_size_of_all_members(proc):
    proc.process(60, parent=ROOT)
    proc.memory(anonymous_mb=700, mapped_mb=100)
    proc.holds(ROOT, pss_mb=150)
    proc.holds(60, pss_mb=50)
    found = family(proc).memory()
    assert (found.own_bytes, found.all_bytes) == (200 << 20, 800 << 20)
    assert found.method == "proportional set size"


def test_where_the_kernel_hides_it_resident_memory_stands_in_and_is_said_to(proc):
    proc.memory(anonymous_mb=700, mapped_mb=100)
    proc.holds(ROOT, resident_mb=200)
    found = family(proc).memory()
    assert (found.own_bytes, found.method) == (200 << 20, "resident memory")


@pytest.mark.parametrize("host_namespace", [True, False])
def test_a_container_s_pids_are_not_those_that_drivers_know(tmp_path, host_namespace):
    fake = FakeProc(tmp_path / "proc", host_namespace=host_namespace)
    fake.process(ROOT)
    assert family(fake).known_to_drivers is host_namespace


def burn(seconds):
    code = f"import time\nwhile time.process_time() < {seconds}: pass\nprint('done', flush=True)\ninput()"
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("make", [lambda: ProcFamily(Path("/proc")), PsutilFamily])
def test_a_real_child_s_cpu_time_is_counted_while_it_lives_and_after(make):
    members = make()
    before_s, own_before_s = members.cpu_s(), time.process_time()
    child = burn(0.3)
    assert child.stdout.readline() == "done\n"
    members.refresh()
    alive_s = members.cpu_s() - before_s - (time.process_time() - own_before_s)
    child.communicate("\n", timeout=30)
    ended_s = members.cpu_s() - before_s - (time.process_time() - own_before_s)
    # Ticks of 10 ms cut off something at either end.
    assert 0.27 <= alive_s <= 0.6
    assert ended_s >= alive_s - 0.03


def test_all_processes_use_at_least_what_this_one_uses():
    members = PsutilFamily()
    memory = members.memory()
    assert 0 < memory.own_bytes <= memory.all_bytes
    assert members.machine_cpu_s() > 0
    assert os.getpid() in members.pids
