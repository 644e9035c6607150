"""Runs as people ask for them: listed, loaded, resumed."""

import os
import socket
import subprocess
import sys
import time
from itertools import accumulate
from pathlib import Path

import pytest

from carbonsdk import runs
from carbonsdk.errors import JournalError
from carbonsdk.journal.codec import encode
from carbonsdk.journal.records import OpenEpoch
from carbonsdk.journal.writer import JournalWriter

HERE = socket.gethostname()


@pytest.fixture
def record(sample, tmp_path):
    """Write one process's journal as the engine does; return its path."""

    def write(start_s, *records, **run):
        began = sample.run(start_s, **run)
        path = runs.journal_path(began.run, tmp_path)
        writer = JournalWriter(path, on_problem=pytest.fail)
        for each in (began, sample.device(host=run.get("host", "alpha")), sample.intensity(360.0), *records):
            writer.write(each)
        writer.close()
        return path

    return write


@pytest.fixture
def dead_pid():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_there_are_no_runs_where_nothing_was_recorded(tmp_path):
    assert runs.list(tmp_path) == ()
    assert runs.list(tmp_path / "absent") == ()


def test_a_finished_run_is_listed_with_its_figures(record, sample, tmp_path):
    path = record(
        0, sample.epoch(0, 0, 50, (0, 1000)), sample.epoch(1, 50, 100, (1000, 800)), sample.end(100, 3600.0), name="a try"
    )
    (run,) = runs.list(tmp_path)
    assert (run.run_id, run.name, run.state, run.host) == ("20261122-120000-ab12cd", "a try", "finished", "alpha")
    assert (run.energy_joules, run.co2eq_grams) == (3600.0, pytest.approx(0.36))
    assert (run.quality, run.simulated, run.partial) == ("measured", False, False)
    assert (run.epoch_count, run.duration_s, run.attempts, run.processes) == (2, 100.0, 1, 1)
    assert run.path == path.parent


def test_the_newest_run_comes_first(record, sample, tmp_path):
    for start_s, run_id in ((0, "b"), (100, "a"), (50, "c")):
        record(start_s, sample.end(start_s + 1, 1.0), run_id=run_id)
    assert [run.run_id for run in runs.list(tmp_path)] == ["a", "c", "b"]


def test_the_latest_run_is_the_newest_whatever_another_is_called(record, sample, tmp_path):
    called = record(0, sample.end(10, 0.0), run_id="latest")
    record(1000, sample.end(10, 0.0), run_id="newest")
    assert runs.load("latest", tmp_path).run_id == "newest"
    assert runs.load(called, tmp_path).run_id == "latest"


def test_a_listing_agrees_with_the_report_however_long_the_run(record, sample, tmp_path):
    history = []
    for number in range(3000):
        history.append(sample.epoch(number, number, number + 1, (2.0 * number, 2.0)))
        if number % 60 == 0:
            history.append(sample.state(number + 1, 2.0 * number + 2))
        if number % 300 == 0:
            history.append(sample.slot(number + 1, 2.0 * number + 2))
    record(0, *history)
    (run,), report = runs.list(tmp_path), runs.load("20261122-120000-ab12cd", tmp_path)
    assert run.energy_joules == report.energy.joules == 6000.0
    assert run.co2eq_grams == pytest.approx(report.co2eq_grams)
    assert run.epoch_count == report.epoch_count == 3000
    assert run.duration_s == report.duration_s == 3000.0


def test_a_directory_without_a_readable_record_is_no_run(record, sample, tmp_path):
    record(0, sample.end(1, 1.0))
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "rubbish").mkdir()
    (tmp_path / "runs" / "rubbish" / "x.jsonl").write_bytes(b"\xff\x00rubbish\n")
    (tmp_path / "runs" / "a file").write_text("")
    assert len(runs.list(tmp_path)) == 1


def test_a_run_is_loaded_by_a_beginning_of_its_id(record, sample, tmp_path):
    path = record(0, sample.epoch(0, 0, 50, (0, 1000)), sample.end(100, 2000.0))
    report = runs.load("20261122", tmp_path)
    assert (report.run_id, report.energy.joules, report.epochs_energy.joules) == ("20261122-120000-ab12cd", 2000.0, 1000.0)
    assert report.record == str(path)
    assert report.state == "finished"


