import io
from dataclasses import replace

import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.events import RunFinished
from carbonsdk.model import CarbonUse, DeviceKind, Quality, Signal
from carbonsdk.reports import Estimate
from carbonsdk.sinks import console


@pytest.fixture
def watch(make_sink):
    def watch(*events, **settings):
        stream = io.StringIO()
        sink = make_sink(console, stream=stream, style="carbontracker", **settings)
        for event in events:
            sink.handle(event)
        return stream.getvalue()

    return watch


def test_components_are_announced_with_memory_as_part_of_the_cpu(watch, story):
    memory = story.device("dram-0", DeviceKind.MEMORY, "DRAM", quality=Quality.ESTIMATED)

    text = watch(story.chosen(story.cpu, memory, story.gpu))

    assert text == (
        "CarbonTracker: The following components were found: "
        "GPU with device(s) A100. CPU with device(s) Xeon 2.20GHz, DRAM (estimated).\n"
    )


def test_a_finished_run_tells_intensity_then_actual_consumption(watch, story):
    events = [story.epoch(1), story.epoch(2)]

    text = watch(*events, story.finished(between_joules=5000.0), decimal_precision=6)

    # The epochs alone: 10,800 J = 0.003 kWh, 1.2 g at 400 g/kWh; 1 % of the CPU's 3600 J and 5 % of the GPU's 7200 J are 396 J.
    assert text == (
        "CarbonTracker: Average carbon intensity during training was 400.00 gCO2eq/kWh at detected location: DE."
        " Source: Ember, 2024.\n"
        "CarbonTracker: \n"
        "Actual consumption for 2 epoch(s):\n"
        "\tTime:\t0:00:20\n"
        "\tEnergy:\t0.003000 kWh (integrated, ±3.7%)\n"
        "\tCO2eq:\t1.200000 g\n"
        "\tThis is equivalent to:\n"
        "\t0.011236 km travelled by car\n"
        "\t0.096774 smartphone charges\n"
        "\t0.002400 months of an urban tree's growth\n"
        "CarbonTracker: Finished monitoring.\n"
    )


def test_the_first_forecast_is_the_prediction_for_all_epochs(watch, story):
    text = watch(story.forecast(), story.forecast(), decimal_precision=4, interpretable=False)

    # 21.6 kJ = 0.006 kWh of the epochs; they are 80 % of the run's energy, so 80 % of its 3 g. At the low end the run has
    # 1 g for 21,600 J and the epochs 19,440 J: 0.9 g; at the high end it has 5 g for 32,400 J and they 23,760 J: 3.667 g.
    assert text == (
        "CarbonTracker: \n"
        "Predicted consumption for 4 epoch(s):\n"
        "\tTime:\t0:00:40\n"
        "\tEnergy:\t0.0060 kWh (a forecast, -10% to +10%)\n"
        "\tCO2eq:\t2.4000 g (a forecast, -62% to +53%)\n"
    )


def test_the_co2eq_of_the_epochs_is_forecast_no_surer_than_their_energy(watch, story):
    # Nearly all of the run's 1,000,000 J lie between the epochs and are used already: 10 % of 21,600 J are 0.2 % of it.
    epochs, run = Estimate(21_600.0, 19_440.0, 23_760.0), Estimate(1_000_000.0, 997_840.0, 1_002_160.0)
    grams = Estimate(100.0, 99.784, 100.216)
    event = story.forecast()
    forecast = replace(event.forecast, energy_joules=run, epochs_energy_joules=epochs, co2eq_grams=grams)

    text = watch(replace(event, forecast=forecast), decimal_precision=4, interpretable=False)

    assert "\tEnergy:\t0.0060 kWh (a forecast, -10% to +10%)\n\tCO2eq:\t2.1600 g (a forecast, -10% to +10%)\n" in text


def test_with_verbose_two_every_forecast_is_told_but_that_of_the_last_epoch(watch, story):
    forecasts = [story.forecast(seen=seen) for seen in (1, 2, 4)]

    assert watch(*forecasts, verbose=2).count("Predicted consumption") == 2
    assert watch(forecasts[-1], verbose=2).count("Predicted consumption") == 1  # epochs_before_pred=-1


