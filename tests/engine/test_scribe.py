"""What a session notes is in its reports, or a warning says why not."""

import pytest

import carbonsdk as ct
from carbonsdk import runs
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.scribe import Scribe


def test_a_record_that_no_report_can_take_costs_itself_alone_and_is_told_of(sample):
    notices = Notices()
    scribe = Scribe(None, [], notices)
    for record in (sample.run(), sample.device(), sample.epoch(2**70, 0, 1, (0, 5.0)), sample.epoch(1, 1, 2, (5, 7.0))):
        scribe.note(record)
    assert [epoch.number for epoch in scribe.assembly.epochs] == [1]
    assert [text for text in notices.texts if "EpochEnded" in text] == list(notices.texts)
    assert len(notices.texts) == 1


class Unspeakable:
    def __str__(self):
        raise RuntimeError("no")

    __hash__ = None


@pytest.mark.parametrize(
    ("name", "text"), [(5, "5"), (None, ""), (b"x", "b'x'"), ([1], "[1]"), ("\ud800\x1b", "��"), (Unspeakable(), "Unspeakable")]
)
def test_epochs_and_spans_may_be_named_by_anything(tmp_path, name, text):
    with ct.CarbonTracker(backends={"replay": {"watts": "cpu=65"}}, zone="DE", verbose=0, state_dir=tmp_path) as tracker:
        with tracker.epoch(name), tracker.span(name):
            pass
        with tracker.span(name):
            pass
        (live,) = tracker.report().epochs
    (written,) = runs.load("latest", tmp_path).epochs
    for epoch in (live, written):
        assert (epoch.name, epoch.spans[0].name) == (text, text)
