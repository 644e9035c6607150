"""Records in, reports out: figures worked out by hand."""

import copy
import json
import math
import pickle

import pytest

from carbonsdk.errors import JournalError
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.records import OpenEpoch, SpanUse, Use, Warned
from carbonsdk.model import Quality, Signal


@pytest.fixture
def assemble(sample):
    def make(*records, devices=1):
        assembly = Assembly()
        for record in (sample.run(), *(sample.device(n) for n in range(devices)), *records):
            assembly.add(record)
        return assembly

    return make


def test_an_epoch_report_adds_its_devices_and_dates_them(assemble, sample):
    assembly = assemble(sample.intensity(360.0), devices=2)
    report = assembly.epoch_report(sample.epoch(3, 10, 30, (100, 600), (50, 400)))
    assert report.number == 3
    assert report.duration_s == 20.0
    assert report.energy.joules == 1000.0
    assert report.energy.quality is Quality.MEASURED
    assert [device.energy.joules for device in report.devices] == [600.0, 400.0]
    assert report.start.isoformat() == "2026-11-22T12:00:10+00:00"
    assert report.co2eq_grams == pytest.approx(1000 / 3.6e6 * 360)
    assert report.average_watts == 50.0


def test_an_epoch_is_split_among_intensities_along_its_own_curve(assemble, sample):
    # 900 J before second 100 and 100 J after it, though second 100 is the middle: the curve was cut there.
    assembly = assemble(sample.intensity(100.0, -1000, 100), sample.intensity(500.0, 100, 1000), sample.slot(100, 1900.0))
    report = assembly.epoch_report(sample.epoch(0, 0, 200, (1000, 1000)))
    assert report.co2eq_grams == pytest.approx((900 * 100 + 100 * 500) / 3.6e6)
    assert [joules for _, joules in report.carbon.parts] == [900.0, 100.0]


def test_marginal_intensities_make_a_figure_of_their_own(assemble, sample):
    # 3.6 MJ are 1 kWh: 100 g on average; at the margin half of it under 800 g and half under 600 g.
    assembly = assemble(
        sample.intensity(100.0),
        sample.intensity(800.0, 0, 5, signal=Signal.MARGINAL),
        sample.intensity(600.0, 5, 10, signal=Signal.MARGINAL),
    )
    assembly.add(sample.epoch(0, 0, 10, (0, 3.6e6)))
    report = assembly.report(sample.state(10, 3.6e6), run_state="running")
    for figures in (report, report.epochs[0]):
        assert figures.co2eq_grams == pytest.approx(100)
        assert figures.marginal.grams == pytest.approx(700)
        assert {value.signal for value, _ in figures.carbon.parts} == {Signal.AVERAGE}
        assert {value.signal for value, _ in figures.marginal.parts} == {Signal.MARGINAL}


def test_without_a_marginal_service_there_is_no_marginal_figure(assemble, sample):
    report = assemble(sample.intensity(100.0), sample.epoch(0, 0, 10, (0, 1))).report(
        sample.state(10, 1.0), run_state="running"
    )
    assert report.marginal is None
    assert report.epochs[0].marginal is None


def test_a_device_that_is_unknown_makes_the_epoch_partial_and_is_no_zero(assemble, sample):
    report = assemble(devices=2).epoch_report(sample.epoch(0, 0, 1, (0, 5), (0, None)))
    assert report.energy.joules == 5.0
    assert report.energy.partial
    assert report.devices[1].energy.joules is None


def test_simulated_devices_are_listed_and_not_added_to_real_ones(assemble, sample):
    assembly = assemble()
    assembly.add(sample.device(1, simulated=True))
    report = assembly.epoch_report(sample.epoch(0, 0, 1, (0, 5), (0, 1000)))
    assert report.energy.joules == 5.0
    assert len(report.devices) == 2
    state = sample.state(1, 5.0, 1000.0)
    assert assembly.report(state, run_state="running").energy.joules == 5.0


def test_where_all_is_simulated_the_simulation_is_the_total(sample):
    assembly = Assembly()
    for record in (sample.run(), sample.device(0, simulated=True), sample.device(1, simulated=True)):
        assembly.add(record)
    assert assembly.epoch_report(sample.epoch(0, 0, 1, (0, 5), (0, 7))).energy.joules == 12.0


def test_a_run_report_holds_gaps_and_the_union_of_the_epochs_does_not(assemble, sample):
    assembly = assemble(
        sample.intensity(360.0), sample.epoch(0, 10, 20, (100, 50)), sample.epoch(1, 30, 40, (200, 70)), Warned(0, "hot")
    )
    report = assembly.report(sample.state(50, 400.0), run_state="running", record="/there")
    assert (report.energy.joules, report.epochs_energy.joules) == (400.0, 120.0)
    assert (report.duration_s, report.epoch_count, report.state, report.record) == (50.0, 2, "running", "/there")
    assert [epoch.number for epoch in report.epochs] == [0, 1]
    assert report.co2eq_grams == pytest.approx(400 / 3.6e6 * 360)
    assert report.warnings == ("hot",)


