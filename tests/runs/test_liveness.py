"""Whether a run goes on: a pid alone says little, since the next process may have it."""

import os
import socket
import subprocess
import sys
import time

import pytest
from support.proc import FakeProc

from carbonsdk.incarnation import incarnation
from carbonsdk.journal.assembly import Assembly
from carbonsdk.runs.liveness import run_state, runs_beside

HERE = socket.gethostname()
LIFE = "0a1b2c3d-4026531836-100"  # of a process that FakeProc has, unless told otherwise
NS_PER_S = 10**9


@pytest.fixture
def proc(tmp_path):
    """The host's processes, this one among them."""
    fake = FakeProc(tmp_path / "proc")
    fake.process(os.getpid())
    return fake


@pytest.fixture
def journal(tmp_path):
    """A journal that was written just now, or so many seconds ago."""

    def make(*, silent_s=0.0):
        path = tmp_path / "journal.jsonl"
        path.write_bytes(b"")
        written_ns = time.time_ns() - int(silent_s * NS_PER_S)
        os.utime(path, ns=(written_ns, written_ns))
        return path

    return make


@pytest.fixture
def run(sample):
    def make(start_s=0, **more):
        assembly = Assembly()
        assembly.add(sample.run(start_s, **{"host": HERE, "pid": 1, **more}))
        return assembly

    return make


def test_the_process_itself_is_known_again(proc, journal, run):
    proc.process(1)
    assert run_state(run(life=LIFE), journal(silent_s=9999), proc=proc.root) == "running"
    assert runs_beside(run(life=LIFE), proc=proc.root)


def test_the_first_process_of_a_container_that_was_started_again_is_another(proc, journal, run):
    proc.process(1, started=101)
    assert run_state(run(life=LIFE), journal(), proc=proc.root) == "interrupted"
    assert not runs_beside(run(life=LIFE), proc=proc.root)


def test_a_process_is_another_than_the_one_before_it_with_its_own_pid(proc, journal, run):
    assert run_state(run(life="0a1b2c3d-4026531836-99", pid=os.getpid()), journal(), proc=proc.root) == "interrupted"


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_process_that_nobody_has_waited_for_is_dead(proc, journal, run, state):
    proc.process(1, state=state)
    assert run_state(run(life=LIFE), journal(), proc=proc.root) == "interrupted"


@pytest.mark.parametrize("elsewhere", ["0a1b2c3d-4026532999-100", "ffffffff-4026531836-100"], ids=["container", "boot"])
def test_of_a_process_of_another_container_or_boot_the_age_of_the_record_tells(proc, journal, run, elsewhere):
    proc.process(1)  # the init of this host says nothing of it
    assert run_state(run(life=elsewhere), journal(), proc=proc.root) == "running"
    assert run_state(run(life=elsewhere), journal(silent_s=1000), proc=proc.root) == "interrupted"
    assert not runs_beside(run(life=elsewhere), proc=proc.root)


def test_a_record_from_the_future_is_of_a_clock_that_was_set_back(proc, journal, run):
    assert run_state(run(host="elsewhere"), journal(silent_s=-1000), proc=proc.root) == "interrupted"


@pytest.mark.parametrize("missing", ["self/ns/pid", "sys/kernel/random/boot_id"])
@pytest.mark.parametrize("life", [None, LIFE])
def test_where_the_system_does_not_tell_pid_and_start_by_the_clock_decide(proc, journal, run, sample, missing, life):
    (proc.root / missing).unlink()
    now_s = time.time() - sample.START.timestamp()
    long_ago_s = now_s - 10 * 365 * 86400
    for pid in (os.getpid(), os.getppid()):
        assert run_state(run(now_s, life=life, pid=pid), journal(), proc=proc.root) == "running"
        assert run_state(run(long_ago_s, life=life, pid=pid), journal(), proc=proc.root) == "interrupted"


@pytest.mark.parametrize("life", ["", "-", "rubbish", "0a1b2c3d-4026531836-", "a-b-c-d", "\x00"])
@pytest.mark.parametrize("pid", [-1, 0, 1, 2**62])
def test_a_record_that_tells_rubbish_of_its_process_is_read_all_the_same(proc, journal, run, life, pid):
    assert run_state(run(life=life, pid=pid), journal(silent_s=1000), proc=proc.root) == "interrupted"


def test_nothing_is_told_of_a_process_where_its_file_is_rubbish(proc):
    (proc.root / "7").mkdir()
    for text in ("", "7 (", "7 (a) S 1", "7 (a) S" + " x" * 50, "7 (a) S" + " 0" * 50):
        (proc.root / "7" / "stat").write_text(text)
        assert incarnation(7, proc.root) is None


@pytest.fixture
def child():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.communicate(b"\n")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells")
def test_a_real_process_is_known_whatever_the_clock_was_set_to_since(child, journal, run):
    life = incarnation(child.pid).life
    ten_years_ago_s = -10 * 365 * 86400
    assert run_state(run(ten_years_ago_s, life=life, pid=child.pid), journal()) == "running"
    assert runs_beside(run(ten_years_ago_s, life=life, pid=child.pid))
    child.kill()
    while incarnation(child.pid):  # until the kernel has done so
        pass
    assert run_state(run(life=life, pid=child.pid), journal()) == "interrupted"
