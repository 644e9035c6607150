"""Logs that carbontracker 1.2.5, 2.2.0 and 2.4.7 wrote on two simulated RAPL packages of 50 W and 30 W, with no network."""

from pathlib import Path

import pytest

from carbonsdk.carbontracker_logs import read_directory, total

DATA = Path(__file__).parent / "data"


@pytest.fixture(params=["1.2.5", "2.2.0", "2.4.7"])
def release(request):
    return request.param


def test_every_release_tells_version_devices_and_that_it_finished(release):
    runs = read_directory(DATA / release)

    assert [(run.program, run.version, run.finished, run.problems) for run in runs] == [
        ("carbontracker", release, True, ())
    ] * 2
    assert all(run.devices == {"cpu": ("cpu:0", "cpu:1")} for run in runs)


def test_every_epoch_has_all_devices_and_their_80_watts(release):
    epochs = [epoch for run in read_directory(DATA / release) for epoch in run.epochs]

    assert [epoch.duration_s for epoch in epochs] == [2.6] * len(epochs)
    assert [sum(epoch.powers["cpu"]) for epoch in epochs] == pytest.approx([80.0] * len(epochs), rel=0.02)
    assert all(len(epoch.powers["cpu"]) == 2 for epoch in epochs)


@pytest.mark.parametrize(
    ("release", "pue", "grams_per_kwh"), [("1.2.5", 1.55, 475), ("2.2.0", 1.58, 481), ("2.4.7", 1.58, 445)]
)
def test_pue_and_intensity_are_those_of_the_release_and_the_location_is_unknown(release, pue, grams_per_kwh):
    for run in read_directory(DATA / release):
        assert (run.pue, run.grams_per_kwh, run.location) == (pue, grams_per_kwh, None)


def test_actual_and_predicted_consumptions_are_read_in_either_order():
    first, _ = read_directory(DATA / "1.2.5")  # actual before predicted
    later, _ = read_directory(DATA / "2.4.7")  # predicted before actual

    assert (first.actual.epochs, first.actual.kwh, first.actual.grams) == (1, 0.000090072468, 0.042784422178)
    assert (first.predicted.epochs, first.predicted.duration_s) == (3, 8.0)
    assert (later.actual.epochs, later.predicted.epochs) == (3, 3)
    assert later.actual.equivalents == {"km travelled by car": 0.000570823216}


def test_an_early_stop_is_seen(release):
    stopped = [run.early_stop for run in read_directory(DATA / release)]

    # 1.2.5 monitors one epoch by default: it had ended before the stop.
    assert stopped == ([False, False] if release == "1.2.5" else [False, True])


def test_releases_from_2_on_average_devices_and_that_is_undone():
    old, *_ = read_directory(DATA / "1.2.5")
    new, *_ = read_directory(DATA / "2.4.7")

    assert (old.averaging_factor, old.averaged) == (1.0, frozenset())
    assert (new.averaging_factor, new.averaged) == (2.0, {"cpu"})
    assert old.measured_kwh == pytest.approx(old.actual.kwh, rel=0.001)
    assert new.measured_kwh == pytest.approx(2 * new.actual.kwh, rel=0.002)


def test_the_total_of_real_logs_is_the_devices_energy_with_pue():
    runs = read_directory(DATA / "2.4.7")

    summed = total(runs)

    assert summed.kwh == pytest.approx(2 * (0.000136997572 + 0.000091444218))
    assert (summed.runs, summed.predicted, summed.corrected) == (2, 0, 2)


def test_a_run_that_went_on_after_monitoring_counts_as_predicted():
    assert total(read_directory(DATA / "1.2.5")).predicted == 2