def test_what_overlapping_epochs_share_is_counted_once(assemble, sample):
    # [0, 20) from 0 to 200 J and [10, 30) from 100 to 300 J: 300 J together.
    assembly = assemble(sample.epoch(0, 0, 20, (0, 200), closes=False), sample.epoch(1, 10, 30, (100, 200)))
    assert assembly.epochs_use().joules == 300.0
    assert assembly.epochs_use().coverage == 1.0


def test_a_correction_replaces_the_provisional_figure_everywhere(assemble, sample):
    assembly = assemble(sample.epoch(0, 0, 10, (0, 100), provisional=True), sample.epoch(1, 10, 20, (100, 50)))
    assembly.add(sample.epoch(0, 0, 10, (0, 90)))
    report = assembly.report(sample.state(20, 150.0), run_state="running")
    assert report.epochs_energy.joules == 140.0
    assert [(epoch.energy.joules, epoch.provisional) for epoch in report.epochs] == [(90.0, False), (50.0, False)]
    assert report.epoch_count == 2


def test_epochs_that_lack_a_reading_lower_the_coverage_of_the_union(assemble, sample):
    assembly = assemble(sample.epoch(0, 0, 10, (0, 100)), sample.epoch(1, 10, 20, (100, None)))
    use = assembly.epochs_use()
    assert (use.joules, use.coverage, use.partial) == (100.0, 0.5, True)


def test_memory_stays_with_the_newest_ten_thousand_epochs_and_the_sums_with_all(assemble, sample):
    assembly = assemble()
    for number in range(12_000):
        assembly.add(sample.epoch(number, number, number + 1, (2.0 * number, 2.0)))
    report = assembly.report(sample.state(12_000, 24_000.0), run_state="running")
    assert len(report.epochs) == 10_000
    assert report.epochs[0].number == 2000
    assert report.epochs[-1].energy.joules == 2.0
    assert report.epoch_count == 12_000
    assert report.epochs_energy.joules == pytest.approx(24_000.0, rel=1e-12)
    # A correction of one that is forgotten counts no second time.
    assembly.add(sample.epoch(5, 5, 6, (10.0, 2.0)))
    assert assembly.epoch_count == 12_000
    assert len(assembly.epochs) == 10_000


def test_a_report_does_not_change_when_more_is_known_later(assemble, sample):
    assembly = assemble(sample.intensity(100.0), sample.epoch(0, 0, 10, (0, 3600)))
    before = assembly.report(sample.state(10, 3600.0), run_state="running")
    assembly.add(sample.epoch(1, 10, 20, (3600, 1)))
    assembly.add(sample.intensity(500.0, 0, 100, settled=True))
    assert len(before.epochs) == 1
    assert before.epochs[0].co2eq_grams == pytest.approx(0.1)
    after = assembly.report(sample.state(20, 3601.0), run_state="running")
    assert after.epochs[0].co2eq_grams == pytest.approx(0.5)


def test_a_report_can_be_copied_pickled_and_written_as_json(assemble, sample):
    report = assemble(sample.epoch(0, 0, 10, (0, 100))).report(sample.state(10, 100.0), run_state="running")
    assert pickle.loads(pickle.dumps(report)) == report
    assert copy.deepcopy(report) == report
    written = json.loads(json.dumps(report.to_dict()))
    assert written["epochs"][0]["energy"]["joules"] == 100.0


def test_spans_outside_epochs_are_totalled_by_name(assemble, sample):
    spans = (SpanUse("validation", 3, 5_000_000_000, (Use(0, 0.0, 42.0),)),)
    (span,) = assemble().report(sample.state(10, 100.0, spans=spans), run_state="running").spans
    assert (span.name, span.count, span.duration_s, span.energy.joules) == ("validation", 3, 5.0, 42.0)


def test_a_device_of_which_a_state_says_nothing_is_missing_not_absent(assemble, sample):
    report = assemble(devices=2).report(sample.state(10, 100.0), run_state="running")
    assert report.energy.joules == 100.0
    assert report.energy.partial
    assert [device.energy.joules for device in report.devices] == [100.0, None]


def test_without_an_end_the_newest_of_state_slot_and_epoch_is_known(assemble, sample):
    assembly = assemble(sample.state(60, 600.0), sample.epoch(0, 50, 70, (500, 200)), sample.slot(80, 790.0))
    state = assembly.last_known()
    assert state.at_ns == sample.ns(80)
    assert state.uses[0].joules == 790.0
    assert state.uses[0].coverage == 1.0


