"""Writing when the disk, the directory or the process fails."""

import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from carbonsdk.journal.reader import Problems, read_records
from carbonsdk.journal.records import Warned
from carbonsdk.journal.writer import JournalWriter

NOT_ROOT = os.geteuid() != 0 if hasattr(os, "geteuid") else True


@pytest.fixture
def told():
    return []


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "a run" / "journal.jsonl"


@pytest.fixture
def writer(path, told):
    writer = JournalWriter(path, on_problem=told.append)
    yield writer
    writer.close()


def test_each_record_is_on_the_file_when_write_returns(writer, path, sample, told):
    for record in (sample.run(), sample.device(), sample.epoch(0, 0, 1, (0, 5))):
        writer.write(record)
        assert list(read_records(path))[-1] == record
    assert told == []


def test_file_and_directories_are_for_the_users_eyes_only(writer, path, sample):
    writer.write(sample.run())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_nothing_is_created_before_the_first_record(path, told):
    JournalWriter(path, on_problem=told.append).close()
    assert not path.parent.exists()


def test_closing_twice_and_writing_afterwards_do_nothing(writer, path, sample):
    writer.write(sample.run())
    writer.close()
    writer.close()
    writer.write(sample.device())
    writer.sync()
    assert list(read_records(path)) == [sample.run()]


def test_records_wait_until_the_directory_can_be_made_and_one_warning_is_given(path, told, sample):
    path.parent.parent.parent.joinpath("runs").write_text("a file where the directory should be")
    writer = JournalWriter(path, on_problem=told.append)
    epochs = [sample.epoch(n, n, n + 1, (n, 1.0)) for n in range(5)]
    for epoch in epochs[:4]:
        writer.write(epoch)
        writer.sync()
    assert len(told) == 1
    assert str(path) in told[0]
    assert "state_dir" in told[0]
    path.parent.parent.unlink()
    writer.write(epochs[4])
    assert list(read_records(path)) == epochs
    writer.close()
    assert len(told) == 1


def test_sync_alone_writes_what_waits(path, told, sample):
    path.parent.parent.write_text("")
    writer = JournalWriter(path, on_problem=told.append)
    writer.write(sample.run())
    path.parent.parent.unlink()
    writer.sync()
    assert list(read_records(path)) == [sample.run()]
    writer.close()


@pytest.fixture
def synced(monkeypatch):
    """The inodes that were handed to fsync, in order."""
    inodes, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (inodes.append(os.fstat(fd).st_ino), fsync(fd))[1])
    return inodes


def test_sync_has_the_record_and_every_new_name_on_the_way_to_it_survive_a_loss_of_power(writer, path, sample, synced):
    writer.write(sample.run())
    assert synced == []
    writer.sync()
    places = [path, path.parent, path.parent.parent, path.parent.parent.parent]
    assert sorted(synced) == sorted(place.stat().st_ino for place in places)
    writer.sync()
    assert len(synced) == len(places)
    writer.write(sample.device())
    writer.close()
    assert synced[len(places) :] == [path.stat().st_ino]


def test_a_disk_that_is_slow_to_sync_holds_up_no_write(writer, path, sample, monkeypatch):
    begun, over = threading.Event(), threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _fd: (begun.set(), over.wait(30)))
    writer.write(sample.run())
    syncing = threading.Thread(target=writer.sync)
    syncing.start()
    assert begun.wait(30)
    writer.write(sample.device())
    assert list(read_records(path)) == [sample.run(), sample.device()]
    over.set()
    syncing.join()


@pytest.mark.skipif(not NOT_ROOT, reason="root writes to read-only directories")
def test_a_read_only_directory_is_told_of_once(path, told, sample):
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o500)
    writer = JournalWriter(path, on_problem=told.append)
    writer.write(sample.run())
    writer.write(sample.device())
    assert len(told) == 1
    path.parent.chmod(0o700)
    writer.close()
    assert list(read_records(path)) == [sample.run(), sample.device()]


def test_a_deleted_directory_is_made_again_with_what_the_rest_needs(writer, path, sample, told):
    head = [sample.run(), sample.device(), sample.intensity(300.0)]
    for record in (*head, sample.epoch(0, 0, 1, (0, 1.0))):
        writer.write(record)
    path.unlink()
    path.parent.rmdir()
    writer.write(sample.epoch(1, 1, 2, (1.0, 1.0)))
    assert list(read_records(path)) == [*head, sample.epoch(1, 1, 2, (1.0, 1.0))]
    assert len(told) == 1
    assert "deleted" in told[0]


def test_a_line_that_another_writer_left_torn_is_closed_first(path, told, sample):
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"kind":"epoch","num')
    writer = JournalWriter(path, on_problem=told.append)
    writer.write(sample.run())
    writer.close()
    problems = Problems()
    assert list(read_records(path, problems=problems)) == [sample.run()]
    assert problems.damaged == 1


