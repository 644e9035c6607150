"""The most that a run may use."""

import math
import time
from datetime import timedelta

import pytest
from support.sessions import Run, own
from support.simulated import Simulated, device

import carbonsdk as ct
from carbonsdk.engine.rules.budget import BudgetRule
from carbonsdk.errors import BudgetExceeded, SettingsError
from carbonsdk.journal.records import IntensityKnown, SlotClosed
from carbonsdk.model import Zone
from carbonsdk.testing.clock import START
from carbonsdk.testing.profile import Profile

LIMITLESS = 1e12
NOTHING_KNOWN = ()


@pytest.fixture
def tracker(tmp_path):
    made = []

    def make(**settings):
        base = {"backends": {"replay": {"watts": {"cpu": 100}}}, "intensity": 1e9, "offline": True, "verbose": 0}
        made.append(ct.CarbonTracker(**{**base, "state_dir": tmp_path, **settings}))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def epochs_of(tracker, count=3):
    for _ in range(count):
        with tracker.epoch():
            sum(range(2_000))


def warnings_of(tracker):
    return [text for text in tracker.report().warnings if "budget" in text]


# 100 W for a microsecond are 1e-4 J: any run spends a budget of 1e-15 kWh (3.6e-9 J), 1e-15 h or, at 1e9 g/kWh, 1e-9 g.
@pytest.mark.parametrize(
    ("limit", "unit"),
    [({"kwh": 1e-15}, "kWh"), ({"grams": 1e-9}, "gCO2eq"), ({"hours": 1e-15}, "h")],
    ids=str,
)
def test_what_is_spent_is_warned_of_once(tracker, limit, unit):
    made = tracker(budget=ct.Budget(**limit))
    epochs_of(made)
    (warning,) = warnings_of(made)
    assert warning.startswith("the run has used ")
    assert f" {unit} of its budget of " in warning


def test_what_is_not_spent_is_nothing_to_tell(tracker):
    made = tracker(budget=ct.Budget(kwh=1e9, grams=LIMITLESS, hours=1e6, forecast=True), on_budget="raise", epochs=3)
    epochs_of(made)
    assert warnings_of(made) == []


def test_a_spent_budget_is_raised_once_at_the_end_of_the_epoch_that_spent_it(tracker):
    made = tracker(budget=ct.Budget(kwh=1e-15), on_budget="raise")
    body = []
    with pytest.raises(BudgetExceeded, match="kWh of its budget of 1e-15 kWh"), made.epoch() as epoch:
        body.append("came to its end")
    assert body
    assert not epoch.report.failed
    with made.epoch():  # in which the job writes its checkpoint
        pass
    assert made.stop().epoch_count == 2


def test_a_decorated_function_raises_it_too(tracker):
    made = tracker(budget=ct.Budget(kwh=1e-15), on_budget="raise")
    with pytest.raises(BudgetExceeded):
        ct.track_epoch(tracker=made)(lambda: 5)()


def test_the_loop_over_epochs_raises_it_where_the_next_would_begin(tracker):
    made = tracker(budget=ct.Budget(kwh=1e-15), on_budget="raise", epochs=5)
    seen = []
    with pytest.raises(BudgetExceeded):
        seen.extend(made.epochs())
    assert made.report().epoch_count == 1


def test_the_body_s_own_exception_goes_before(tracker):
    made = tracker(budget=ct.Budget(kwh=1e-15), on_budget="raise")
    with pytest.raises(ZeroDivisionError), made.epoch():
        1 / 0  # noqa: B018


def test_a_call_is_given_the_excess_and_may_raise_what_it_likes(tracker):
    class OutOfBudget(Exception):
        pass

    told = []

    def leave(exceeded):
        told.append(exceeded)
        raise OutOfBudget

    made = tracker(budget=ct.Budget(kwh=1e-15), on_budget=leave)
    with pytest.raises(OutOfBudget), made.epoch():
        pass
    epochs_of(made)
    assert [type(each) for each in told] == [BudgetExceeded]


