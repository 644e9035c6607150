"""An assembly survives whatever a journal says, in time and room that grow no faster than the journal."""

import json
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonsdk.clock import unix_ns
from carbonsdk.footprint.timeline import Timeline
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Part
from carbonsdk.journal.marks import Marks
from carbonsdk.journal.merging import merge
from carbonsdk.journal.records import EpochEnded, Use
from carbonsdk.journal.shelf import EpochShelf
from carbonsdk.journal.union import EpochUnion
from carbonsdk.model import CarbonIntensity

FIRST = datetime(2026, 1, 5, tzinfo=UTC)


def assembled(sample, records):
    assembly = Assembly()
    for record in (sample.run(), sample.device(0), sample.device(1, simulated=True), *records):
        assembly.add(record)
    assembly.abandon()
    return Part(assembly, assembly.last_known(), "interrupted")


@settings(deadline=None)
@given(st.data())
def test_any_records_give_a_report_that_can_be_written(sample, any_record, data):
    part = assembled(sample, data.draw(st.lists(any_record, max_size=12)))
    report = merge([part])
    json.dumps(report.to_dict(), allow_nan=False)


@settings(deadline=None)
@given(st.data())
def test_any_records_of_two_processes_merge(sample, any_record, data):
    parts = [assembled(sample, data.draw(st.lists(any_record, max_size=6))) for _ in range(2)]
    json.dumps(merge(parts).to_dict(), allow_nan=False)


# What took minutes or hours before; processor time, so that a busy machine makes no difference.
LINEAR_S = 10.0


@pytest.fixture
def in_linear_time():
    before = time.process_time()
    yield
    assert time.process_time() - before < LINEAR_S


def test_corrections_of_epochs_long_gone_take_no_search_each(sample, in_linear_time):
    assembly = Assembly()
    assembly.add(sample.run())
    assembly.add(sample.device())
    for number in range(10_001):
        assembly.add(sample.epoch(number, number, number + 1))
    for _ in range(50_000):
        assembly.add(sample.epoch(0, 0, 1))
        assembly.add(sample.epoch(10_000, 10_000, 10_001))
    assert assembly.epoch_count == 10_001


def test_epochs_that_wait_for_a_correction_are_not_looked_through_for_each_new_one(sample, in_linear_time):
    union = EpochUnion()
    for number in range(60_000):
        last = number % 1_000 == 999  # sixty stretches, each with one epoch at its end that is provisional
        union.add(EpochEnded(number, "", number, number + 1, (), provisional=last, closes=last))
    for number in range(60_000, 80_000):
        union.add(EpochEnded(number, "", number, number + 1, ()))
    assert union.devices()[1] == pytest.approx(80_000 / 1e9)


def test_intensities_that_come_one_by_one_are_not_all_copied_for_each(in_linear_time):
    timeline = Timeline()
    for hour in range(60_000):
        start = FIRST + timedelta(hours=hour)
        timeline.add(
            [
                CarbonIntensity(
                    grams_per_kwh=100.0 + hour % 7, zone="DE", source="x", start=start, end=start + timedelta(hours=1)
                )
            ]
        )
    assert timeline.at(unix_ns(FIRST + timedelta(hours=8, minutes=30))).grams_per_kwh == 101.0
    assert len(timeline.boundaries(unix_ns(FIRST), unix_ns(FIRST + timedelta(hours=60_000)))) == 59_999


def test_what_waits_for_a_correction_takes_bounded_room():
    union = EpochUnion()
    for number in range(200):
        uses = (Use(0, float(number), 1.0),) * 4_000
        union.add(EpochEnded(number, "", number, number + 1, uses, provisional=True, closes=False))
    assert sum(stretch.rows for stretch in (union._growing, *union._waiting)) <= 600_000
    assert union.devices()[0][0].joules == pytest.approx(200.0)


def interrupted(assembly):
    return Part(assembly, assembly.last_known(), "interrupted")


def side_by_side(sample, *, epochs, hours, rank=0):
    """A process with epochs that all last as long as the run, under as many intensities as there are hours."""
    assembly = Assembly()
    assembly.add(sample.run(rank=rank, pid=rank))
    assembly.add(sample.device())
    for hour in range(hours):
        assembly.add(sample.intensity(100.0 + hour % 7, 3600 * hour, 3600 * (hour + 1)))
        assembly.add(sample.slot(3600 * (hour + 1) - 1800, 2.0 * hour))
    for number in range(epochs):
        assembly.add(sample.epoch(number, 0, 3600 * hours, (0, 2.0 * hours)))
    return assembly


@pytest.mark.parametrize("processes", [1, 2])
def test_a_report_of_thousands_of_epochs_side_by_side_holds_the_newest_and_says_so(sample, in_linear_time, processes):
    # 2,000 epochs of 1,000 hours each would be 2,000,000 intensities in a report.
    parts = [interrupted(side_by_side(sample, epochs=2_000, hours=1_000, rank=rank)) for rank in range(processes)]
    report = merge(parts)
    rows = sum(len(epoch.carbon.parts) for epoch in report.epochs)
    assert 1_000 <= rows <= 50_000 + processes * (2 * 2_000 + 8 * 2 * 1_000)
    assert report.epochs[-1].number == 1_999
    assert report.epoch_count == 2_000
    assert f"the oldest {2_000 - len(report.epochs):,} of the epochs" in report.warnings[0]
    json.dumps(report.to_dict())


def test_a_single_epoch_is_reported_under_however_many_intensities(sample):
    report = merge([interrupted(side_by_side(sample, epochs=1, hours=30_000))])
    assert len(report.epochs) == 1
    assert report.warnings == ()