def test_a_forecast_that_is_nearly_certain_shows_tenths_and_a_certain_one_no_range(watch, story):
    forecast = story.forecast()

    def told(low, high):
        energy = Estimate(21_600.0, low, high)
        event = replace(forecast, forecast=replace(forecast.forecast, epochs_energy_joules=energy, co2eq_grams=None))
        return watch(event, decimal_precision=4, interpretable=False)

    assert "\tEnergy:\t0.0060 kWh (a forecast, -0.5% to +0.3%)\n" in told(21_492.0, 21_664.8)
    assert "\tEnergy:\t0.0060 kWh (a forecast, +0.0% to +0.3%)\n" in told(21_599.9, 21_664.8)
    assert "\tEnergy:\t0.0060 kWh (a forecast)\n" in told(21_599.9, 21_600.1)


def test_without_a_forecast_the_actual_consumption_names_no_number(watch, story):
    assert "\nActual consumption:\n" in watch(story.epoch(1), story.finished(), epochs_before_pred=0)


@pytest.mark.parametrize("quality", [Quality.ESTIMATED, Quality.MEASURED, Quality.INTEGRATED])
def test_energy_says_what_it_is_and_how_far_off_it_may_be(watch, story, quality):
    device = story.device("cpu", DeviceKind.CPU, "Xeon", quality=quality, bias=0.85)

    text = watch(story.epoch(1, joules={device: 3600.0}), story.finished(), decimal_precision=3)

    assert f"\tEnergy:\t0.001 kWh ({quality.value}, ±85%)\n" in text


def test_simulated_energy_says_so(watch, story):
    device = story.device("cpu", DeviceKind.CPU, "Made up", quality=Quality.ESTIMATED, bias=0.0, simulated=True)

    text = watch(story.epoch(1, joules={device: 3600.0}), story.finished(), decimal_precision=3)

    assert "\tEnergy:\t0.001 kWh (simulated, estimated)\n" in text


def test_a_pue_that_was_given_is_part_of_the_consumption(watch, make_story):
    story = make_story(pue=1.5)

    text = watch(story.epoch(1), story.finished(), decimal_precision=5)

    assert "\tEnergy:\t0.00225 kWh (integrated, ±3.7%, PUE of 1.5 included)\n\tCO2eq:\t0.90000 g\n" in text


def test_unknown_figures_are_never_zeros(watch, story):
    text = watch(story.epoch(1, joules={story.cpu: None}), story.finished())

    assert "\tEnergy:\tunknown: denied\n\tCO2eq:\tunknown\n" in text
    assert "equivalent" not in text


def test_an_intensity_that_stands_in_for_the_place_s_own_says_so(watch, story):
    story.intensity = replace(story.intensity, zone="WORLD", fallback=True, note="world average; the place is not known")
    story.epoch(1)

    text = watch(story.found(), story.finished(), verbose=2)

    assert text.count("Source: Ember, 2024 (world average; the place is not known).\n") == 2


def test_an_epoch_without_intensity_makes_the_sum_unknown_not_smaller(watch, story):
    known, unknown = story.epoch(1).report, replace(story.epoch(2).report, carbon=CarbonUse(None, reason="no zone"))

    text = watch(RunFinished(story.run, story.report(epochs=(known, unknown))))

    assert "\tCO2eq:\tunknown\n" in text


def test_epochs_that_left_the_report_still_count(watch, story):
    events = [story.epoch(1), story.epoch(2), story.epoch(3)]

    text = watch(*events, story.finished(epochs=tuple(story.epochs[-1:])), decimal_precision=4)

    assert (
        "Actual consumption for 3 epoch(s):\n\tTime:\t0:00:30\n\tEnergy:\t0.0045 kWh (integrated, ±3.7%)\n\tCO2eq:\t1.8000 g\n"
        in text
    )


def test_verbose_two_adds_epochs(watch, story):
    text = watch(story.epoch(0), verbose=2, decimal_precision=4)

    assert text == "CarbonTracker: Epoch 1: 0:00:10.00, 0.0015 kWh (integrated), 0.6000 g.\n"


def test_warnings_are_shown_as_carbontracker_shows_them(watch, story):
    assert watch(story.warned("mind")) == "CarbonTracker: WARNING - mind\n"


def test_verbose_one_shows_no_epoch_and_zero_shows_nothing(watch, story):
    assert watch(story.epoch(1)) == ""
    assert watch(*story.whole(), story.warned(), verbose=0) == ""


def test_a_precision_that_cannot_be_written_is_refused(make_sink):
    with pytest.raises(SettingsError, match="decimal_precision"):
        make_sink(console, decimal_precision=-1)


def test_a_marginal_intensity_is_not_told_as_the_grids(watch, story):
    assert "400.00 gCO2eq/kWh" in watch(story.found(), verbose=2)
    assert watch(story.found(signal=Signal.MARGINAL), verbose=2) == ""