def test_the_forecast_is_checked_where_that_is_wished(tracker):
    # A million epochs of at least a microsecond at 100 W are at least 100 J; one is far less than 36 J.
    budget = {"kwh": 36 / 3.6e6}
    made = tracker(budget=ct.Budget(**budget, forecast=True), on_budget="raise", epochs=10**9)
    with pytest.raises(BudgetExceeded, match="the run is forecast to use"):
        epochs_of(made)
    made = tracker(budget=ct.Budget(**budget), on_budget="raise", epochs=10**9)
    epochs_of(made)


def test_a_forecast_that_will_never_be_is_told_at_once(tracker):
    made = tracker(budget=ct.Budget(kwh=1, forecast=True))
    assert [text for text in warnings_of(made) if "give `epochs`" in text]


def test_what_is_not_known_is_told_and_never_taken_for_nothing(tracker):
    made = tracker(backends=NOTHING_KNOWN, budget=ct.Budget(kwh=1), on_budget="raise")
    epochs_of(made)
    assert warnings_of(made) == ["the budget of 1 kWh cannot be checked: what is used is not known"]


def test_a_resumed_run_has_spent_what_its_earlier_attempts_have(tracker):
    first = tracker(run_id="long")
    epochs_of(first)
    used_kwh = first.stop().energy.kwh
    second = tracker(run_id="long", budget=ct.Budget(kwh=used_kwh / 2), on_budget="raise")
    with pytest.raises(BudgetExceeded), second.epoch():
        pytest.fail("the body is not begun")


@pytest.mark.parametrize(
    "wrong", [{}, {"kwh": 0}, {"grams": -1}, {"hours": math.nan}, {"kwh": math.inf}, {"kwh": "5"}, {"kwh": 10**400}]
)
def test_a_limit_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(SettingsError, match=r"^Budget\(|a Budget needs"):
        ct.Budget(**wrong)


@pytest.mark.parametrize("call", [lambda: None, lambda one, two: None, "stop", [], 5])
def test_a_reaction_that_cannot_be_is_refused_at_construction_and_not_after_days(tracker, call):
    with pytest.raises(SettingsError, match="on_budget"):
        tracker(budget=ct.Budget(kwh=1), on_budget=call)


@pytest.mark.parametrize("call", [print, [].append, lambda *_: None, lambda one, two=2: None])
def test_a_call_of_any_kind_that_takes_one_argument_will_do(tracker, call):
    tracker(budget=ct.Budget(kwh=1), on_budget=call)


def test_a_budget_that_is_none_is_refused_at_construction(tracker):
    with pytest.raises(SettingsError, match=r"Budget\(kwh=2.5\)"):
        tracker(budget=2.5)


def test_after_a_month_the_check_costs_many_short_epochs_no_more_than_few():
    run = Run(lambda clock: Simulated(clock, {device(): Profile.constant(100.0)}), intensities=[])
    slot = timedelta(minutes=5)
    for number in range(9_000):
        begin = START + number * slot
        run.session.scribe.note(IntensityKnown(Zone(key="DE"), (own(100.0 + number, begin, begin + slot),)))
        run.session.scribe.note(SlotClosed(run.clock.wall_ns(run.clock.monotonic_ns()) + (number + 1) * 300 * 10**9, (0.0,)))
    run.clock.advance(9_000 * 300)
    rule = BudgetRule(ct.Budget(grams=LIMITLESS), "raise", run.session)
    begun_s = time.thread_time()
    run.session.report()
    once_s = time.thread_time() - begun_s
    for _ in range(100):
        rule.check(0)
    assert time.thread_time() - begun_s < 20 * once_s
    run.session.stop()


def test_a_budget_is_written_down_without_loading_the_engine(programs):
    ran = programs.run("print(ct.Budget(kwh=1.0).kwh, 'carbonsdk.engine.session' in sys.modules)")
    assert ran.out == "1.0 False\n"