def test_time_after_the_last_known_point_of_a_device_is_not_covered(assemble, sample):
    records = (sample.state(60, 600.0, 60.0), sample.epoch(0, 60, 80, (600, 200), (60, None)))
    state = assemble(*records, devices=2).last_known()
    assert [use.joules for use in state.uses] == [800.0, 60.0]
    assert [use.coverage for use in state.uses] == [1.0, 0.75]


def test_the_end_says_all(assemble, sample):
    end = sample.end(90, 900.0)
    assembly = assemble(sample.state(60, 600.0), end)
    assert assembly.ended
    assert assembly.last_known() == end.state


def test_an_abandoned_run_keeps_the_open_epoch_as_partial_and_uncounted(assemble, sample):
    open_epoch = OpenEpoch(1, "epoch", sample.ns(40), sample.uses((400, 200)))
    assembly = assemble(sample.epoch(0, 0, 40, (0, 400)), sample.state(60, 600.0, open_epochs=(open_epoch,)))
    assembly.abandon()
    report = assembly.report(assembly.last_known(), run_state="interrupted")
    assert [(epoch.number, epoch.partial, epoch.energy.joules) for epoch in report.epochs] == [
        (0, False, 400.0),
        (1, True, 200.0),
    ]
    assert report.epochs[1].reason == "the process ended before the epoch did"
    assert report.epoch_count == 1
    assert report.epochs_energy.joules == 600.0


def test_an_open_epoch_that_ended_after_the_state_is_not_abandoned(assemble, sample):
    open_epoch = OpenEpoch(0, "epoch", sample.ns(40), sample.uses((400, 200)))
    assembly = assemble(sample.state(60, 600.0, open_epochs=(open_epoch,)), sample.epoch(0, 40, 70, (400, 300)))
    assembly.abandon()
    (epoch,) = assembly.report(assembly.last_known(), run_state="interrupted").epochs
    assert (epoch.partial, epoch.energy.joules) == (False, 300.0)


def test_a_reconciliation_updates_the_figures_and_can_be_left_out(sample):
    records = [sample.run(), sample.device(), sample.intensity(100.0, year=2024)]
    records += [sample.end(10, 3600.0), sample.intensity(300.0, 0, 100, replaces="settled", settled=True)]
    for reconciled, grams in ((True, 0.3), (False, 0.1)):
        assembly = Assembly(reconciled=reconciled)
        for record in records:
            assembly.add(record)
        report = assembly.report(assembly.last_known(), run_state="finished")
        assert report.co2eq_grams == pytest.approx(grams)


def test_a_reconciliation_for_another_zone_replaces_all_that_was_known(assemble, sample):
    assembly = assemble(sample.intensity(100.0, 0, 100, settled=True), sample.intensity(20.0, zone="SE", replaces="elsewhere"))
    assert assembly.report(sample.state(10, 3600.0), run_state="finished").co2eq_grams == pytest.approx(0.02)
    assert assembly.zone.key == "SE"


def test_records_that_make_no_sense_are_left_out(sample):
    assembly = Assembly()
    for record in (
        sample.run(),
        sample.run(99, run_id="another"),
        sample.device(7),
        sample.device(0),
        sample.device(-1),
        sample.epoch(0, 20, 10, (0, 1.0)),
        sample.epoch(1, 0, 10, (0, 5.0), (0, 5.0), (0, 5.0)),
        sample.intensity(-5.0),
        sample.slot(-1, 1.0, 2.0, 3.0),
        sample.state(10, 5.0, 5.0),
    ):
        assembly.add(record)
    report = assembly.report(assembly.last_known(), run_state="interrupted")
    assert report.run_id == "20261122-120000-ab12cd"
    assert (report.energy.joules, report.epochs_energy.joules) == (5.0, 5.0)
    assert report.co2eq_grams is None


def test_an_assembly_without_a_run_says_so():
    with pytest.raises(JournalError, match="which run"):
        Assembly().report(Assembly().last_known(), run_state="interrupted")


def test_bias_adds_and_noise_does_not(sample):
    assembly = Assembly()
    assembly.add(sample.run())
    assembly.add(sample.device(0, bias=0.05))
    for number in range(2):
        use = Use(0, 100.0 * number, 100.0, 1.0, 3.0)
        assembly.add(sample.epoch(number, number, number + 1)._replace(uses=(use,)))
    energy = assembly.epochs_use()
    assert energy.bias_joules == pytest.approx(10.0)
    assert energy.noise_joules == pytest.approx(math.sqrt(18))


def test_a_journal_that_names_one_device_ever_so_often_counts_it_once(assemble, sample):
    assembly = assemble()
    assembly.add(sample.epoch(0, 0, 1)._replace(uses=(Use(0, 0.0, 5.0),) * 70_000))
    assert assembly.epochs_use().joules == 5.0
    assert len(assembly.epochs[0].uses) == 1
