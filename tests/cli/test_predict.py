"""`carbonsdk predict RUN --epochs N`, on records that are written here."""

import json

import pytest

from carbonsdk.journal.places import journal_path
from carbonsdk.journal.writer import JournalWriter

RUN = "20261122-120000-ab12cd"


@pytest.fixture
def recorded(home, sample):
    """Write a run of epochs of 10 s and 1000 J with 1 s and 20 J between them, in a place that `predict` is pointed to."""

    def write(epochs, *, bias=0.0, **info):
        began = sample.run(**info)
        path = journal_path(began.run, home / "state")
        complaints = []
        writer = JournalWriter(path, on_problem=complaints.append)
        for record in (began, sample.device(bias=bias), sample.intensity(100.0)):
            writer.write(record)
        for number in range(epochs):
            writer.write(sample.epoch(number, 11 * number, 11 * number + 10, (1020 * number, 1000)))
        writer.write(sample.end(11 * epochs, 1020 * epochs))
        writer.close()
        assert complaints == []
        return path

    return write


@pytest.fixture
def predict(carbonsdk, home):
    def run(*arguments):
        return carbonsdk("predict", *arguments, "--state-dir", home / "state")

    return run


def test_it_forecasts_the_whole_run_with_intervals(recorded, predict):
    recorded(8)
    said = json.loads(predict(RUN, "--epochs", 20, "--json").stdout)
    # 20 epochs of 1000 J and 20 gaps of 20 J; the last gap may be left out.
    assert said["energy_joules"]["value"] == pytest.approx(20_400, rel=0.01)
    assert said["epochs_energy_joules"]["value"] == pytest.approx(20_000, rel=0.01)
    assert said["duration_s"]["value"] == pytest.approx(220, rel=0.01)
    assert said["co2eq_grams"]["value"] == pytest.approx(20_400 / 3.6e6 * 100, rel=0.01)
    for quantity in ("energy_joules", "duration_s", "co2eq_grams"):
        assert said[quantity]["low"] < said[quantity]["value"] < said[quantity]["high"]


def test_what_may_be_wrong_with_the_sensors_is_told_beside_the_intervals(recorded, predict):
    recorded(8, bias=0.85)
    assert "\n  sensors    ±85% besides" in predict(RUN, "--epochs", 20).stdout


def test_one_epoch_is_no_plural(recorded, predict):
    recorded(1)
    assert ": forecast for 1 epoch, 1 epoch seen\n" in predict(RUN, "--epochs", 1).stdout


def test_a_person_reads_it_in_lines(recorded, predict):
    recorded(8, name="mine")
    shown = predict(RUN[:10], "--epochs", 20).stdout
    assert shown.startswith(f"{RUN} (mine): forecast for 20 epochs, 8 epochs seen\n  energy     5.6")
    assert "at 90%), measured\n" in shown
    assert "rests on   8 epochs seen" in shown


def test_a_doubt_too_small_to_be_read_is_not_written(recorded, predict):
    recorded(8)
    shown = predict(RUN, "--epochs", 8).stdout
    assert "at 90%" not in shown
    assert "rests on   every epoch has ended" in shown


def test_without_a_number_the_planned_one_holds(recorded, predict):
    recorded(3, epochs_planned=12)
    assert json.loads(predict(RUN, "--json").stdout)["epochs_total"] == 12


def test_without_any_number_it_asks_for_one(recorded, predict):
    recorded(3)
    done = predict(RUN)
    assert done.returncode == 2
    assert "say it with --epochs" in done.stderr


def test_the_path_of_a_record_will_do(recorded, predict):
    path = recorded(3)
    assert predict(path, "--epochs", 5).returncode == 0


def test_without_an_epoch_there_is_nothing_to_forecast_from(recorded, predict):
    recorded(0)
    done = predict(RUN, "--epochs", 5)
    assert done.returncode == 1
    assert "no epoch of known energy" in done.stderr


def test_a_run_that_is_not_there_is_an_error(predict):
    done = predict("20990101", "--epochs", 5)
    assert done.returncode == 1
    assert "carbonsdk runs list" in done.stderr
