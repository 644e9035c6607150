"""The budget of a job of many processes and attempts: one sum, and one edge at which all end."""

import math
import shutil
import subprocess
from functools import partial

import pytest
from support.recorded import GRAMS_PER_KWH
from support.simulated import Simulated, device, offer

import carbonsdk as ct
from carbonsdk.engine.rules.budget import BudgetRule
from carbonsdk.engine.rules.spending import Spending
from carbonsdk.errors import BudgetExceeded
from carbonsdk.model import DeviceKind
from carbonsdk.testing.profile import Profile

JOULES_PER_KWH = 3.6e6
CPU = device()
GPUS = [device(f"GPU-{number}", DeviceKind.GPU) for number in range(2)]


@pytest.fixture(autouse=True)
def _every_edge_is_checked(monkeypatch):
    """On a clock that stands still no check may rest, however long a busy machine takes for it."""
    monkeypatch.setattr("carbonsdk.engine.rules.budget._CHEAP_S", math.inf)


@pytest.fixture
def process(sessions):
    """Start a process of the run "job" whose devices draw so many watts."""

    def make(watts, **who):
        profiles = {each: Profile.constant(drawn) for each, drawn in watts.items()}
        offers = [offer("rapl", Simulated(sessions.clock, profiles))]
        return sessions.make(*offers, who={"run_id": "job", "pid": 100 + len(sessions.made), **who})

    return make


def epoch(sessions, *processes, seconds=90):
    """Run an epoch in each process, side by side; return its number."""
    begun = [each.epoch("", None) for each in processes]
    for each in begun:
        each.__enter__()
    sessions.clock.advance(seconds)
    for each in begun:
        each.close()
    return begun[0].number


def two_ranks(process):
    """A CPU of 100 W that both watch, and a GPU of 300 W for each."""
    return [process({CPU: 100.0, GPUS[rank]: 300.0}, rank=rank, world_size=2) for rank in (0, 1)]


def test_the_processes_of_a_job_spend_together_and_what_they_share_once(process, sessions):
    first, second = two_ranks(process)
    epoch(sessions, first, second)
    used = Spending(first).so_far()
    assert used.kwh == pytest.approx((100 + 300 + 300) * 90 / JOULES_PER_KWH)
    assert used.grams == pytest.approx(used.kwh * GRAMS_PER_KWH)
    assert used.hours == pytest.approx(90 / 3600)


def test_what_the_others_note_later_is_read_later(process, sessions):
    first, second = two_ranks(process)
    spending = Spending(first)
    epoch(sessions, first, second)
    spending.so_far()
    epoch(sessions, first, second)
    assert spending.so_far().kwh == pytest.approx(700 * 180 / JOULES_PER_KWH)


def test_earlier_attempts_count_and_the_time_between_does_not(process, sessions):
    earlier = process({CPU: 100.0})
    epoch(sessions, earlier)
    earlier.stop()
    sessions.clock.advance(1000)
    later = process({CPU: 200.0}, attempt=2)
    spending = Spending(later)
    assert spending.before() == pytest.approx((9_000 / JOULES_PER_KWH, 9_000 / JOULES_PER_KWH * GRAMS_PER_KWH, 90 / 3600))
    epoch(sessions, later)
    assert spending.so_far().kwh == pytest.approx((9_000 + 18_000) / JOULES_PER_KWH)
    assert spending.so_far().hours == pytest.approx(180 / 3600)


def test_an_attempt_that_was_killed_before_it_knew_a_device_leaves_the_rest_known(process, sessions):
    process({}).scribe.close()
    later = process({CPU: 200.0}, attempt=2)
    spending = Spending(later)
    assert spending.before() is None
    epoch(sessions, later)
    assert spending.so_far().kwh == pytest.approx(18_000 / JOULES_PER_KWH)


def test_every_rank_finds_earlier_attempts_to_have_spent_the_same(process, sessions):
    for each in two_ranks(process):
        epoch(sessions, each)
        each.stop()
    again = [process({CPU: 1.0}, rank=rank, world_size=2, attempt=2) for rank in (0, 1)]
    first, second = (Spending(each).before() for each in again)
    assert first == second


def test_a_forecast_of_one_rank_stands_for_its_share_of_the_job(process, sessions):
    # 4 epochs of 90 s planned, one done. Rank 0 sees 400 of the 700 W.
    first, second = (process({CPU: 100.0, GPUS[rank]: 300.0}, rank=rank, world_size=2, epochs_planned=4) for rank in (0, 1))
    epoch(sessions, first, second)
    spending = Spending(first)
    spending.so_far()
    ahead = spending.forecast()
    assert ahead.kwh == pytest.approx(700 * 360 / JOULES_PER_KWH)
    assert ahead.grams == pytest.approx(ahead.kwh * GRAMS_PER_KWH)
    assert ahead.hours == pytest.approx(360 / 3600)


BUDGET = ct.Budget(kwh=500 * 90 / JOULES_PER_KWH)  # the two ranks of 700 W spend it in their first epoch, none of 400 W does


def edge(rule, number):
    """Return what a rule raises at the end of an epoch."""
    try:
        rule.check(number)
    except BudgetExceeded as exceeded:
        return str(exceeded)
    return None


def rules(processes, budget=BUDGET, on_budget="raise"):
    made = [BudgetRule(budget, on_budget, each) for each in processes]
    for rule in made:
        rule.before_first()
    return made


