"""Packed epochs come back as they were."""

import os
import resource
import signal
import tracemalloc
from pathlib import Path

import pytest

from carbonsdk.journal.records import SpanUse, Use
from carbonsdk.journal.shelf import EpochShelf


@pytest.mark.parametrize("flag", ["failed", "partial", "provisional", "closes"])
def test_an_epoch_comes_back_with_all_that_it_held(sample, flag):
    uses = (Use(0, 1e9 / 3, None, 0.0, 0.0, "lost"), Use(1, 0.0, 5.0))
    epoch = sample.epoch(-3, 0, 1)._replace(
        uses=uses, spans=(SpanUse("validation", 2, 10, uses),), reason="because", name="ünï", **{flag: flag != "closes"}
    )
    shelf = EpochShelf()
    shelf.put(epoch)
    assert list(shelf) == [epoch]


def test_the_oldest_leaves_first_and_a_correction_keeps_its_place(sample):
    shelf = EpochShelf(limit=3)
    for number in range(4):
        shelf.put(sample.epoch(number, number, number + 1, (0, 1.0)))
    shelf.correct(sample.epoch(2, 2, 3, (0, 9.0)))
    shelf.correct(sample.epoch(0, 0, 1, (0, 9.0)))
    assert [(epoch.number, epoch.uses[0].joules) for epoch in shelf] == [(1, 1.0), (2, 9.0), (3, 1.0)]
    assert shelf[-1].number == 3
    assert [epoch.number for epoch in shelf[:2]] == [1, 2]


def test_a_snapshot_does_not_change(sample):
    shelf = EpochShelf()
    shelf.put(sample.epoch(0, 0, 1))
    before = shelf.snapshot()
    shelf.put(sample.epoch(1, 1, 2))
    assert len(before) == 1


def numbered(sample, number):
    uses = (Use(0, 10.0 * number, 10.0), Use(1, 0.0, None, 0.0, 0.0, "lost" if number % 2 else None))
    spans = (SpanUse("train", 3, 10, uses),) if number % 3 else ()
    return sample.epoch(number, number, number + 1)._replace(uses=uses, spans=spans, reason="because" if number % 5 else None)


def filled(sample, directory, count, *, limit=2_000):
    shelf = EpochShelf(limit=limit, aside=directory)
    for number in range(count):
        shelf.put(numbered(sample, number))
    return shelf


def test_epochs_set_aside_come_back_as_they_were(sample, tmp_path):
    shelf = filled(sample, tmp_path, 5_700)
    expected = [numbered(sample, number) for number in range(3_700, 5_700)]
    assert len(shelf) == 2_000
    assert list(shelf) == expected
    assert (shelf[0], shelf[-2_000], shelf[1_999]) == (expected[0], expected[0], expected[-1])
    assert shelf[990:1_510:7] == tuple(expected[990:1_510:7])
    with pytest.raises(IndexError):
        shelf[2_000]


def test_epochs_set_aside_leave_no_name_in_the_directory_and_a_tenth_of_them_in_memory(sample, tmp_path):
    tracemalloc.start()
    try:
        shelf = filled(sample, tmp_path, 10_000, limit=10_000)
        in_memory, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(shelf) == 10_000
    assert list(tmp_path.iterdir()) == []
    assert in_memory < 1_000_000


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it counts open files in /proc")
def test_no_file_stays_open_for_epochs_that_nobody_holds(sample, tmp_path):
    before = open_files()
    shelf = filled(sample, tmp_path, 10_000)
    assert open_files() <= before + 3
    del shelf
    assert open_files() == before


def test_a_correction_reaches_an_epoch_set_aside_but_no_snapshot_before_it(sample, tmp_path):
    shelf = filled(sample, tmp_path, 2_500)
    before = shelf.snapshot()
    corrected = numbered(sample, 600)._replace(reason="corrected")
    shelf.correct(corrected)
    shelf.put(numbered(sample, 2_500))
    assert shelf[99] == corrected
    assert before[100] == numbered(sample, 600)
    assert [epoch.number for epoch in before] == list(range(500, 2_500))


def test_without_room_aside_epochs_stay_in_memory_until_there_is(sample, tmp_path):
    directory = tmp_path / "later"
    shelf = filled(sample, directory, 2_500, limit=10_000)
    directory.mkdir()
    for number in range(2_500, 6_000):
        shelf.put(numbered(sample, number))
    assert [epoch.number for epoch in shelf] == list(range(6_000))
    assert shelf.in_memory <= 1_000


def test_a_disk_that_is_full_loses_no_epoch(sample, tmp_path):
    shelf = filled(sample, tmp_path, 1_500, limit=10_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # the write is cut short, as by a full disk
    try:
        for number in range(1_500, 4_000):
            shelf.put(numbered(sample, number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    shelf.put(numbered(sample, 4_000))
    assert list(shelf) == [numbered(sample, number) for number in range(4_001)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_reads_what_was_set_aside_and_closes_no_file_of_another(sample, tmp_path):
    shelf = filled(sample, tmp_path, 1_200)
    child = os.fork()
    if not child:
        whole = [epoch.number for epoch in shelf] == list(range(1_200))
        os.closerange(3, 64)
        files = [os.open(os.devnull, os.O_RDONLY) for _ in range(32)]
        del shelf
        still_open = all(os.fstat(fd) for fd in files)
        os._exit(0 if whole and still_open else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert shelf[0].number == 0
