import contextlib
import io
import os
import sys

import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.events import EpochCorrected
from carbonsdk.model import DeviceKind, Quality
from carbonsdk.reports import Choice
from carbonsdk.sinks import console


@pytest.fixture
def watch(make_sink):
    """Return a function that shows a sink events and returns the lines it wrote."""

    def watch(*events, **settings):
        stream = io.StringIO()
        sink = make_sink(console, stream=stream, **settings)
        for event in events:
            sink.handle(event)
        return stream.getvalue().splitlines()

    return watch


def test_it_says_what_is_measured_and_how(watch, story):
    assert watch(story.chosen()) == [
        "carbonsdk measures Xeon 2.20GHz (measured by energy counter), A100 (integrated by power sensor)"
    ]


def test_the_same_devices_are_announced_once_and_late_ones_again(watch, story):
    lines = watch(story.chosen(story.cpu), story.chosen(story.cpu), story.chosen(story.cpu, story.gpu))

    assert len(lines) == 2
    assert "A100" in lines[1]


def test_it_says_why_nothing_can_be_measured(watch, story):
    refused = (
        Choice(backend="rapl", chosen=False, reason="permission denied:\nask for it"),
        Choice(backend="nvml", chosen=False, reason="no driver"),
    )
    event = story.chosen(selection=refused)

    lines = watch(type(event)(story.run, (), refused))

    assert lines == [
        "carbonsdk can measure nothing here:",
        "  rapl: permission denied:",
        "    ask for it",
        "  nvml: no driver",
    ]


def test_an_epoch_is_a_line_with_uncertainty_quality_and_co2eq(watch, story):
    # 5400 J are 1.5 Wh; 18 J + 180 J of bias are 0.055 Wh; at 400 g/kWh that is 0.6 g.
    (line,) = watch(story.epoch(3))

    assert line == "epoch 3         10.0 s  1.500 Wh ± 0.055, integrated  600.0 mg CO2eq"


def test_an_estimated_epoch_says_so_in_its_line(watch, story):
    guess = story.device("cpu", DeviceKind.CPU, "Xeon", quality=Quality.ESTIMATED, bias=0.3)

    (line,) = watch(story.epoch(1, joules={guess: 1000.0}))

    assert "1000 J ± 300, estimated" in line


def test_a_simulated_epoch_says_so_in_its_line(watch, story):
    made_up = story.device("cpu", DeviceKind.CPU, "Xeon", simulated=True)

    (line,) = watch(story.epoch(1, joules={made_up: 1000.0}))

    assert line.endswith("[simulated]")


def test_a_simulated_device_beside_real_ones_is_in_no_total(watch, story):
    made_up = story.device("sim", DeviceKind.GPU, "Imaginary", simulated=True)
    story.epoch(1, joules={story.cpu: 3600.0, made_up: None})

    lines = watch(story.finished())

    assert lines[1] == "  energy     1.000 Wh ± 0.010, measured"
    assert not any("Imaginary" in line for line in lines)


def test_an_unknown_energy_is_never_a_zero(watch, story):
    (line,) = watch(story.epoch(1, joules={story.cpu: None}))

    assert "unknown: denied" in line
    assert "CO2eq" not in line


def test_an_epoch_that_lacks_a_device_names_it(watch, story):
    (line,) = watch(story.epoch(1, joules={story.cpu: 1800.0, story.gpu: None}, failed=True))

    assert line.endswith("[failed, without A100]")


def test_fast_epochs_do_not_flood(watch, story, make_sink, clock):
    stream = io.StringIO()
    sink = make_sink(console, stream=stream)

    for number in range(40):  # one every 0.1 s, for 4 s
        sink.handle(story.epoch(number, duration_s=0.1))
        clock.step(0.1)
    sink.handle(story.finished())

    before_totals = stream.getvalue().partition("total:")[0].splitlines()
    assert len(before_totals) <= 2 * 4 + 2
    shown = sum(line.startswith("epoch") for line in before_totals)
    held = sum(int(line.split()[1]) for line in before_totals if line.startswith("…"))
    assert shown + held == 40


def test_slow_epochs_are_all_shown(make_sink, story, clock):
    stream = io.StringIO()
    sink = make_sink(console, stream=stream)

    for number in range(5):
        sink.handle(story.epoch(number))
        clock.step(0.5)

    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["0", "1", "2", "3", "4"]


def test_only_the_first_forecast_is_shown(watch, story):
    lines = watch(story.forecast(seen=1), story.forecast(seen=2))

    assert lines == ["forecast for 4 epochs: 7.500 Wh (6.000 Wh to 9.000 Wh at 90%), 50.0 s, 3.000 g CO2eq"]


