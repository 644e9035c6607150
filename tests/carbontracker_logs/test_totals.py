import pytest

from carbonsdk.carbontracker_logs import LoggedEpoch, LoggedRun, LoggedUse, total


def run(**changes):
    return LoggedRun(**{"name": "r", "version": "1.2.5", "pue": 1.5, "finished": True} | changes)


def use(kwh, grams, epochs=10):
    return LoggedUse(epochs, 60.0, kwh, grams)


def test_the_sentence_holds_energy_co2eq_equivalents_and_who_measured():
    summed = total([run(actual=use(1.0, 400.0)), run(actual=use(0.5, 134.0))])

    assert summed.sentence == (
        "The training of models in this work is estimated to use 1.5 kWh of electricity contributing to 0.534 kg of CO2eq. "
        "This is equivalent to 5 km travelled by car or 43.1 smartphone charges or 1.07 months of an urban tree's growth. "
        "Measured by carbontracker 1.2.5, added up by carbonsdk."
    )


def test_what_was_used_counts_and_not_what_was_predicted():
    summed = total(
        [
            run(actual=use(1.0, 400.0), predicted=use(2.0, 800.0)),
            run(actual=use(1.0, 400.0, 5), early_stop=True, predicted=use(9, 9)),
        ]
    )

    assert (summed.kwh, summed.grams, summed.predicted) == (pytest.approx(2.0), 800.0, 0)


def test_a_run_that_was_measured_in_part_counts_as_predicted():
    summed = total([run(actual=use(1.0, 400.0, epochs=1), predicted=use(10.0, 4000.0, epochs=10))])

    assert (summed.kwh, summed.predicted) == (pytest.approx(10.0), 1)
    assert summed.remarks == ("1 run included as predicted, since not all epochs were measured.",)


def test_a_run_that_was_killed_counts_as_far_as_it_was_measured():
    # 100 W + 50 W for 2400 s are 0.1 kWh; with a PUE of 1.5, 0.15 kWh.
    epochs = (LoggedEpoch(1, 2400.0, {"gpu": (100.0, 50.0)}),)

    summed = total([run(epochs=epochs, finished=False, grams_per_kwh=400.0, predicted=use(9.0, 9.0))])

    assert (summed.kwh, summed.grams) == (pytest.approx(0.15), pytest.approx(60.0))


def test_a_consumption_that_was_rounded_to_nothing_is_added_up_from_its_epochs():
    # 100 W for 36 s are 0.001 kWh; with a PUE of 1.5, 0.0015 kWh, told to two decimals as 0.00 kWh.
    epochs = (LoggedEpoch(1, 36.0, {"gpu": (100.0,)}),)
    rounded = LoggedUse(1, 36.0, 0.0, 0.6, kwh_step=0.01)

    assert total([run(epochs=epochs, actual=rounded, grams_per_kwh=400.0)]).kwh == pytest.approx(0.0015)
    assert total([run(epochs=epochs, actual=rounded, grams_per_kwh=400.0)]).grams == pytest.approx(0.6)
    assert total([run(epochs=epochs, actual=rounded)]).grams == pytest.approx(0.6)
    assert total([run(actual=rounded)]).kwh == 0.0


def test_a_prediction_that_was_rounded_to_nothing_is_made_again():
    epochs = (LoggedEpoch(1, 36.0, {"gpu": (100.0,)}),)
    rounded = [LoggedUse(count, 36.0, 0.0, 0.6 * count, kwh_step=0.01) for count in (1, 10)]

    summed = total([run(epochs=epochs, actual=rounded[0], predicted=rounded[1])])

    assert (summed.kwh, summed.predicted) == (pytest.approx(0.015), 1)


def test_a_consumption_that_was_told_in_full_counts_as_told():
    epochs = (LoggedEpoch(1, 36.0, {"gpu": (100.0,)}),)

    assert total([run(epochs=epochs, actual=LoggedUse(1, 36.0, 0.00151, 0.6, kwh_step=1e-5))]).kwh == pytest.approx(0.00151)


def test_averaged_devices_are_added():
    epochs = (LoggedEpoch(1, 2400.0, {"gpu": (100.0, 100.0), "cpu": (100.0,)}),)

    # Logged as 100 W + 100 W, really 200 W + 100 W: half as much again.
    summed = total([run(epochs=epochs, averaged=frozenset({"gpu"}), actual=use(1.0, 400.0))])

    assert (summed.kwh, summed.grams, summed.corrected) == (pytest.approx(1.5), pytest.approx(600.0), 1)


def test_runs_without_figures_are_counted_and_not_taken_for_zero():
    summed = total([run(), run(actual=use(1.0, None))])

    assert (summed.runs, summed.unknown, summed.without_grams, summed.grams) == (1, 1, 1, None)
    assert "1 run without a consumption not included." in summed.sentence
    assert "CO2eq" not in summed.sentence


def test_no_figures_at_all_are_unknown():
    assert total([]).energy_joules is None
    assert "unknown" in total([run()]).sentence
