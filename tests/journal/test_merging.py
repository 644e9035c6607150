"""Runs of many processes: every joule once."""

import pytest

from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Covered, Part
from carbonsdk.journal.merging import merge
from carbonsdk.journal.records import SpanUse, Use, Warned
from carbonsdk.model import Signal


@pytest.fixture
def process(sample):
    """One process: its run and devices, what it noted, and its last state; each device as keywords of `sample.device`."""

    def make(start_s, end_s, *joules, devices=({},), epochs=(), run_state="finished", more=(), **run):
        assembly = Assembly()
        assembly.add(sample.run(start_s, **run))
        for index, device in enumerate(devices):
            assembly.add(sample.device(index, **{"host": run.get("host", "alpha")} | device))
        assembly.add(sample.intensity(360.0))
        for record in (*epochs, *more):
            assembly.add(record)
        return Part(assembly, sample.state(end_s, *joules), run_state, f"rank {run.get('rank', 0)}")

    return make


def gpu(number):
    return {"kind": "gpu", "id": f"GPU-{number}", "backend": "nvml"}


def test_four_ranks_on_one_host_count_the_cpu_once_and_each_gpu_once(process):
    # Every rank sees the CPU at 100 W for its own time; rank 2 runs longest. Each GPU draws 300 W.
    ends = (100, 101, 104, 102)
    parts = [process(0, end, 100 * end, 300 * end, devices=({}, gpu(rank)), rank=rank) for rank, end in enumerate(ends)]
    report = merge(parts)
    assert report.energy.joules == 100 * 104 + 300 * (100 + 101 + 104 + 102)
    assert len(report.devices) == 5
    assert report.co2eq_grams == pytest.approx(report.energy.joules / 3.6e6 * 360)
    assert (report.rank, report.attempts, report.duration_s) == (0, 1, 104.0)


def test_ranks_that_all_see_all_gpus_count_each_once(process):
    parts = [process(0, 100, 100, 1000, 2000, devices=({}, gpu(0), gpu(1)), rank=rank) for rank in range(2)]
    assert merge(parts).energy.joules == 3100.0


def test_hosts_add_up(process):
    parts = [process(0, 100, 5000, host=host, rank=rank) for rank, host in enumerate(("alpha", "beta"))]
    report = merge(parts)
    assert report.energy.joules == 10_000.0
    assert {device.device.host for device in report.devices} == {"alpha", "beta"}


def test_attempts_add_up_and_the_time_between_is_named(process, sample):
    first = process(0, 100, 1000, run_state="interrupted", epochs=[sample.epoch(0, 0, 100, (0, 1000))])
    second = process(400, 500, 700, attempt=2, epochs=[sample.epoch(1, 400, 500, (0, 700))])
    report = merge([second, first])
    assert report.energy.joules == 1700.0
    assert report.epochs_energy.joules == 1700.0
    assert [epoch.number for epoch in report.epochs] == [0, 1]
    assert (report.epoch_count, report.attempts, report.state) == (2, 2, "finished")
    assert report.duration_s == 200.0
    assert (report.end - report.start).total_seconds() == 500.0
    assert report.warnings[0] == "300 s between attempts, when nothing ran, are in no figure"


def test_an_epoch_done_again_after_a_crash_is_listed_twice_and_counted_once(process, sample):
    first = process(0, 100, 1000, epochs=[sample.epoch(n, 50 * n, 50 * n + 50, (500 * n, 500)) for n in range(2)])
    second = process(200, 300, 1000, epochs=[sample.epoch(n, 200 + 50 * n - 50, 250 + 50 * n - 50, (0, 400)) for n in (1, 2)])
    report = merge([first, second])
    assert [(epoch.number, epoch.energy.joules) for epoch in report.epochs] == [(0, 500.0), (1, 500.0), (1, 400.0), (2, 400.0)]
    assert report.epoch_count == 3


def test_restarted_ranks_that_overlap_count_no_instant_twice(process, sample):
    # 10 W throughout. Rank 0 dies at 100 and starts again at 110 while rank 1 lives from 0 to 105 and from 115 on.
    spans = [(0, 100, 0), (110, 200, 0), (0, 105, 1), (115, 200, 1)]
    parts = [process(start, end, 10.0 * (end - start), rank=rank) for start, end, rank in spans]
    report = merge(parts)
    assert report.energy.joules == pytest.approx(10 * (105 + 90))
    assert report.attempts == 2


def test_the_part_of_a_curve_that_nobody_else_saw_follows_its_slots(process, sample):
    # Rank 1 saw 20 s more than rank 0, of which its slot at 100 says that they took 50 J.
    parts = [process(0, 100, 1000, rank=0), process(90, 120, 150, rank=1, more=[sample.slot(100, 100.0)])]
    report = merge(parts)
    assert report.energy.joules == pytest.approx(1050.0)
    assert report.co2eq_grams == pytest.approx(1050 / 3.6e6 * 360)