def test_after_the_last_epoch_there_is_nothing_to_forecast(watch, story):
    assert watch(story.forecast(seen=4)) == []


def test_verbose_two_adds_later_forecasts_warnings_intensities_and_corrections(watch, story):
    correction = EpochCorrected(story.run, story.epoch(1).report)

    lines = watch(story.forecast(), story.forecast(), story.warned("mind"), story.found(), correction, verbose=2)

    assert len(lines) == 5
    assert lines[2] == "warning: mind"
    assert lines[3] == "intensity in DE: 400 gCO2eq/kWh, DE, Ember, 2024, lifecycle"
    assert lines[4].endswith("(corrected)")


def test_verbose_zero_writes_nothing(watch, story):
    assert watch(*story.whole(), verbose=0) == []


def test_totals_tell_energy_intensity_coverage_and_where_the_record_is(watch, story):
    story.epoch(1)
    story.epoch(2)

    lines = watch(story.finished(between_joules=1200.0))

    # 2 x 5400 J + 1200 J = 12 kJ; bias 48 J + 360 J; 12 kJ at 400 g/kWh = 1.333 g.
    assert lines == [
        "total: 2 epochs of 4 in 20.0 s",
        "  energy     3.333 Wh ± 0.11, integrated",
        "  of which   Xeon 2.20GHz 1.333 Wh (40%), A100 2.000 Wh (60%)",
        "  between    1200 J of it outside the epochs",
        "  CO2eq      1.333 g",
        "  intensity  400 gCO2eq/kWh, DE, Ember, 2024, lifecycle",
        "  as much as 0.0125 km travelled by car, 0.108 smartphone charges, 0.00267 months of an urban tree's growth",
        "  covered    100.0% of the time",
        "  record     /records/0123abcd.jsonl",
    ]


def test_warnings_stand_below_the_totals(watch, story):
    lines = watch(story.warned("mind"), story.finished(warnings=("mind", "no room")))

    assert lines[-2:] == ["  warning    mind", "  warning    no room"]


def test_with_verbose_two_warnings_are_told_as_they_come_and_not_again(watch, story):
    lines = watch(story.warned("mind"), story.finished(warnings=("mind",)), verbose=2)

    assert [each for each in lines if "mind" in each] == ["warning: mind"]


def test_totals_name_what_is_missing(watch, story, missing_energy):
    story.epoch(1, joules={story.cpu: 1800.0, story.gpu: None})

    lines = watch(story.finished())

    assert "  missing    A100: denied" in lines


def test_devices_that_miss_for_one_reason_share_a_line(watch, story):
    story.epoch(1, joules={story.cpu: None, story.gpu: None})

    lines = watch(story.finished())

    assert [line for line in lines if "missing" in line] == ["  missing    Xeon 2.20GHz, A100: denied"]


def test_totals_of_a_run_without_any_energy_are_unknown_not_zero(watch, story):
    story.epoch(1, joules={story.cpu: None})

    lines = watch(story.finished())

    assert "  energy     unknown: denied" in lines
    assert "  CO2eq      unknown: the energy is unknown" in lines


def test_a_pue_is_told_apart_from_the_energy_of_the_devices(watch, make_story):
    story = make_story(pue=1.5)
    story.epoch(1)

    lines = watch(story.finished())

    assert lines[1] == "  energy     1.500 Wh ± 0.055, integrated"
    assert lines[2] == "  facility   2.250 Wh at a PUE of 1.5"


def test_the_standard_stream_of_the_moment_is_used(make_sink, story, capsys):
    sink = make_sink(console, stream="stderr")

    sink.handle(story.epoch(1))

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("epoch 1")


def test_a_closed_stream_harms_nobody(make_sink, story, monkeypatch):
    sink = make_sink(console)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)

    sink.handle(story.epoch(1))


def test_a_pipe_whose_reader_left_harms_nobody(make_sink, story):
    reader, writer = os.pipe()
    os.close(reader)
    stream = io.TextIOWrapper(io.FileIO(writer, "w"), write_through=True)

    make_sink(console, stream=stream).handle(story.epoch(1))

    with contextlib.suppress(BrokenPipeError):
        stream.close()


def test_a_stream_that_knows_ascii_alone_gets_ascii(make_sink, story):
    raw = io.BytesIO()
    sink = make_sink(console, stream=io.TextIOWrapper(raw, encoding="ascii"))

    sink.handle(story.epoch(1))

    assert b"1.500 Wh +/- 0.055, integrated" in raw.getvalue()


@pytest.mark.parametrize("stream", ["stdin", 3, None])
def test_something_that_cannot_be_written_to_is_refused(make_sink, stream):
    with pytest.raises(SettingsError, match="`stream` is"):
        make_sink(console, stream=stream)
