"""The forecast of a run under way: on demand, in the report, as an event, from what the epochs truly used."""

import sys
import threading

import pytest

from carbonsdk.events import ForecastMade
from carbonsdk.sinks.memory import recorded


@pytest.fixture
def epoch():
    """Run one epoch by hand, of work that takes so many steps."""

    def run(tracker, steps=400_000):
        tracker.epoch_start()
        sum(range(steps))
        tracker.epoch_end()

    return run


def test_there_is_none_before_the_first_epoch_and_none_without_a_number_of_epochs(tracker, epoch):
    assert tracker(5, verbose=0).forecast() is None
    endless = tracker(None, verbose=0)
    epoch(endless)
    assert endless.forecast() is None


def test_it_holds_what_was_used_and_is_of_the_whole_run(tracker, epoch):
    made = tracker(6, verbose=0)
    for _ in range(3):
        epoch(made)
    said, report = made.forecast(), made.report()
    assert (said.epochs_seen, said.epochs_total) == (3, 6)
    used = sum(each.energy.joules for each in report.epochs)
    assert said.epochs_energy_joules.value > used
    assert said.energy_joules.low <= said.energy_joules.value <= said.energy_joules.high
    assert said.energy_joules.value >= said.epochs_energy_joules.value
    assert said.duration_s.value > report.epochs[-1].duration_s * 3


def test_co2eq_has_an_interval_of_its_own_as_wide_as_the_grid_is_unknown(tracker, epoch):
    made = tracker(2, verbose=0, intensity=200.0)
    other = tracker(2, verbose=0)
    for each in (made, other):
        epoch(each)

    def relative_width(estimate):
        return (estimate.high - estimate.low) / estimate.value

    own, table = made.forecast(), other.forecast()
    assert own.co2eq_grams.value == pytest.approx(own.energy_joules.value * 200 / 3.6e6, rel=1e-6)
    # The user's own figure is taken at its word; a table's average says little of the hours ahead.
    assert relative_width(own.co2eq_grams) == pytest.approx(relative_width(own.energy_joules), rel=1e-3)
    assert relative_width(table.co2eq_grams) > relative_width(table.energy_joules)


def test_it_is_in_the_report_and_an_event_to_sinks(tracker, epoch):
    made = tracker(3, verbose=0, sinks={"memory": {"key": "forecasts"}})
    for _ in range(3):
        epoch(made)
    report = made.stop()
    told = [event.forecast for event in recorded("forecasts").events if isinstance(event, ForecastMade)]
    assert told[-1] == report.forecast
    assert report.forecast.epochs_seen == 3
    assert report.forecast.reason == "every epoch has ended"
    assert report.forecast.epochs_energy_joules.low == report.forecast.epochs_energy_joules.high


def test_a_report_in_mid_run_has_the_forecast_from_all_epochs_so_far(tracker, epoch):
    made = tracker(9, verbose=0)
    for seen in range(1, 5):
        epoch(made)
        assert made.report().forecast.epochs_seen == seen


def test_who_asks_before_it_is_due_takes_it_from_nobody(tracker, epoch):
    made = tracker(9, verbose=0, sinks={"memory": {"key": "asked"}}, monitor_epochs=2, epochs_before_pred=2)
    epoch(made)
    assert made.forecast().epochs_seen == 1
    epoch(made)
    assert [event.forecast.epochs_seen for event in recorded("asked").events if isinstance(event, ForecastMade)] == [2]


def test_without_a_forecast_wanted_it_may_still_be_asked_for(tracker, epoch):
    made = tracker(5, verbose=0, epochs_before_pred=0)
    epoch(made)
    assert made.forecast().epochs_total == 5
    assert made.stop().forecast is None


def test_the_energy_of_an_epoch_that_broke_off_counts_in_the_run(tracker, epoch):
    made = tracker(4, verbose=0, epochs_before_pred=0)
    epoch(made)
    made.epoch_start()  # broken off by the next one
    sum(range(4_000_000))
    epoch(made)
    report, said = made.report(), made.forecast()
    assert [each.partial for each in report.epochs] == [False, True, False]
    assert said.energy_joules.value > sum(each.energy.joules for each in report.epochs)
    # ... but it is no measure of the two to come: they are forecast like the complete ones.
    complete = report.epochs[0].energy.joules + report.epochs[2].energy.joules
    ahead = said.epochs_energy_joules.value - complete - report.epochs[1].energy.joules
    assert ahead < 0.5 * report.epochs[1].energy.joules


def test_a_run_that_goes_on_forecasts_the_epochs_that_are_left(tracker, epoch):
    first = tracker(5, verbose=0, run_id="resumed")
    for _ in range(3):
        epoch(first)
    first.stop()
    second = tracker(5, verbose=0, run_id="resumed")
    epoch(second)
    assert (second.forecast().epochs_seen, second.forecast().epochs_total) == (1, 2)


def test_it_is_never_computed_at_an_epoch_s_edge(tracker, epoch):
    made = tracker(8, verbose=0)
    called = set()

    def note(frame, _event, _argument):
        called.add(frame.f_globals.get("__name__", ""))

    sys.setprofile(note)  # of this thread, which is the one that trains
    try:
        for _ in range(6):
            epoch(made)
    finally:
        sys.setprofile(None)
    assert "carbonsdk.engine.forecasting.forecaster" in called  # it was told of each epoch
    assert "carbonsdk.engine.prediction.whole" not in called
    assert made.report().forecast.epochs_seen == 6


def test_who_asks_while_it_is_being_made_waits_for_it(tracker, epoch, monkeypatch):
    made = tracker(3, verbose=0)
    feed = made._session.feed
    begun, go_on, look_ahead = threading.Event(), threading.Event(), feed.forecast_until

    def slow(unix_ns):
        begun.set()
        go_on.wait(10)
        look_ahead(unix_ns)

    monkeypatch.setattr(feed, "forecast_until", slow)
    epoch(made)
    assert begun.wait(10)  # the sampler's thread makes the first forecast
    reports = []
    asking = threading.Thread(target=lambda: reports.append(made.report()))
    asking.start()
    asking.join(0.2)
    go_on.set()
    asking.join(10)
    assert reports[0].forecast.epochs_seen == 1