def test_two_writers_and_many_threads_never_mix_their_lines(path, told, sample):
    writers = [JournalWriter(path, on_problem=told.append) for _ in range(2)]

    def write(worker):
        for n in range(200):
            writers[worker % 2].write(sample.epoch(1000 * worker + n, n, n + 1, (n, 1.0)))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.close()
    problems = Problems()
    numbers = [record.number for record in read_records(path, problems=problems)]
    assert sorted(numbers) == sorted(1000 * worker + n for worker in range(6) for n in range(200))
    assert problems.damaged == 0
    assert all(sorted(own) == own for own in ([n for n in numbers if n // 1000 == worker] for worker in range(6)))


def test_a_listener_may_write_a_record_of_the_problem_it_is_told(path, sample):
    path.parent.parent.write_text("")
    writer = JournalWriter(path, on_problem=lambda text: writer.write(Warned(0, text)))
    writer.write(sample.run())
    path.parent.parent.unlink()
    writer.close()
    first, second = read_records(path)
    assert first == sample.run()
    assert "cannot write" in second.text


def test_what_cannot_be_encoded_is_told_and_harms_nothing_else(writer, path, sample, told):
    writer.write(Warned(0, object()))
    writer.write(Warned(0, object()))
    writer.write(sample.run())
    assert list(read_records(path)) == [sample.run()]
    assert len(told) == 1


def _python(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


FULL_DISK = """
    import resource, sys
    from pathlib import Path
    from carbonsdk.journal.records import EpochEnded, Use
    from carbonsdk.journal.writer import JournalWriter
    told = []
    writer = JournalWriter(Path(sys.argv[1]), on_problem=told.append)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
    for number in range(40):
        writer.write(EpochEnded(number, "epoch", number, number + 1, (Use(0, number / 3, 1 / 3),)))
        writer.sync()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.write(EpochEnded(40, "epoch", 40, 41, (Use(0, 40 / 3, 1 / 3),)))
    writer.close()
    print(len(told))
"""


@pytest.mark.parametrize("limit_bytes", [0, 1, 1000, 1001, 1002, 3333])
def test_a_disk_that_is_full_at_any_byte_loses_no_epoch_once_there_is_room(path, limit_bytes):
    with _python(FULL_DISK, path, limit_bytes) as process:
        told = process.stdout.read()
    assert process.returncode == 0
    assert told.strip() == "1"
    assert [record.number for record in read_records(path)] == list(range(41))


def test_a_device_that_is_always_full_costs_nothing_but_one_warning(told, sample):
    writer = JournalWriter(Path("/dev/full"), on_problem=told.append)
    for record in (sample.run(), sample.device(), sample.epoch(0, 0, 1, (0, 1.0))):
        writer.write(record)
    writer.close()
    assert len(told) == 1
    assert "No space left" in told[0]


def test_a_number_that_the_program_closed_and_has_for_a_file_of_its_own_is_left_to_it(told, tmp_path, sample):
    path, theirs = tmp_path / "journal.jsonl", tmp_path / "theirs"
    first = os.open("/dev/null", os.O_RDONLY)
    os.close(first)
    writer = JournalWriter(path, on_problem=told.append)
    writer.write(sample.run())
    os.close(first)  # the lowest free number, so the writer has it
    with theirs.open("w") as file:
        assert file.fileno() == first
        writer.write(sample.device())
        writer.close()
        file.write("theirs")
    assert theirs.read_text() == "theirs"
    assert list(read_records(path)) == [sample.run(), sample.device()]
    assert told == []


KILLED = """
    import sys
    from pathlib import Path
    from carbonsdk.journal.records import EpochEnded, Use
    from carbonsdk.journal.writer import JournalWriter
    writer = JournalWriter(Path(sys.argv[1]), on_problem=print)
    for number in range(10**9):
        writer.write(EpochEnded(number, "epoch", number, number + 1, (Use(0, number / 3, 1 / 3),)))
        if number % 10 == 0:
            print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_process_leaves_every_epoch_that_had_ended(path, seed):
    with _python(KILLED, path) as process:
        last = 0
        for _ in range(random.Random(seed).randrange(1, 300)):
            last = int(process.stdout.readline())
        process.kill()
        last = max([last, *map(int, process.stdout.read().split())])
    assert process.returncode == -signal.SIGKILL
    numbers = [record.number for record in read_records(path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > last


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_write(path):
    script = """
        import os, sys
        from pathlib import Path
        from carbonsdk.journal.records import Warned
        from carbonsdk.journal.writer import JournalWriter
        writer = JournalWriter(Path(sys.argv[1]), on_problem=print)
        writer.write(Warned(0, "parent"))
        writer._lock.acquire()  # as another thread may hold it at the fork
        child = os.fork()
        if not child:
            writer.write(Warned(0, "child"))
            writer.sync()
            writer.close()
            os._exit(0)
        writer._lock.release()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        writer.write(Warned(1, "parent again"))
        writer.close()
    """
    with _python(script, path) as process:
        assert process.stdout.read() == ""
    assert process.returncode == 0
    assert [record.text for record in read_records(path)] == ["parent", "parent again"]


def test_an_error_of_a_handler_in_the_midst_of_a_write_is_not_the_disk_s(writer, path, sample, told, monkeypatch):
    def interrupted(fd, data):
        monkeypatch.undo()
        signal.raise_signal(signal.SIGTERM)
        return os.write(fd, data)

    def out_of_time(_number, _frame):
        raise TimeoutError("the job's time is up")

    writer.write(sample.run())
    before = signal.signal(signal.SIGTERM, out_of_time)
    try:
        monkeypatch.setattr(os, "write", interrupted)
        with pytest.raises(TimeoutError, match="the job's time is up"):
            writer.write(Warned(1, "interrupted"))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == []
    writer.write(Warned(2, "after it"))
    assert [record.text for record in read_records(path) if isinstance(record, Warned)] == ["interrupted", "after it"]
