"""Packed epochs come back as they were."""

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
