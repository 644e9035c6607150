"""Energy above idle, live, read back and merged."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Part
from carbonsdk.journal.codec import decode, encode
from carbonsdk.journal.merging import merge
from carbonsdk.reports import Baseline

MEASURED = datetime(2026, 11, 1, 9, tzinfo=UTC)


def idle(watts, *, day=1, busy=False):
    return Baseline(watts=watts, seconds=60.0, measured_at=MEASURED.replace(day=day), busy=busy)


def found(sample, *baselines):
    return [sample.device(index)._replace(baseline=each) for index, each in enumerate(baselines)]


def assembled(*records):
    assembly = Assembly()
    for record in records:
        assembly.add(decode(encode(record)))
    return assembly


def test_an_epoch_s_net_energy_is_what_exceeds_the_idle_power(sample):
    epoch = sample.epoch(0, 0, 10, (0, 500))
    assembly = assembled(sample.run(), *found(sample, idle(30.0)), epoch, sample.end(10, 500))
    # 500 J in 10 s, of which 10 s × 30 W would have been used at rest.
    report = assembly.epoch_report(epoch)
    assert (report.net_joules, report.above_idle.idle_joules) == (200.0, 300.0)
    assert report.to_dict()["above_idle"]["joules"] == 200.0


def test_the_idle_power_counts_for_the_time_that_was_observed(sample):
    epoch = sample.epoch(0, 0, 10, (0, 500))
    half = epoch._replace(uses=(epoch.uses[0]._replace(coverage=0.5),))
    assembly = assembled(sample.run(), *found(sample, idle(30.0)), half, sample.end(10, 500))
    assert assembly.epoch_report(half).net_joules == 350.0


def test_devices_without_an_idle_power_are_in_no_net_figure_and_are_named(sample):
    epoch = sample.epoch(0, 0, 10, (0, 500), (0, 900))
    assembly = assembled(sample.run(), *found(sample, idle(30.0), None), epoch, sample.end(10, 500, 900))
    net = assembly.epoch_report(epoch).above_idle
    assert (net.joules, net.without) == (200.0, ("package-1",))


def test_without_any_idle_power_there_is_no_net_figure(sample):
    epoch = sample.epoch(0, 0, 10, (0, 500))
    assembly = assembled(sample.run(), sample.device(), epoch, sample.end(10, 500))
    assert assembly.epoch_report(epoch).above_idle is None
    assert assembly.epoch_report(epoch).net_joules is None


def test_the_oldest_idle_power_and_a_machine_that_was_busy_are_told(sample):
    epoch = sample.epoch(0, 0, 10, (0, 500), (0, 900))
    devices = found(sample, idle(30.0, day=7), idle(10.0, day=2, busy=True))
    net = assembled(sample.run(), *devices, epoch, sample.end(10, 500, 900)).epoch_report(epoch).above_idle
    assert (net.measured_at.day, net.busy) == (2, True)


def test_the_run_s_net_energy_is_of_the_whole_run(sample):
    records = (sample.run(), *found(sample, idle(30.0)), sample.epoch(0, 0, 10, (0, 500)), sample.end(20, 900))
    assembly = assembled(*records)
    report = assembly.report(assembly.last_known(), run_state="finished")
    assert report.net_joules == pytest.approx(900.0 - 20 * 30.0)


def test_two_processes_that_watch_a_device_take_its_idle_power_off_once(sample):
    parts = []
    for rank in (0, 1):
        epoch = sample.epoch(0, 0, 10, (0, 500))
        assembly = assembled(sample.run(rank=rank, pid=4242 + rank), *found(sample, idle(30.0)), epoch, sample.end(20, 900))
        parts.append(Part(assembly, assembly.last_known(), "finished"))
    report = merge(parts)
    assert report.net_joules == pytest.approx(300.0)
    assert report.epochs[0].net_joules == pytest.approx(200.0)


def test_a_record_of_before_idle_powers_is_read_as_it_was(sample):
    line = encode(sample.device()).replace(b',"baseline":null', b"")
    assert decode(line) == sample.device()
    assert decode(line) != replace_baseline(sample.device())


def test_a_process_s_report_tells_the_machine_s_energy_beside_its_own(sample):
    end = sample.end(10, 30)
    end = end._replace(state=end.state._replace(machine_joules=(120.0,)))
    assembly = assembled(sample.run(scope="process"), sample.device(), end)
    report = assembly.report(assembly.last_known(), run_state="finished")
    assert (report.scope, report.energy.joules, report.machine_joules) == ("process", 30.0, 120.0)


def replace_baseline(record):
    return record._replace(baseline=replace(idle(1.0), busy=True))
