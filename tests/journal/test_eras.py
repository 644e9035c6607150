"""Attempts between which the clock was set back: all that they used counts."""

import pytest

from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Part
from carbonsdk.journal.eras import eras
from carbonsdk.journal.merging import merge, spent

HERE = "0a1b2c3d-4026531836"


@pytest.fixture
def process(sample):
    """One process of a CPU of 10 W, from and to seconds by its clock; `life` as the system tells it."""

    def make(start_s, end_s, *, attempt=1, life=None, run_state="finished", epochs=(), rank=0, **run):
        assembly = Assembly()
        assembly.add(sample.run(start_s, attempt=attempt, life=life, rank=rank, **run))
        assembly.add(sample.device(host=run.get("host", "alpha")))
        assembly.add(sample.intensity(360.0))
        for each in epochs:
            assembly.add(each)
        return Part(assembly, sample.state(end_s, 10.0 * (end_s - start_s)), run_state)

    return make


def test_attempts_that_overlap_by_a_clock_set_back_add_up(process, sample):
    # 100 s, then the clock goes back by 60 s, then 100 s more, begun 20 s later.
    first = process(0, 100, life=f"{HERE}-500", epochs=[sample.epoch(0, 0, 100, (0, 1000))])
    second = process(60, 160, attempt=2, life=f"{HERE}-900", epochs=[sample.epoch(1, 60, 160, (0, 1000))])
    report = merge([first, second])
    assert (report.energy.joules, report.epochs_energy.joules, report.duration_s) == (2000.0, 2000.0, 200.0)
    assert report.co2eq_grams == pytest.approx(2000 / 3.6e6 * 360)
    assert spent([first, second]) == pytest.approx((2000.0, 2000 / 3.6e6 * 360, 200.0))
    assert report.warnings == ("the clock was set back between attempts: how long nothing ran then is not known",)
    assert report.attempts == 2


def test_the_newest_attempt_is_the_newest_though_its_clock_is_behind(process):
    killed = process(5000, 5100, life=f"{HERE}-500", run_state="interrupted", name="first")
    finished = process(0, 100, attempt=2, life=f"{HERE}-900", name="second")
    report = merge([killed, finished])
    assert (report.state, report.name, report.duration_s) == ("finished", "second", 200.0)


def test_all_ranks_of_an_attempt_are_of_one_era(process):
    lives = iter(range(100, 200))
    first = [process(0, 100, rank=rank, life=f"{HERE}-{next(lives)}") for rank in (0, 1)]
    # The clock goes back by a minute; rank 1 is slow to start, after what had been the end of the first attempt.
    second = [process(start, 160, rank=rank, attempt=2, life=f"{HERE}-{next(lives)}") for rank, start in ((0, 60), (1, 110))]
    third = [process(500, 600, rank=rank, attempt=3, life=f"{HERE}-{next(lives)}") for rank in (0, 1)]
    assert eras([*first, *second, *third]) == [0, 0, 1, 1, 1, 1]
    report = merge([*first, *second, *third])
    assert (report.energy.joules, report.duration_s) == (3000.0, 300.0)
    assert report.warnings[0] == "340 s between attempts, when nothing ran, are in no figure"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, f"{HERE}-500"), (2, f"{HERE}-500")),  # two trackers of one process
        ((1, f"{HERE}-500"), (1, f"{HERE}-501")),  # two processes that found each other running
        ((1, f"{HERE}-500"), (2, "0a1b2c3d-4026532999-501")),  # two containers, which cannot see each other
        ((1, None), (2, f"{HERE}-501")),
        ((1, f"{HERE}-500"), (2, None)),
        ((1, "rubbish"), (2, "rubbish")),
    ],
)
def test_where_both_may_have_run_at_once_what_both_saw_counts_once(process, one, other):
    parts = [process(0, 100, attempt=one[0], life=one[1]), process(60, 160, attempt=other[0], life=other[1])]
    report = merge(parts)
    assert (report.energy.joules, report.duration_s, report.warnings) == (1600.0, 160.0, ())


def test_before_and_after_a_boot_nothing_is_shared(process):
    parts = [process(0, 100, life=f"{HERE}-500"), process(60, 160, attempt=2, life="ffffffff-4026531836-500")]
    assert merge(parts).energy.joules == 2000.0