def test_what_an_honest_month_holds_is_reported_whole(sample):
    assembly = Assembly()
    assembly.add(sample.run())
    for index in range(12):
        assembly.add(sample.device(index))
    for slot in range(8_640):
        assembly.add(sample.intensity(300.0, 300 * slot, 300 * (slot + 1)))
        assembly.add(sample.slot(300 * (slot + 1), *[slot + 1.0] * 12))
    for number in range(2_400):  # eight threads, each of which has an epoch open all the time
        start_s = (number // 8) * 8_640
        assembly.add(sample.epoch(number, start_s, start_s + 8_640, *[(start_s / 300, 28.8)] * 12))
    report = merge([interrupted(assembly)])
    assert len(report.epochs) == 2_400
    assert report.warnings == ()


def test_devices_that_no_slot_tells_of_are_not_cut_at_every_slot(sample, in_linear_time):
    assembly = Assembly()
    assembly.add(sample.run())
    for index in range(4_000):
        assembly.add(sample.device(index))
    for second in range(40_000):
        assembly.add(sample.slot(second + 1))
    assembly.add(sample.state(50_000, *[1.0] * 4_000))
    report = merge([interrupted(assembly)])
    assert report.energy.joules == 4_000.0


def test_joules_that_slots_leave_out_take_bounded_room(sample):
    marks = Marks()
    marks.add(sample.slot(0, *[0.0] * 1_000), devices=1_000)
    tracemalloc.start()
    for second in range(1, 20_000):
        marks.add(sample.slot(second), devices=1_000)
    room_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert room_bytes < 20_000_000  # for 160,000,000 that all would take


def test_epochs_of_any_number_of_devices_leave_little_behind():
    shelf = EpochShelf()
    tracemalloc.start()
    for count in range(1_500):
        shelf.put(EpochEnded(count, "", 0, 1, (Use(0, 0.0, 1.0),) * count))
    del shelf
    room_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert room_bytes < 5_000_000  # what packs epochs is kept for the next of as many devices: it was 180,000,000


def test_thousands_of_processes_are_not_compared_each_with_each(sample, in_linear_time):
    parts = []
    for rank in range(6_000):
        assembly = Assembly()
        known = 1.0 if rank % 2 else None
        for record in (
            sample.run(rank * 10, rank=rank, pid=rank),
            sample.device(),
            sample.epoch(0, rank * 10, rank * 10 + 9, (0, known)),
            sample.end(rank * 10 + 9, known),
        ):
            assembly.add(record)
        parts.append(Part(assembly, assembly.last_known(), "finished"))
    report = merge(parts)
    assert report.energy.joules == 3_000.0


def test_two_processes_of_thousands_of_devices_are_not_searched_for_each(sample, in_linear_time):
    parts = []
    for rank in range(2):
        assembly = Assembly()
        assembly.add(sample.run(rank=rank, pid=rank))
        for index in range(4_000):
            assembly.add(sample.device(index, host=f"h{rank}"))
        assembly.add(sample.epoch(0, 0, 1, *[(0, 1.0)] * 4_000))
        parts.append(interrupted(assembly))
    assert merge(parts).epochs_energy.joules == 8_000.0


def test_a_device_told_of_again_and_again_has_the_others_not_counted(sample, in_linear_time):
    assembly = Assembly()
    assembly.add(sample.run())
    for index in range(4_000):
        assembly.add(sample.device(index, simulated=True))
    for _ in range(20_000):
        assembly.add(sample.device(0))
    assembly.add(sample.device(0, simulated=True))
    assembly.add(sample.epoch(0, 0, 1, (0, 5.0), (0, 6.0)))
    assert merge([interrupted(assembly)]).epochs[0].energy.joules == 11.0


def test_texts_that_every_epoch_says_again_are_of_a_bounded_length(sample):
    assembly = Assembly()
    device = sample.device()
    long = replace(device.device, name="n" * 90_000, sensor=replace(device.device.sensor, method="m" * 90_000))
    intensity = sample.intensity(300.0)
    value = replace(intensity.values[0], source="s" * 90_000, note="o" * 90_000)
    for record in (sample.run(), device._replace(device=long), intensity._replace(values=(value,))):
        assembly.add(record)
    for number in range(1_000):
        assembly.add(sample.epoch(number, number, number + 1, (number, 1.0)))
    report = merge([interrupted(assembly)])
    assert report.devices[0].device.name == "n" * 299 + "…"
    assert len(json.dumps(report.to_dict())) < 5_000_000  # were they whole, it would be 700,000,000


def test_a_device_is_written_once_for_all_the_epochs_of_a_report(sample):
    assembly = Assembly()
    for record in (sample.run(), sample.device(), sample.epoch(0, 0, 1, (0, 1.0)), sample.epoch(1, 1, 2, (1, 1.0))):
        assembly.add(record)
    first, second = merge([interrupted(assembly)]).to_dict()["epochs"]
    assert first["devices"][0]["device"] is second["devices"][0]["device"]


def test_thousands_of_devices_are_not_counted_through_for_each_of_them(sample, in_linear_time):
    assembly = Assembly()
    assembly.add(sample.run())
    for index in range(4_000):
        assembly.add(sample.device(index, simulated=True))
    uses = tuple(Use(index, 0.0, 1.0) for index in range(4_000))
    for number in range(3):
        assembly.add(EpochEnded(number, "", number, number + 1, uses))
    report = assembly.report(assembly.last_known(), run_state="interrupted")
    assert [epoch.energy.joules for epoch in report.epochs] == [4_000.0] * 3
