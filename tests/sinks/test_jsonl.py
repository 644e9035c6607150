import io
import json
import sys

import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.sinks import jsonl


def test_a_path_must_be_given(make_sink):
    with pytest.raises(SettingsError, match="set its `path`"):
        make_sink(jsonl)


def test_every_event_is_a_line_with_its_kind(tmp_path, make_sink, story):
    sink = make_sink(jsonl, path=tmp_path / "events.jsonl")

    for event in story.whole():
        sink.handle(event)

    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == [
        "run_started",
        "devices_chosen",
        "intensity_found",
        "epoch_finished",
        "forecast_made",
        "power_sampled",
        "warning_raised",
        "epoch_finished",
        "run_finished",
    ]
    assert {line["run"]["run_id"] for line in lines} == {"0123abcd"}


def test_reports_carry_derived_figures_and_a_finished_run_no_second_copy_of_its_epochs(tmp_path, make_sink, story):
    sink = make_sink(jsonl, path=tmp_path / "events.jsonl")

    for event in story.whole():
        sink.handle(event)

    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert lines[3]["report"]["energy"]["kwh"] == pytest.approx(0.0015)
    assert lines[3]["report"]["co2eq_grams"] == pytest.approx(0.6)
    assert lines[-1]["report"]["epochs"] == []
    assert lines[-1]["report"]["epoch_count"] == 2


def test_a_dash_is_the_standard_output_of_the_moment(make_sink, story, capsys):
    sink = make_sink(jsonl, path="-")

    sink.handle(story.warned("mind"))

    assert json.loads(capsys.readouterr().out)["text"] == "mind"


def test_a_closed_standard_output_harms_nobody(make_sink, story, monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)

    make_sink(jsonl, path="-").handle(story.warned())


def test_a_directory_that_cannot_be_made_is_told_to_the_engine(tmp_path, make_sink, story):
    (tmp_path / "file").write_text("")
    sink = make_sink(jsonl, path=tmp_path / "file" / "events.jsonl")

    with pytest.raises(OSError, match=r"File exists; name another place, .*events\.jsonl"):
        sink.handle(story.warned())