def test_a_process_that_knows_nothing_of_a_device_does_not_hide_it(process):
    parts = [process(0, 200, None, rank=0), process(0, 100, 1000, rank=1)]
    assert merge(parts).energy.joules == 1000.0


def test_an_epoch_of_many_ranks_is_one_with_all_their_gpus(process, sample):
    parts = [
        process(
            0,
            100,
            1000,
            3000,
            devices=({}, gpu(rank)),
            rank=rank,
            epochs=[sample.epoch(0, rank, 50 + 2 * rank, (0, cpu), (0, 900))],
        )
        for rank, cpu in enumerate((500, 510))
    ]
    (epoch,) = merge(parts).epochs
    assert epoch.duration_s == 52.0
    assert epoch.energy.joules == 510 + 900 + 900
    assert epoch.co2eq_grams == pytest.approx(2310 / 3.6e6 * 360)


def test_simulated_devices_of_one_rank_are_not_added_to_the_real_ones_of_another(process):
    parts = [process(0, 100, 1000, rank=0), process(0, 100, 9999, devices=({"simulated": True, "id": "sim"},), rank=1)]
    report = merge(parts)
    assert report.energy.joules == 1000.0
    assert len(report.devices) == 2


@pytest.mark.parametrize(
    ("states", "merged"),
    [
        (("finished", "finished"), "finished"),
        (("finished", "interrupted"), "interrupted"),
        (("running", "interrupted"), "running"),
    ],
)
def test_a_run_is_as_its_ranks_are(process, states, merged):
    parts = [process(0, 10, 1, rank=rank, run_state=state) for rank, state in enumerate(states)]
    assert merge(parts).state == merged


def test_spans_of_the_lowest_rank_add_up_over_its_attempts(process, sample):
    def with_spans(start_s, rank, seconds):
        part = process(start_s, start_s + 10, 100, rank=rank)
        span = SpanUse("validation", 1, seconds * 10**9, (Use(0, 0.0, 10.0 * seconds),))
        return Part(part.assembly, part.state._replace(spans=(span,)), part.run_state)

    (span,) = merge([with_spans(0, 0, 1), with_spans(20, 0, 2), with_spans(0, 1, 5)]).spans
    assert (span.count, span.duration_s, span.energy.joules) == (2, 3.0, 30.0)


def test_warnings_of_all_processes_are_told_once(process):
    parts = [process(0, 10, 1, rank=rank, more=[Warned(0, "no network")]) for rank in range(3)]
    assert merge(parts).warnings == ("no network",)


@pytest.mark.parametrize(
    ("covered", "left"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(2, 4)], [(0, 2), (4, 10)]),
        ([(4, 6), (2, 5), (9, 20)], [(0, 2), (6, 9)]),
        ([(-5, 3), (20, 30)], [(3, 10)]),
        ([(-5, -1)], [(0, 10)]),
    ],
)
def test_what_is_uncovered_is_what_no_span_covers(covered, left):
    taken = Covered()
    for span in covered:
        taken.take(span)
    assert taken.free((0, 10)) == left
    assert taken.free_ns((0, 10)) == sum(end - start for start, end in left)


def test_marginal_figures_of_all_processes_add_up_beside_the_average(process, sample):
    marginal = sample.intensity(720.0, signal=Signal.MARGINAL)
    parts = [
        process(0, 10, 1.8e6, host=host, rank=rank, more=[marginal], epochs=[sample.epoch(0, 0, 10, (0, 1.8e6))])
        for rank, host in enumerate(("alpha", "beta"))
    ]
    report = merge(parts)
    # 0.5 kWh on each host: 360 g on average, 720 g at the margin.
    assert (report.co2eq_grams, report.marginal.grams) == (pytest.approx(360), pytest.approx(720))
    assert report.epochs[0].marginal.grams == pytest.approx(720)


def test_what_one_process_knows_of_the_margin_is_said_to_be_a_part(process, sample):
    known = [sample.intensity(720.0, signal=Signal.MARGINAL)]
    parts = [
        process(0, 10, 1.8e6, host=host, rank=rank, more=more, epochs=[sample.epoch(0, 0, 10, (0, 1.8e6))])
        for rank, (host, more) in enumerate((("alpha", known), ("beta", [])))
    ]
    report = merge(parts)
    for figures in (report, report.epochs[0]):
        assert figures.marginal.grams == pytest.approx(360)
        assert figures.marginal.reason is not None
    assert report.carbon.reason is None
