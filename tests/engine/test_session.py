"""A whole session in virtual time, with figures worked out by hand."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from support.sessions import Run, own
from support.simulated import Simulated, device, offer

from carbonsdk import runs
from carbonsdk.engine.ledger.overhead import Overhead
from carbonsdk.errors import DeviceLost
from carbonsdk.journal.records import IntensityKnown
from carbonsdk.model import DeviceKind, Signal, Zone
from carbonsdk.testing.clock import START
from carbonsdk.testing.profile import Profile


@pytest.fixture
def run():
    made = []

    def make(*backends, **options):
        made.append(Run(*backends, **options))
        return made[-1]

    yield make
    for each in made:
        each.session.stop()


def watts(value, **more):
    return lambda clock: Simulated(clock, {device(**more): Profile.constant(value)})


def at(hours):
    return START + timedelta(hours=hours)


def test_an_epoch_of_an_hour_at_a_kilowatt_is_a_kilowatt_hour(run):
    made = run(watts(1_000.0))
    with made.epoch() as epoch:
        made.pass_time(3_600)
    report = epoch.report
    assert report.energy.kwh == pytest.approx(1.0)
    assert report.co2eq_grams == pytest.approx(100.0)
    assert report.average_watts == pytest.approx(1_000.0)
    assert report.duration_s == 3_600.0


def test_an_intensity_that_changes_in_mid_epoch_gives_the_sum_of_the_parts(run):
    # 12:00–13:00 at 300 g/kWh, 13:00–14:00 at 60 g/kWh. The epoch lasts from 12:30 to 13:15 at 1 kW.
    made = run(watts(1_000.0), intensities=[own(300.0, at(0), at(1)), own(60.0, at(1), at(2))])
    made.pass_time(1_800)
    with made.epoch() as epoch:
        made.pass_time(2_700)
    assert epoch.report.co2eq_grams == pytest.approx(0.5 * 300 + 0.25 * 60)
    assert [(part.grams_per_kwh, joules) for part, joules in epoch.report.carbon.parts] == [
        (300.0, pytest.approx(1.8e6)),
        (60.0, pytest.approx(0.9e6)),
    ]


def test_power_that_changes_within_the_epoch_falls_under_the_intensity_of_its_own_time(run):
    # Half a kilowatt in the dear half hour, one and a half in the cheap one.
    profile = Profile.trace([(0, 1_000.0), (3_600, 1_000.0), (3_600.001, 3_000.0), (9_000, 3_000.0)])
    made = run(
        lambda clock: Simulated(clock, {device(): profile * 0.5}),
        intensities=[own(300.0, at(0), at(1)), own(60.0, at(1), at(3))],
    )
    made.pass_time(1_800)
    with made.epoch() as epoch:
        made.pass_time(3_600)
    assert epoch.report.co2eq_grams == pytest.approx(0.25 * 300 + 0.75 * 60, rel=1e-4)


def test_an_intensity_may_change_at_any_minute(run):
    # Not on a five-minute mark: 12:07:30.
    change = START + timedelta(minutes=7, seconds=30)
    made = run(watts(1_000.0), intensities=[own(300.0, START, change), own(60.0, change, at(1))])
    with made.epoch() as epoch:
        made.pass_time(900)
    assert epoch.report.co2eq_grams == pytest.approx(0.125 * 300 + 0.125 * 60)


def test_a_marginal_intensity_is_met_where_it_changes_itself(run):
    # The average holds throughout; at the margin it is 900 g until 12:07:30 and 300 g from then on, at half a kilowatt and then
    # at one and a half.
    change = START + timedelta(minutes=7, seconds=30)
    profile = Profile.trace([(0, 500.0), (450, 500.0), (450.001, 1_500.0), (900, 1_500.0)])
    made = run(lambda clock: Simulated(clock, {device(): profile}))
    margin = [
        replace(own(grams, start, end), signal=Signal.MARGINAL)
        for grams, start, end in ((900.0, START, change), (300.0, change, at(1)))
    ]
    made.session.scribe.note(IntensityKnown(Zone(key="DE"), tuple(margin)))
    with made.epoch() as epoch:
        made.pass_time(900)
    assert epoch.report.marginal.grams == pytest.approx(0.0625 * 900 + 0.1875 * 300, rel=1e-5)
    assert epoch.report.carbon.grams == pytest.approx(0.25 * 100, rel=1e-5)


def test_the_run_holds_what_lies_between_epochs_and_the_epochs_do_not(run):
    made = run(watts(100.0))
    made.pass_time(10)
    for _ in range(3):
        with made.epoch():
            made.pass_time(20)
        made.pass_time(5)
    report = made.session.stop()
    assert report.epochs_energy.joules == pytest.approx(3 * 20 * 100.0)
    assert report.energy.joules == pytest.approx(85 * 100.0)


def test_three_days_are_one_epoch_like_any_other(run):
    made = run(watts(100.0), interval_s=60.0)
    with made.epoch() as epoch:
        made.pass_time(3 * 86_400)
    assert epoch.report.energy.joules == pytest.approx(3 * 86_400 * 100.0)
    assert max(len(account.curve) for account in made.session.ledger.accounts) < 500


def test_a_span_shorter_than_the_sampling_interval_has_its_energy(run):
    made = run(watts(100.0))
    with made.epoch() as epoch:
        made.pass_time(3)
        with made.span("short"):
            made.pass_time(0.01)
        made.pass_time(3)
    (span,) = epoch.report.spans
    assert span.energy.joules == pytest.approx(1.0)


def test_an_epoch_whose_reading_is_still_out_is_provisional_and_corrected_later(run, tmp_path):
    kept = {}

    def slow(clock):
        kept["backend"] = Simulated(clock, {device("GPU-0", DeviceKind.GPU): Profile.constant(200.0)})
        return offer("nvml", kept["backend"], inline=False, named=True)

    made = run(slow, record=tmp_path / "journal.jsonl")
    with made.epoch() as epoch:
        made.pass_time(2)
        kept["backend"].gate = threading.Event()  # the driver hangs from here on
        made.clock.advance(3)
    assert epoch.report.provisional
    assert epoch.report.energy.joules == pytest.approx(400.0)  # what was read by then
    kept["backend"].gate.set()
    made.pass_time(1)
    made.session.tick(made.clock.monotonic_ns())
    made.session.stop()
    (read,) = runs.load(tmp_path / "journal.jsonl").epochs
    assert not read.provisional
    assert read.energy.joules == pytest.approx(1_000.0)


def test_a_device_that_was_lost_for_an_hour_charges_no_epoch_with_it(run):
    # 1 kW; away from 12:05 to 13:05, within which the intensity changes at 12:30 from 100 to 300 g/kWh.
    kept = {}

    def one(clock):
        kept["backend"] = Simulated(clock, {device(): Profile.constant(1_000.0)})
        return kept["backend"]

    made = run(one, intensities=[own(100.0, at(0), at(0.5)), own(300.0, at(0.5), at(2))])
    made.pass_time(300)
    kept["backend"].faults["package-0"] = DeviceLost("it fell off the bus")
    for _ in range(59):
        with made.epoch():
            made.pass_time(60)
    with made.epoch() as back:
        made.pass_time(30)
        kept["backend"].faults.clear()
        made.pass_time(90)
    report = made.session.report()
    assert back.report.energy.joules == pytest.approx(120_000.0)
    assert (
        10_000.0 < back.report.energy.uncertainty_joules < 120_000.0
    )  # who knows how much of an hour fell into its last minute
    assert back.report.co2eq_grams == pytest.approx(120 / 3_600 * 300)
    assert report.energy.kwh == pytest.approx(3_960 / 3_600)
    assert report.co2eq_grams == pytest.approx(0.5 * 100 + (3_960 - 1_800) / 3_600 * 300, rel=1e-6)


def test_without_readings_at_edges_epochs_lie_between_those_of_the_ticks(run):
    made = run(watts(100.0), edge_reads="never")
    made.pass_time(3)
    made.clock.advance(0.4)
    with made.epoch() as epoch:
        made.clock.advance(0.6)
        made.pass_time(2)
        made.clock.advance(0.3)
    assert epoch.report.provisional
    made.clock.advance(0.7)
    made.session.tick(made.clock.monotonic_ns())
    assert not epoch.report.provisional
    assert epoch.report.energy.joules == pytest.approx(290.0)


def test_the_end_of_a_run_is_read_whatever_is_spared_at_edges(run):
    made = run(watts(100.0), edge_reads="never")
    made.pass_time(3)
    with made.epoch() as epoch:
        made.clock.advance(0.5)
    report = made.session.stop()
    assert report.energy.joules == pytest.approx(350.0)
    assert not epoch.report.provisional
    assert epoch.report.energy.joules == pytest.approx(50.0)


def test_a_lost_device_leaves_the_overhead_of_the_others_where_it_was_used(run):
    # 1 kW for an hour at 100 g/kWh and nothing for an hour at 300, and as much again of overhead; the GPU is lost at 12:10.
    kept = {}

    def both(clock):
        hour_and_nothing = Profile.trace([(0, 1_000.0), (3_600, 1_000.0), (3_600, 0.0)])
        kept["backend"] = Simulated(clock, {device(): hour_and_nothing, device("GPU-0", DeviceKind.GPU): Profile.constant(0.0)})
        return kept["backend"]

    made = run(both, intensities=[own(100.0, at(0), at(1)), own(300.0, at(1), at(3))], overhead=Overhead(factor=1.0))
    made.pass_time(600)
    kept["backend"].faults["GPU-0"] = DeviceLost("it fell off the bus")
    made.pass_time(6_600)
    assert made.session.report().co2eq_grams == pytest.approx(200.0, rel=1e-3)


def test_a_gpu_lost_in_mid_run_keeps_its_energy_and_makes_the_rest_partial(run):
    kept = {}

    def gpus(clock):
        names = [device(f"GPU-{number}", DeviceKind.GPU) for number in range(2)]
        kept["backend"] = Simulated(clock, {each: Profile.constant(100.0) for each in names})
        return kept["backend"]

    made = run(gpus)
    with made.epoch() as epoch:
        made.pass_time(10)
        kept["backend"].faults["GPU-1"] = DeviceLost("GPU is lost")
        made.pass_time(10)
    report = epoch.report
    assert report.energy.joules == pytest.approx(20 * 100.0 + 10 * 100.0)
    assert report.energy.partial
    assert "GPU is lost" in report.energy.reason


def test_live_and_read_reports_agree_to_the_bit(run, tmp_path):
    made = run(
        watts(123.4),
        intensities=[own(300.0, at(0), at(1)), own(60.0, at(1), at(9))],
        record=tmp_path / "journal.jsonl",
    )
    for _ in range(7):
        with made.epoch():
            made.pass_time(777)
            with made.span("evaluation"):
                made.pass_time(33)
        made.pass_time(50)
    live = made.session.stop()
    read = runs.load(tmp_path / "journal.jsonl")
    assert [each.to_dict() for each in read.epochs] == [each.to_dict() for each in live.epochs]
    assert read.energy == live.energy
    assert read.carbon == live.carbon


def test_a_wall_clock_that_steps_back_moves_no_epoch(run):
    made = run(watts(100.0))
    with made.epoch() as first:
        made.pass_time(60)
    with made.epoch() as second:
        made.pass_time(60)
    assert first.report.end <= second.report.start
    assert second.report.duration_s == 60.0
