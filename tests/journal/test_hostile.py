"""An assembly survives whatever a journal says, in time and room that grow no faster than the journal."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonsdk.clock import unix_ns
from carbonsdk.footprint.timeline import Timeline
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Part
from carbonsdk.journal.merging import merge
from carbonsdk.journal.records import EpochEnded, Use
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
    for _ in range(5_000):
        assembly.add(sample.epoch(0, 0, 1))
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
