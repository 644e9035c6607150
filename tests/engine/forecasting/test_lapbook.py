"""The newest epochs of a long run, and the sum of those before."""

import pytest

from carbonsdk.engine.forecasting.lapbook import NEWEST, LapBook
from carbonsdk.engine.prediction.laps import Lap
from carbonsdk.engine.prediction.whole import forecast


def lap(number):
    # Ten seconds and 100 J each, one second and 5 J between two.
    return Lap(11.0 * number, 11.0 * number + 10.0, 105.0 * number, 105.0 * number + 100.0)


def book(count):
    made = LapBook()
    for number in range(count):
        made.add(lap(number), provisional=None)
    return made


def test_laps_come_back_as_they_were_put_in():
    made = LapBook()
    unknown = Lap(0.0, 1.0, None, None, whole=False)
    made.add(unknown, provisional=None)
    made.add(lap(1), provisional=None)
    assert made.laps() == [unknown, lap(1)]


def test_a_long_run_keeps_its_newest_laps():
    made = book(3 * NEWEST)
    assert len(made) == 3 * NEWEST
    assert len(made.laps()) <= NEWEST
    assert made.laps()[-1] == lap(3 * NEWEST - 1)


def test_a_forecast_from_the_newest_laps_says_what_one_from_all_would():
    count, total = NEWEST + 1_000, NEWEST + 2_000
    made = book(count)
    before = made.before
    assert before.number > 0
    short = before.added_to(forecast(made.laps(), epochs_total=total - before.number))
    assert (short.epochs_seen, short.epochs_total) == (count, total)
    assert short.epochs_energy_joules.value == pytest.approx(100.0 * total)
    assert short.epochs_duration_s.value == pytest.approx(10.0 * total)
    assert short.energy_joules.value == pytest.approx(105.0 * total, rel=1e-3)


def test_a_correction_finds_its_lap_after_older_ones_were_let_go():
    made = book(NEWEST)
    made.add(Lap(0.0, 1.0, None, None), provisional=7)
    assert made.correct(7, Lap(0.0, 1.0, 2.0, 3.0))
    assert (made.laps()[-1].start_joules, made.laps()[-1].end_joules) == (2.0, 3.0)
    assert not made.correct(7, Lap(0.0, 1.0, 2.0, 3.0))
