"""The course of a run: what is told after which epoch, when measuring ends, and what an error does."""

import pytest

from carbonsdk.errors import MeasurementFault

PREDICTED, ACTUAL = "Predicted consumption for", "Actual consumption"


def heads(text):
    """The first lines of the consumptions, in their order."""
    return [line.removesuffix(":") for line in text.splitlines() if line.startswith((PREDICTED, ACTUAL))]


def test_the_forecast_comes_after_the_first_epoch_and_the_actual_at_the_end(tracker, train, capsys):
    train(tracker(3), 3)
    assert heads(capsys.readouterr().out) == ["Predicted consumption for 3 epoch(s)", "Actual consumption for 3 epoch(s)"]


def test_measuring_ends_after_monitor_epochs_and_training_goes_on(tracker, train, capsys):
    report = train(tracker(5, epochs_before_pred=2, monitor_epochs=3), 5).report()
    assert (report.state, report.epoch_count) == ("finished", 3)
    assert report.forecast.epochs_seen == 3
    assert heads(capsys.readouterr().out) == ["Predicted consumption for 5 epoch(s)", "Actual consumption for 3 epoch(s)"]


def test_the_forecast_of_the_epoch_that_ends_measuring_comes_before_the_actual(tracker, train, capsys):
    train(tracker(5, epochs_before_pred=2, monitor_epochs=2), 2)
    assert heads(capsys.readouterr().out) == ["Predicted consumption for 5 epoch(s)", "Actual consumption for 2 epoch(s)"]


def test_without_a_forecast_the_actual_consumption_counts_no_epochs(tracker, train, capsys):
    report = train(tracker(3, epochs_before_pred=0), 3).report()
    assert heads(capsys.readouterr().out) == ["Actual consumption"]
    assert report.forecast is None


def test_a_forecast_after_all_epochs_is_minus_one(tracker, train, capsys):
    made = tracker(3, epochs_before_pred=-1)
    train(made, 2)
    assert made.report().forecast is None
    train(made, 1)
    assert made.report().forecast.epochs_seen == 3
    assert heads(capsys.readouterr().out) == ["Predicted consumption for 3 epoch(s)", "Actual consumption for 3 epoch(s)"]


def test_a_forecast_after_all_monitored_epochs_is_minus_one_too(tracker, train, capsys):
    train(tracker(9, epochs_before_pred=-1, monitor_epochs=2), 2)
    assert heads(capsys.readouterr().out) == ["Predicted consumption for 9 epoch(s)", "Actual consumption for 2 epoch(s)"]


def test_stop_in_the_middle_drops_no_epoch(tracker, train, capsys):
    made = train(tracker(10), 4)
    report = made.stop()
    assert report.epoch_count == 4
    assert sum(epoch.energy.joules for epoch in report.epochs) == pytest.approx(report.epochs_energy.joules)
    assert heads(capsys.readouterr().out)[-1] == "Actual consumption for 4 epoch(s)"


def test_stop_inside_an_epoch_keeps_what_it_used(tracker, train):
    made = train(tracker(10, verbose=0), 2)
    made.epoch_start()
    sum(range(400_000))
    report = made.stop()
    assert [epoch.partial for epoch in report.epochs] == [False, False, True]
    assert report.epochs[-1].energy.joules > 0


def test_stop_after_the_last_epoch_changes_nothing(tracker, train, capsys):
    made = train(tracker(2), 2)
    told = capsys.readouterr().out
    made.stop()
    made.stop()
    assert told.endswith("CarbonTracker: Finished monitoring.\n")
    assert capsys.readouterr().out == ""


def test_epochs_after_the_end_cost_and_say_nothing(tracker, train, capsys):
    made = train(tracker(2, verbose=0), 2)
    train(made, 3)
    assert made.report().epoch_count == 2
    assert capsys.readouterr() == ("", "")


NO_SENSOR = {"backends": (), "sim_cpu": None, "sim_gpu": None}


def test_by_default_a_fault_degrades_the_figures_and_says_why(tracker, train, capsys):
    report = train(tracker(2, **NO_SENSOR), 2).report()
    assert (report.epoch_count, report.energy.joules) == (2, None)
    assert "\tEnergy:\tunknown: no device was measured\n\tCO2eq:\tunknown\n" in capsys.readouterr().out


def test_ignore_errors_true_stops_measuring_says_so_and_training_goes_on(tracker, train, capsys):
    made = train(tracker(5, ignore_errors=True, **NO_SENSOR), 5)
    assert not made.alive
    assert "as ignore_errors=True asks" in capsys.readouterr().out


def test_ignore_errors_false_raises_an_ordinary_exception_at_an_edge(tracker, train):
    with pytest.raises(MeasurementFault, match="nothing here can be measured"):
        train(tracker(5, verbose=0, ignore_errors=False, **NO_SENSOR), 5)


LOOP = """
from carbonsdk import CarbonTracker
try:
    tracker = CarbonTracker(epochs=2, {settings})
    for _ in range(2):
        tracker.epoch_start()
        tracker.epoch_end()
finally:
    print("the user's own finally")
print("the user's own end")
"""


@pytest.mark.parametrize("ignore_errors", ["None", "True"])
def test_no_fault_ends_the_process(script, ignore_errors):
    done = script(LOOP.format(settings=f"backends=(), ignore_errors={ignore_errors}"))
    assert done.stdout.endswith("the user's own finally\nthe user's own end\n")
    assert done.returncode == 0


@pytest.mark.parametrize(
    "settings", ["backends=(), ignore_errors=False", "components='tpu'", "api_keys={'nobody': 'x'}", "sim_cpu='X'"]
)
def test_what_is_raised_unwinds_the_user_s_code(script, settings):
    done = script(LOOP.format(settings=settings))
    # The console sink has a thread of its own: it may write between the user's text and its newline.
    assert "the user's own finally" in done.stdout
    assert "the user's own end" not in done.stdout
    assert done.stderr.startswith("Traceback")
    assert done.returncode == 1


def test_a_run_that_is_never_stopped_tells_its_consumption_at_exit(script):
    done = script(
        "from carbonsdk import CarbonTracker\n"
        "tracker = CarbonTracker(5, sim_cpu='X', sim_cpu_tdp=100, zone='DK')\n"
        "tracker.epoch_start(); tracker.epoch_end()"
    )
    assert heads(done.stdout)[-1] == "Actual consumption for 1 epoch(s)"
    assert (done.returncode, done.stderr) == (0, "")
