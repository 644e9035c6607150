"""Log files that a tracker writes: read by carbontracker's own parser where it is at hand, and by ours."""

import re

import pytest

from carbonsdk import carbontracker_logs

GRAMS_PER_KWH = 143.3  # of Denmark, in the table


@pytest.fixture
def logged(tracker, train, tmp_path):
    """Train so many epochs with logs, and return their directory and the report."""

    def run(epochs, *, of=3, **settings):
        made = tracker(of, log_dir=tmp_path / "logs", verbose=0, **settings)
        assert made.await_devices(30)  # on a busy machine the first epoch were else covered in part
        return tmp_path / "logs", train(made, epochs).stop()

    return run


def watts(epoch, kind):
    """Return the mean power of the one device of a kind: 200 W and 50 W, as far as a busy machine reads it in time."""
    (joules,) = (each.energy.joules for each in epoch.devices if each.device.kind.value == kind)
    return joules / epoch.duration_s


def test_two_files_a_run_with_the_prefix_that_was_asked_for(logged):
    directory, _ = logged(2, of=2, log_file_prefix="mine")
    names = sorted(path.name for path in directory.iterdir())
    assert [re.sub(r"\d+", "N", name) for name in names] == [
        "mine_N.N_N-N-NTNZ_carbontracker.log",
        "mine_N.N_N-N-NTNZ_carbontracker_output.log",
    ]


def test_carbontracker_s_parser_reads_every_figure(logged, carbontracker):
    directory, report = logged(3)
    (log,) = carbontracker(directory)["logs"]
    assert log["early_stop"] is False
    assert log["actual"]["energy (kWh)"] == pytest.approx(report.epochs_energy.kwh, abs=1e-12)
    assert log["actual"]["co2eq (g)"] == pytest.approx(report.epochs_energy.kwh * GRAMS_PER_KWH, rel=1e-3)
    assert log["actual"]["equivalents"]["km travelled by car"] == pytest.approx(log["actual"]["co2eq (g)"] / 106.8, abs=1e-11)
    assert log["pred"]["epochs"] == 3
    assert log["pred"]["energy (kWh)"] > 0
    assert log["components"]["gpu"]["devices"] == ["A100 (simulated; estimated)"]
    for name in ("gpu", "cpu"):
        part = log["components"][name]
        assert part["epoch_durations (s)"] == pytest.approx([epoch.duration_s for epoch in report.epochs], abs=0.0051)
        assert part["avg_power_usages (W)"] == [[pytest.approx(watts(epoch, name), rel=1e-6)] for epoch in report.epochs]


def test_carbontracker_s_parser_adds_up_what_was_used_and_not_what_was_forecast_after_an_early_stop(logged, carbontracker):
    directory, report = logged(2, of=50)
    read = carbontracker(directory)
    assert read["logs"][0]["early_stop"] is True
    assert read["kwh"] == pytest.approx(report.epochs_energy.kwh, abs=1e-12)
    assert read["printed"].startswith(f"The training of models in this work is estimated to use {read['kwh']:.16f} kWh")


def test_an_epoch_that_was_stopped_in_its_middle_is_an_early_stop(tracker, train, tmp_path, carbontracker):
    made = train(tracker(3, log_dir=tmp_path / "logs", verbose=0), 2)
    made.epoch_start()
    report = made.stop()
    read = carbontracker(tmp_path / "logs")
    assert read["logs"][0]["early_stop"] is True
    assert read["kwh"] == pytest.approx(report.epochs_energy.kwh, abs=1e-12)


def test_measuring_that_ended_as_it_was_asked_to_is_no_early_stop(logged, carbontracker):
    directory, _ = logged(4, of=9, monitor_epochs=2)
    (log,) = carbontracker(directory)["logs"]
    assert log["early_stop"] is False
    assert log["pred"]["epochs"] == 9


def test_without_a_forecast_there_is_the_actual_consumption_alone(logged, carbontracker):
    directory, report = logged(3, epochs_before_pred=0)
    read = carbontracker(directory)
    assert read["logs"][0]["pred"] is None
    assert read["kwh"] == pytest.approx(report.epochs_energy.kwh, abs=1e-12)
    assert any("\nActual consumption:\n" in path.read_text() for path in directory.iterdir())


def test_logs_of_several_runs_lie_side_by_side(logged, carbontracker):
    directory, first = logged(1, of=1, epochs_before_pred=0)
    _, second = logged(2, of=2, epochs_before_pred=0)
    assert carbontracker(directory)["kwh"] == pytest.approx(first.epochs_energy.kwh + second.epochs_energy.kwh, abs=1e-11)


def test_decimal_precision_holds_in_the_log_too(logged):
    directory, _ = logged(3, decimal_precision=3)
    (output,) = directory.glob("*_output.log")
    figures = re.findall(
        r"^\t(?:Energy:\t|CO2eq:\t)?(\d+\.\d+) (?:kWh|g|km|smartphone|months)", output.read_text(), re.MULTILINE
    )
    assert len(figures) == 10  # energy, CO2eq and three equivalents, forecast and actual
    assert all(re.fullmatch(r"\d+\.\d{3}", figure) for figure in figures)


def test_our_reader_reads_all_of_ours(logged):
    directory, report = logged(2, of=3)
    (run,) = carbontracker_logs.read_directory(directory)
    assert (run.program, run.early_stop, run.finished, run.problems) == ("carbonsdk", True, True, ())
    assert [epoch.number for epoch in run.epochs] == [1, 2]
    assert run.actual.epochs == 2
    assert run.actual.kwh == pytest.approx(report.epochs_energy.kwh, abs=1e-12)
    assert (run.grams_per_kwh, run.location) == (GRAMS_PER_KWH, "DK")


def test_a_directory_that_cannot_be_written_costs_the_logs_alone(tracker, train, tmp_path):
    (tmp_path / "logs").write_text("a file where a directory is wanted")
    report = train(tracker(1, log_dir=tmp_path / "logs", verbose=0), 1).report()
    assert report.epoch_count == 1
    assert any("carbontracker_log" in warning for warning in report.warnings)
