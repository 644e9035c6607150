from datetime import datetime, timedelta
from pathlib import Path

import pytest

from carbonsdk.carbontracker_logs import LoggedEpoch, LoggedRun, LoggedUse, as_records, read_directory
from carbonsdk.errors import JournalError
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.codec import encode
from carbonsdk.journal.records import RunEnded
from carbonsdk.model import DeviceKind, Quality

START = datetime(2024, 5, 1, 10, 0, 0).astimezone()
DATA = Path(__file__).parent / "data"


def logged(**changes):
    """Return a run of two epochs of 10 s, of 100 W + 50 W, with 5 s between them."""
    epochs = tuple(
        LoggedEpoch(number, 10.0, {"gpu": (100.0,), "cpu": (30.0, 20.0)}, START + timedelta(seconds=ended))
        for number, ended in ((1, 10), (2, 25))
    )
    return LoggedRun(
        **{
            "name": "mine_4711.123456_2024-05-01T100000Z",
            "version": "1.2.5",
            "pue": 1.55,
            "devices": {"gpu": ("A100",), "cpu": ("cpu:0", "dram:0")},
            "epochs": epochs,
            "predicted": LoggedUse(100, 1.0, 1.0, 1.0),
            "finished": True,
            "grams_per_kwh": 360.0,
            "location": "Copenhagen, DK",
            "started": START,
            "ended": START + timedelta(seconds=30),
        }
        | changes
    )


def report(run):
    assembly = Assembly()
    for record in as_records(run):
        encode(record)  # what cannot be stored is no record
        assembly.add(record)
    return assembly.report(assembly.last_known(), run_state="finished")


def test_an_epoch_s_energy_is_mean_power_times_duration():
    epochs = report(logged()).epochs

    assert [epoch.energy.joules for epoch in epochs] == [1500.0, 1500.0]
    assert [each.energy.joules for each in epochs[0].devices] == [300.0, 200.0, 1000.0]
    assert [each.device.kind for each in epochs[0].devices] == [DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.GPU]
    assert epochs[0].energy.method == "carbontracker 1.2.5 log, mean power × time"


def test_the_run_knows_its_epochs_alone_and_says_so():
    run = report(logged())

    assert (run.energy.joules, run.energy.partial, run.duration_s) == (3000.0, True, 30.0)
    assert run.energy.coverage == pytest.approx(20 / 30)
    assert run.energy.reason == "the log tells nothing of the time between epochs"
    assert run.epochs_energy.joules == 3000.0


def test_carbon_follows_from_the_logged_intensity():
    run = report(logged())

    assert run.co2eq_grams == pytest.approx(0.3)  # 3000 J at 360 g/kWh
    assert (run.intensity.zone, run.intensity.source, run.intensity.fallback) == ("DK", "log of carbontracker", False)


def test_sensors_are_integrated_and_stand_ins_are_estimated():
    run = report(logged(devices={"gpu": ("A100",), "cpu": ("Intel(R) Core(TM) i7", "dram:0")}))

    assert [each.energy.quality for each in run.devices] == [Quality.ESTIMATED, Quality.INTEGRATED, Quality.INTEGRATED]
    assert run.devices[0].energy.uncertainty_joules == pytest.approx(600.0)  # between nothing and twice the stand-in


def test_a_power_that_was_not_logged_is_missing():
    epochs = (LoggedEpoch(1, 10.0, {"gpu": (None,), "cpu": (30.0, 20.0)}, START + timedelta(seconds=10)),)

    run = report(logged(epochs=epochs))

    assert run.devices[2].energy.joules is None
    assert run.energy.joules == 500.0


def test_who_and_what_the_run_was():
    run = report(logged())

    assert (run.name, run.epochs_planned, run.pue) == ("mine_4711.123456_2024-05-01T100000Z", 100, 1.55)
    assert as_records(logged())[0].run.pid == 4711


def test_importing_twice_gives_the_same_run():
    assert as_records(logged()) == as_records(logged())
    assert as_records(logged())[0].run.run_id.startswith("carbontracker-")


def test_a_run_that_was_killed_has_no_end():
    assert not any(isinstance(record, RunEnded) for record in as_records(logged(finished=False)))


def test_stamps_of_whole_seconds_make_no_epochs_overlap():
    epochs = tuple(LoggedEpoch(n, 2.6, {"gpu": (100.0,)}, START + timedelta(seconds=at)) for n, at in ((1, 3), (2, 5)))

    first, second = report(logged(epochs=epochs)).epochs

    assert second.start >= first.end
    assert second.duration_s == pytest.approx(2.6)


def test_a_run_of_which_only_the_consumption_is_known_is_one_device():
    actual = LoggedUse(10, 3600.0, 0.001, 0.4)

    run = report(logged(epochs=(), devices={}, pue=None, grams_per_kwh=None, location=None, actual=actual))

    assert (run.energy.joules, run.energy.quality) == (pytest.approx(3600.0), Quality.ESTIMATED)
    assert run.co2eq_grams == pytest.approx(0.4)
    assert "PUE" in run.energy.reason


def test_problems_of_the_log_are_warnings_of_the_run():
    assert any("torn" in warning for warning in report(logged(problems=("the last line is torn",))).warnings)


def test_a_log_without_any_time_cannot_be_placed():
    with pytest.raises(JournalError, match="tells no time"):
        as_records(logged(started=None, ended=None))


@pytest.mark.parametrize("release", ["1.2.5", "2.2.0", "2.4.7"])
def test_real_logs_become_reports_of_the_same_energy(release):
    for run in read_directory(DATA / release):
        assert report(run).epochs_energy.joules == pytest.approx(run.joules)