def test_all_ranks_raise_at_the_end_of_the_epoch_after_the_one_that_spent_the_budget(process, sessions):
    ranks = two_ranks(process)
    first, second = rules(ranks)
    number = epoch(sessions, *ranks)
    # Whoever comes to the edge first, nobody leaves while another may have gone on.
    assert [edge(second, number), edge(first, number), edge(second, number)] == [None, None, None]
    number = epoch(sessions, *ranks)
    raised = [edge(second, number), edge(first, number)]
    assert raised[0] == raised[1]
    assert raised[0].startswith("the run has used 0.0175 kWh of its budget of 0.0125 kWh")
    number = epoch(sessions, *ranks)
    assert [edge(first, number), edge(second, number)] == [None, None]


def test_rank_0_alone_warns_as_soon_as_it_is_found(process, sessions):
    ranks = two_ranks(process)
    first, second = rules(ranks, on_budget="warn")
    for _ in range(3):
        number = epoch(sessions, *ranks)
        assert [edge(first, number), edge(second, number)] == [None, None]
        told = [[text for text in each.notices.texts if "budget" in text] for each in ranks]
        assert [len(texts) for texts in told] == [1, 0]


def test_a_call_is_made_in_every_rank_at_the_same_edge(process, sessions):
    ranks, told = two_ranks(process), []
    made = [
        BudgetRule(BUDGET, lambda exceeded, rank=rank: told.append((rank, str(exceeded))), each)
        for rank, each in enumerate(ranks)
    ]
    for rule in made:
        rule.before_first()
    for _ in range(3):
        number = epoch(sessions, *ranks)
        for rule in made:
            rule.check(number)
        told.append(number)
    assert [each if isinstance(each, int) else each[0] for each in told] == [0, 0, 1, 1, 2]


def test_two_excesses_come_at_two_edges_in_every_rank(process, sessions):
    # 12 epochs of 700 W x 90 s are forecast to spend it after the first; the sixth has.
    ranks = [process({CPU: 100.0, GPUS[rank]: 300.0}, rank=rank, world_size=2, epochs_planned=12) for rank in (0, 1)]
    first, second = rules(ranks, ct.Budget(kwh=700 * 90 * 5.5 / JOULES_PER_KWH, forecast=True))
    raised = {0: [], 1: []}
    for _ in range(9):
        number = epoch(sessions, *ranks)
        for rank, rule in enumerate((first, second)):
            if edge(rule, number):
                raised[rank].append(number)
    assert raised == {0: [1, 6], 1: [1, 6]}


def test_processes_that_rank_0_cannot_reach_check_for_themselves(process, sessions):
    (_, second) = two_ranks(process)
    (rule,) = rules([second], ct.Budget(kwh=300 * 90 / JOULES_PER_KWH))
    assert edge(rule, epoch(sessions, second)).startswith("the run has used")


def test_a_rank_0_that_can_tell_nobody_acts_at_once(process, sessions):
    first, second = two_ranks(process)
    place = first.plan.record.parent
    shutil.rmtree(place)
    place.write_text("a file where the directory should be")
    (rule,) = rules([first], ct.Budget(kwh=300 * 90 / JOULES_PER_KWH))
    assert edge(rule, epoch(sessions, first, second)).startswith("the run has used")


def test_a_rank_0_that_is_alone_acts_at_once_whatever_the_scheduler_has_set_aside(process, sessions):
    # A batch script that starts one program without srun: Slurm tells of all tasks of the job.
    alone = process({CPU: 1000.0}, rank=0, world_size=4)
    (rule,) = rules([alone])
    assert edge(rule, epoch(sessions, alone)).startswith("the run has used")


def test_what_an_earlier_attempt_was_told_holds_no_longer(process, sessions):
    ranks = two_ranks(process)
    for rule in rules(ranks):
        edge(rule, epoch(sessions, *ranks))
    for each in ranks:
        each.stop()
    again = [process({CPU: 1.0}, rank=rank, world_size=2, attempt=2) for rank in (0, 1)]
    made = rules(again, ct.Budget(kwh=1.0))
    for _ in range(3):
        number = epoch(sessions, *again)
        assert [edge(rule, number) for rule in made] == [None, None]


@pytest.mark.parametrize("text", ["", "0", "x y\n", "-1 a\n", "1 cut sho", "9" * 30 + " a\n", "\x00\xff\n", "²  a\n"])
def test_rubbish_in_the_place_of_what_was_told_is_nothing(process, sessions, text):
    ranks = two_ranks(process)
    _, second = rules(ranks)
    (ranks[0].plan.record.parent / "budget").write_text(text, encoding="latin-1")
    assert edge(second, epoch(sessions, *ranks)) is None


RANK = """
tracker = ct.CarbonTracker(**SETTINGS, epochs=5, budget=ct.Budget(hours=1e-9), on_budget="raise")
try:
    for number in tracker.epochs():
        print("exchanges gradients of", number, flush=True)
        sys.stdin.readline()
except ct.errors.BudgetExceeded:
    print("writes a checkpoint", flush=True)
"""


def test_no_process_of_a_real_job_waits_for_one_that_has_left(programs):
    environment, ranks = programs.environment, []
    for rank in ("0", "1", "2"):
        job = {"WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "3", "TORCHELASTIC_RUN_ID": "job", "RANK": rank, "LOCAL_RANK": rank}
        programs.environment = partial(environment, **job)
        ranks.append(programs.start(RANK, stdin=subprocess.PIPE))
    for step in ("exchanges gradients of 0", "exchanges gradients of 1", "writes a checkpoint"):
        assert [each.stdout.readline().strip() for each in ranks] == [step] * 3
        for each in ranks:  # all are there, so all go on
            each.stdin.write("\n")
            each.stdin.flush()
    assert [each.communicate(timeout=30) for each in ranks] == [("", "")] * 3