@pytest.mark.parametrize("of", [lambda path: path, lambda path: path.parent, str])
def test_a_run_is_loaded_by_the_path_of_its_record(record, sample, of):
    assert runs.load(of(record(0, sample.end(100, 2000.0)))).energy.joules == 2000.0


def test_an_ambiguous_beginning_names_the_runs_that_it_could_be(record, sample, tmp_path):
    for run_id in ("20261122-a", "20261122-b"):
        record(0, sample.end(1, 1.0), run_id=run_id)
    with pytest.raises(JournalError, match=r"beginning of 2 runs \(20261122-a, 20261122-b\): give more of it"):
        runs.load("2026", tmp_path)
    assert runs.load("20261122-b", tmp_path).run_id == "20261122-b"


def test_a_whole_id_is_never_ambiguous(record, sample, tmp_path):
    for run_id in ("job", "job-2"):
        record(0, sample.end(1, 1.0), run_id=run_id)
    assert runs.load("job", tmp_path).run_id == "job"


@pytest.mark.parametrize("run_id", ["2027", "", ".."])
def test_an_unknown_run_says_where_it_was_looked_for(run_id, tmp_path):
    with pytest.raises(JournalError, match="carbonsdk runs list"):
        runs.load(run_id, tmp_path)


def test_no_run_id_leads_out_of_the_state_directory(sample, tmp_path):
    path = runs.journal_path(sample.run(run_id="../../../evil", host="../../host").run, tmp_path)
    assert path.parent.parent == tmp_path / "runs"
    assert path.resolve().is_relative_to(tmp_path.resolve())


def test_a_run_with_any_id_is_found_by_it(record, sample, tmp_path):
    record(0, sample.end(1, 7.0), run_id="exp/7: ünïcode")
    assert runs.load("exp/7: ünïcode", tmp_path).energy.joules == 7.0
    (run,) = runs.list(tmp_path)
    assert run.run_id == "exp/7: ünïcode"
    assert runs.load(run.path.name, tmp_path).energy.joules == 7.0


def test_a_record_cut_at_any_byte_is_listed_and_loaded_as_interrupted_with_the_same_epochs(record, sample, tmp_path, dead_pid):
    epochs = [sample.epoch(n, 10 * n, 10 * n + 10, (100.0 * n, 100.0)) for n in range(2)]
    path = record(0, *epochs, sample.end(30, 300.0), pid=dead_pid, host=HERE)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    head = len(lines[0]) - 1
    ends = [at - 1 for at, line in zip(accumulate(map(len, lines)), lines, strict=True) if line.startswith(b'{"kind":"epoch"')]
    assert len(ends) == 2
    for cut in range(head, len(whole) - 1):
        path.write_bytes(whole[:cut])
        count = sum(end <= cut for end in ends)
        (run,) = runs.list(tmp_path)
        report = runs.load(run.run_id, tmp_path)
        assert (run.state, run.epoch_count) == (report.state, report.epoch_count) == ("interrupted", count), cut
        assert len(report.epochs) == count
    path.write_bytes(whole[: head - 1])
    assert runs.list(tmp_path) == ()


def test_a_killed_run_is_interrupted_and_has_all_its_ended_epochs(record, sample, tmp_path, dead_pid):
    open_epoch = OpenEpoch(2, "epoch", sample.ns(100), sample.uses((1800, 200)))
    epochs = [sample.epoch(0, 0, 50, (0, 1000)), sample.epoch(1, 50, 100, (1000, 800))]
    path = record(0, *epochs, sample.state(120, 2000.0, open_epochs=(open_epoch,)), host=HERE, pid=dead_pid)
    with path.open("ab") as file:
        file.write(encode(sample.epoch(2, 100, 150, (1800, 900)))[:-20])
    (run,), report = runs.list(tmp_path), runs.load("20261122", tmp_path)
    assert run.state == report.state == "interrupted"
    assert [(epoch.number, epoch.partial, epoch.energy.joules) for epoch in report.epochs] == [
        (0, False, 1000.0),
        (1, False, 800.0),
        (2, True, 200.0),
    ]
    assert (report.epoch_count, report.energy.joules) == (2, 2000.0)
    assert report.warnings == ()


