"""Forecasts from the records of several processes and attempts: every device once, every second once."""

import pytest

from carbonsdk.engine.forecasting.recorded import recorded_forecast
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Part
from carbonsdk.reports import Estimate


@pytest.fixture
def part(sample):
    """A process's part of a run: devices, then epochs of 10 s, each with these joules a device, back to back."""

    def make(devices, epochs, *, joules, first=0, start_s=0, **info):
        assembly = Assembly()
        records = [sample.run(start_s, **info), *devices, sample.intensity(100.0)]
        for place in range(epochs):
            uses = [(each * place, each) for each in joules]
            records.append(sample.epoch(first + place, start_s + 10 * place, start_s + 10 * (place + 1), *uses))
        records.append(sample.end(start_s + 10 * epochs, *(each * epochs for each in joules)))
        for record in records:
            assembly.add(record)
        return Part(assembly, assembly.last_known(), "finished")

    return make


def test_a_cpu_that_all_ranks_watch_counts_once_and_each_gpu_once(part, sample):
    def rank(number):
        devices = [sample.device(0), sample.device(1, kind="gpu", id=f"GPU-{number}")]
        return part(devices, 5, joules=(600, 2000), rank=number, pid=number)

    said = recorded_forecast([rank(0), rank(1)], epochs_total=10)
    assert said.epochs_seen == 5
    assert said.energy_joules.value == pytest.approx(10 * (600 + 2 * 2000), rel=0.01)
    assert said.duration_s.value == pytest.approx(100, rel=0.01)


def test_attempts_follow_each_other_and_the_time_between_them_is_left_out(part, sample):
    first = part([sample.device()], 4, joules=(1000,))
    second = part([sample.device()], 4, joules=(1000,), first=4, start_s=5000, attempt=2, pid=2)
    said = recorded_forecast([first, second], epochs_total=10)
    assert said.epochs_seen == 8
    assert said.energy_joules.value == pytest.approx(10_000, rel=0.01)
    assert said.duration_s.value == pytest.approx(100, rel=0.01)


def test_an_epoch_that_was_done_again_is_one_epoch_but_both_were_used(part, sample):
    first = part([sample.device()], 4, joules=(1000,))
    second = part([sample.device()], 4, joules=(1000,), first=3, start_s=5000, attempt=2, pid=2)
    said = recorded_forecast([first, second], epochs_total=7)
    assert said.epochs_seen == 7
    assert said.energy_joules.value == pytest.approx(8_000, rel=0.01)


def test_simulated_devices_are_never_added_to_real_ones(part, sample):
    devices = [sample.device(0), sample.device(1, kind="gpu", id="pretended", simulated=True)]
    said = recorded_forecast([part(devices, 3, joules=(1000, 5000))], epochs_total=3)
    assert said.energy_joules.value == pytest.approx(3_000, rel=0.01)


def test_co2eq_goes_on_at_the_run_s_own_mean_and_says_how_little_that_is(part, sample):
    said = recorded_forecast([part([sample.device()], 5, joules=(1000,))], epochs_total=10)
    assert said.co2eq_grams.value == pytest.approx(10_000 / 3.6e6 * 100, rel=0.01)
    energy = (said.energy_joules.high - said.energy_joules.low) / said.energy_joules.value
    assert (said.co2eq_grams.high - said.co2eq_grams.low) / said.co2eq_grams.value > energy


def test_epochs_beyond_those_that_are_kept_one_by_one_are_in_the_forecast(part, sample):
    said = recorded_forecast([part([sample.device()], 10_050, joules=(1000,))], epochs_total=20_000)
    assert (said.epochs_seen, said.epochs_total) == (10_050, 20_000)
    assert said.epochs_energy_joules.value == pytest.approx(2e7, rel=1e-4)
    assert said.epochs_duration_s.value == pytest.approx(2e5, rel=1e-4)
    assert said.energy_joules.value == pytest.approx(2e7, rel=1e-4)


def test_a_run_that_is_over_came_to_what_it_used_its_end_included(sample):
    assembly = Assembly()
    records = [sample.run(0), sample.device(), sample.intensity(100.0)]
    records += [sample.epoch(number, 10 * number, 10 * (number + 1), (1000 * number, 1000)) for number in range(3)]
    for record in [*records, sample.end(40, 3_500)]:
        assembly.add(record)
    said = recorded_forecast([Part(assembly, assembly.last_known(), "finished")], epochs_total=3)
    assert said.energy_joules == Estimate(3_500.0, 3_500.0, 3_500.0)
    assert said.duration_s.value == said.duration_s.high == pytest.approx(40)
    assert said.co2eq_grams.value == pytest.approx(3_500 / 3.6e6 * 100)
    assert said.epochs_energy_joules.value == pytest.approx(3_000)