def test_a_run_whose_process_lives_is_running(record, sample, tmp_path):
    now_s = time.time() - sample.START.timestamp()
    record(now_s, sample.state(now_s + 10, 100.0), host=HERE, pid=os.getpid())
    assert runs.list(tmp_path)[0].state == "running"
    assert runs.load("20261122", tmp_path).state == "running"


def test_a_pid_that_another_process_has_by_now_is_not_the_runs(record, sample, tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        long_ago_s = -10 * 365 * 86400
        record(long_ago_s, sample.state(long_ago_s + 10, 100.0), host=HERE, pid=other.pid)
        assert runs.list(tmp_path)[0].state == "interrupted"
        other.communicate(b"\n")


def test_of_another_host_the_age_of_the_record_tells(record, sample, tmp_path):
    path = record(0, sample.state(10, 100.0), host="elsewhere")
    assert runs.list(tmp_path)[0].state == "running"
    os.utime(path, (time.time() - 1000, time.time() - 1000))
    assert runs.list(tmp_path)[0].state == "interrupted"


def test_damage_is_told_and_the_rest_is_loaded(record, sample, tmp_path):
    path = record(0, sample.epoch(0, 0, 50, (0, 1000)), sample.end(100, 2000.0))
    path.write_bytes(path.read_bytes().replace(b'"kind":"intensity"', b'"kind":"inten'))
    (path.parent / "other.jsonl").write_bytes(b"rubbish\n")
    report = runs.load("20261122", tmp_path)
    assert report.energy.joules == 2000.0
    assert any("1 damaged lines are left out" in warning for warning in report.warnings)


def test_a_directory_without_records_says_so(tmp_path):
    with pytest.raises(JournalError, match="holds no record"):
        runs.load(tmp_path)


def test_records_of_all_attempts_come_in_order(record, sample, tmp_path):
    record(500, sample.end(600, 5.0), pid=9, attempt=2)
    record(0, sample.state(100, 7.0), pid=10)
    found = [record for record in runs.records("20261122", tmp_path) if hasattr(record, "run")]
    assert [began.run.attempt for began in found] == [1, 2]


def test_an_attempt_goes_on_where_the_one_before_ended(record, sample, tmp_path):
    assert runs.resumption("job", 0, tmp_path) == runs.Resumption(attempt=1, first_number=0)
    record(0, sample.epoch(0, 0, 1, (0, 1)), sample.epoch(1, 1, 2, (1, 1)), run_id="job", pid=1)
    record(0, sample.epoch(0, 0, 1, (0, 1)), run_id="job", pid=2, rank=1)
    record(9, sample.epoch(2, 9, 10, (0, 1)), run_id="job", pid=3, attempt=2)
    assert runs.resumption("job", 0, tmp_path) == runs.Resumption(attempt=3, first_number=3)
    assert runs.resumption("job", 1, tmp_path) == runs.Resumption(attempt=2, first_number=1)
    assert runs.load("job", tmp_path).epoch_count == 3


def test_an_attempt_reads_no_record_of_another_rank(record, sample, tmp_path, monkeypatch):
    for rank in range(3):
        record(0, sample.epoch(0, 0, 1, (0, 1)), run_id="job", pid=1 + rank, rank=rank, host=f"node-{rank}")
    renamed = record(5, sample.epoch(7, 5, 6, (0, 1)), run_id="job", pid=9, rank=1, attempt=2)
    renamed.rename(renamed.with_name("copy of 2-1-1.jsonl"))
    opened, real = [], os.open
    monkeypatch.setattr(os, "open", lambda path, *more: (opened.append(str(path)), real(path, *more))[1])
    assert runs.resumption("job", 1, tmp_path) == runs.Resumption(attempt=3, first_number=8)
    assert sorted(Path(path).name.partition("-20")[0] for path in opened) == ["copy of 2-1-1.jsonl", "node-1-1-2"]


def test_the_users_state_directory_is_where_runs_are_by_default(tmp_path):
    script = "from carbonsdk import runs; print(runs.state_directory()); print(runs.list())"
    environ = os.environ | {"XDG_STATE_HOME": str(tmp_path / "a state"), "HOME": str(tmp_path)}
    out = subprocess.run([sys.executable, "-W", "error", "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert out.stdout.splitlines() == [str(tmp_path / "a state" / "carbonsdk"), "()"]
    assert list(tmp_path.iterdir()) == []
