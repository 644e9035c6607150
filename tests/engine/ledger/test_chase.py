"""Watching slow counters step: what is learned of their rhythm, what an edge gains by it, and what it costs."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.sessions import Run
from support.simulated import Simulated, device, offer

from carbonsdk.clock import SystemClock
from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.allowance import Allowance
from carbonsdk.engine.devices.source import Source
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.engine.ledger.chase import Chase
from carbonsdk.engine.ledger.rhythm import Rhythm
from carbonsdk.engine.notices import Notices
from carbonsdk.errors import RetryLater
from carbonsdk.model import CounterReading, DeviceKind, PowerReading
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.profile import Profile

MS = 1_000_000
S = 1_000 * MS
STATED_NS = 100 * MS


class Counter:
    """A counter of a device that draws 200 W, and steps at given instants; reading it takes `took_ns`."""

    def __init__(self, steps_ns, took_ns=0):
        self.steps_ns, self.took_ns = steps_ns, took_ns
        self.reads = 0

    def read(self, at_ns):
        self.reads += 1
        stepped_ns = max((step for step in self.steps_ns if step <= at_ns + self.took_ns // 2), default=0)
        return Stamped(at_ns + self.took_ns // 2, CounterReading(stepped_ns * 200 / S), self.took_ns)


def chased(chase, counter, at_ns):
    """Read at an edge, then as the chase asks; return what was found and the time at the end."""
    chase.take(counter.read(at_ns))
    if not chase.begin(at_ns + counter.took_ns):
        return (), at_ns
    found = ()
    while chase.due_ns and not found:
        at_ns = chase.due_ns
        found = chase.take(counter.read(at_ns))
    return found, at_ns


def every(period_ns, phase_ns=0, number=1_000):
    return [phase_ns + each * period_ns for each in range(number)]


@pytest.mark.parametrize("period_ms", [20, 25, 50, 73, 100])
def test_the_steps_around_an_edge_are_found(period_ms):
    chase, counter = Chase(STATED_NS), Counter(every(period_ms * MS, 7 * MS))
    edge_ns = 3 * S + 11 * MS
    found, _ = chased(chase, counter, edge_ns)
    before = max(step for step in counter.steps_ns if step <= edge_ns)
    # What the counter showed at the edge had been used at the step before it.
    assert found[0].joules == before * 200 / S
    for sighting, step_ns in zip(found, every(period_ms * MS, before), strict=False):
        assert abs(sighting.at_ns - step_ns) <= sighting.slack_ns <= period_ms * MS // 4
    assert found[0].at_ns <= edge_ns < found[1].at_ns


def test_a_known_rhythm_takes_a_few_readings_an_edge():
    chase, counter = Chase(STATED_NS), Counter(every(100 * MS))
    for second in range(1, 20):
        chased(chase, counter, second * S + 13 * MS * second)
    counter.reads = 0
    found, _ = chased(chase, counter, 20 * S + 41 * MS)
    assert [round(each.at_ns / S, 2) for each in found] == [20.0, 20.1]
    assert counter.reads <= 8


def test_a_phase_that_was_lost_is_found_again():
    chase, counter = Chase(STATED_NS), Counter(every(97_123_457, number=200_000))
    for at_s in (1, 2, 5_000, 5_001, 15_000):
        found, _ = chased(chase, counter, at_s * S)
        true_ns = max(step for step in counter.steps_ns if step <= at_s * S)
        assert abs(found[0].at_ns - true_ns) <= 5 * MS


def test_a_counter_that_keeps_no_time_is_left_alone():
    dice = random.Random(1)
    steps_ns = [0]
    while steps_ns[-1] < 60 * S:
        steps_ns.append(steps_ns[-1] + dice.randrange(20 * MS, 100 * MS))
    chase, counter = Chase(STATED_NS), Counter(steps_ns)
    for at_s in range(1, 50):
        chased(chase, counter, at_s * S)
    assert not chase.rhythm.is_kept
    counter.reads = 0
    assert chased(chase, counter, 55 * S)[0] == ()
    assert counter.reads == 1


def test_readings_that_come_late_leave_the_rhythm_to_tell_when_the_counter_stepped():
    chase, counter = Chase(STATED_NS), Counter(every(100 * MS))
    for second in range(1, 10):
        chased(chase, counter, second * S)
    chase.take(counter.read(10 * S + 20 * MS))
    assert chase.begin(10 * S + 20 * MS)
    # Another thread keeps the interpreter for 75 ms.
    before, at = chase.take(counter.read(10 * S + 145 * MS))
    assert (before.joules, at.joules) == (2_000.0, 2_020.0)
    assert abs(at.at_ns - 10 * S - 100 * MS) <= at.slack_ns < 10 * MS
    assert chase.rhythm.is_kept


def test_a_counter_that_never_steps_is_waited_for_a_quarter_of_a_second():
    found, at_ns = chased(Chase(STATED_NS), Counter([0]), S)
    assert found == ()
    assert at_ns <= S + 300 * MS


def test_a_counter_that_is_dear_to_read_is_not_chased():
    counter = Counter(every(100 * MS), took_ns=5 * MS)
    assert chased(Chase(STATED_NS), counter, S) == ((), S)
    assert counter.reads == 1


def test_a_counter_that_was_set_back_ends_the_chase():
    chase = Chase(STATED_NS)
    chase.take(Stamped(S, CounterReading(500.0)))
    assert chase.begin(S)
    assert chase.take(Stamped(chase.due_ns, CounterReading(0.0))) == ()
    assert chase.due_ns == 0


def test_a_counter_that_turns_into_a_power_sensor_ends_the_chase():
    chase = Chase(STATED_NS)
    chase.take(Stamped(S, CounterReading(500.0)))
    assert chase.begin(S)
    assert chase.take(Stamped(chase.due_ns, PowerReading(200.0))) == ()
    assert chase.due_ns == 0


def test_the_period_grows_surer_with_the_time_between_two_steps():
    rhythm = Rhythm()
    rhythm.saw(1 * S, MS, follows=False)
    rhythm.saw(1 * S + 101 * MS, MS, follows=True)
    assert (rhythm.period_ns, rhythm.slack_ns) == (101 * MS, 2 * MS)
    rhythm.saw(2 * S, MS, follows=False)  # ten periods of 100 ms, give or take 0.2 ms each
    assert (rhythm.period_ns, rhythm.slack_ns) == (100 * MS, 200_000)
    assert rhythm.after(2 * S + 10 * MS).at_ns == 2 * S + 100 * MS
    assert rhythm.after(100 * S) is None  # 980 periods of ±0.2 ms: nobody knows


def test_an_allowance_keeps_a_share_of_the_time_on_the_average():
    allowance = Allowance(sparing=50, burst_ns=10 * MS)
    acts, at_ns = 0, 0
    while at_ns < 100 * S:
        if at_ns >= allowance.free_ns:
            allowance.spend(at_ns, 2 * MS)
            acts += 1
        at_ns += 20 * MS
    # 2 % of 100 s, and the burst.
    assert acts * 2 * MS <= 2 * S + 12 * MS
    assert acts * 2 * MS >= 1.9 * S


def test_an_allowance_lets_acts_in_quick_succession_be():
    allowance = Allowance(sparing=50, burst_ns=10 * MS)
    for number in range(5):
        assert S + number >= allowance.free_ns
        allowance.spend(S + number, 2 * MS)
    allowance.spend(S + 5, 2 * MS)
    assert allowance.free_ns > S + 6


def stepping(clock, watts=200.0, step_s=0.1, refresh_s=0.1):
    """A board whose counter steps every `step_s`, and says that it does at least every `refresh_s`."""
    board = device("GPU-0", DeviceKind.GPU, sensor={"refresh_s": refresh_s})

    class Stepping(Simulated):
        def read(self, which):
            super().read(which)
            age_s = (self.clock.monotonic_ns() - self.start_ns) / 1e9
            return CounterReading(self.profiles[which].joules(age_s // step_s * step_s))

    return Stepping(clock, {board: Profile.constant(watts)})


@pytest.fixture
def run():
    made = []

    def make(**plan):
        made.append(Run(stepping, **plan))
        channel = made[-1].session.hardware.channels[0]
        channel.join(5)
        channel.source.chases = True
        return made[-1], channel.source

    yield make
    for each in made:
        each.session.stop()


def let_step(made, source):
    while source.due_ns:
        made.clock.advance((source.due_ns - made.clock.monotonic_ns()) / 1e9)
        with source.lock:
            source.poll()


def test_an_epoch_is_provisional_until_the_counter_has_stepped_and_then_right(run):
    made, source = run()
    made.pass_time(5.02)
    made.clock.advance(0.01)
    with made.epoch() as epoch:
        let_step(made, source)
        made.pass_time(1.0)
        made.clock.advance(0.01)
    assert epoch.report.provisional
    end_s = (made.clock.monotonic_ns() - made.session.start_ns) / 1e9
    let_step(made, source)
    made.session.tick(made.clock.monotonic_ns())
    report = epoch.report
    assert not report.provisional
    assert report.energy.joules == pytest.approx(200.0 * report.duration_s, rel=0.01)
    assert end_s % 0.1 > 0.01  # the counter itself was last renewed well before the end


def test_spans_of_a_provisional_epoch_are_corrected_with_it(run):
    made, source = run()
    made.pass_time(5.02)
    made.clock.advance(0.01)
    with made.epoch() as epoch:
        for _ in range(3):
            with made.span("step"):
                made.pass_time(0.3)
        made.clock.advance(1e-9)
    assert epoch.report.provisional
    assert [span.times for span in epoch.ended.spans] == [3]
    first = epoch.ended.uses[0].joules
    let_step(made, source)
    made.session.tick(made.clock.monotonic_ns())
    (span,), (use,) = epoch.ended.spans, epoch.ended.uses
    assert use.joules != pytest.approx(first, abs=1.0)
    assert (span.times, span.uses[0].joules) == (3, pytest.approx(use.joules, abs=1e-3))


def test_no_epoch_is_left_provisional_by_a_run_that_ends_before_the_counter_has_stepped(run):
    made, _ = run()
    made.pass_time(5.02)
    made.clock.advance(0.01)
    with made.epoch() as epoch:
        made.clock.advance(0.71)
    made.session.stop()
    assert not epoch.report.provisional
    assert epoch.report.energy.joules == pytest.approx(200.0 * 0.71, abs=20.0)  # one step


def test_what_cannot_be_seen_in_a_long_epoch_is_left_as_it_is(run):
    made, _ = run()
    with made.epoch() as epoch:
        made.pass_time(300.0)
    # One step holds 20 J of 60 kJ.
    assert not epoch.report.provisional
    energy_then = epoch.report.energy
    made.pass_time(5.0)
    assert epoch.report.energy == energy_then


def test_a_reported_edge_stays_while_the_curve_is_sharpened(run):
    made, source = run()
    made.pass_time(5.03)
    ledger = made.session.ledger
    at_ns = made.clock.monotonic_ns()
    told = ledger.marks(at_ns)
    assert told.settled
    with source.lock:
        source.read_all(edge=True)
    let_step(made, source)
    assert ledger.marks(at_ns) == told


def test_a_driver_that_fails_while_a_step_is_waited_for_holds_nothing_up(run):
    made, source = run()
    made.pass_time(5.03)
    with source.lock:
        source.read_all(edge=True)
    assert source.due_ns
    board = next(iter(source.backend.profiles))
    source.backend.faults[board.id] = RetryLater("busy")
    let_step(made, source)
    source.backend.faults.clear()
    made.pass_time(1.0)
    assert made.session.ledger.known_until() == made.clock.monotonic_ns()


def test_a_backends_own_thread_waits_for_the_step_after_an_edge():
    def backend(clock):
        made = stepping(clock)
        return offer("nvml", made, inline=False, named=True)

    made = Run(backend, clock=SystemClock())
    try:
        channel = made.session.hardware.channels[0]
        with made.epoch():
            pass
        channel.await_steps(10)
        assert channel.source.due_ns == 0
        # Two edges, and then the counter was looked at until it had stepped or a quarter of a second was over.
        assert channel.source.backend.reads > 4
    finally:
        made.session.stop()


@given(
    st.lists(st.tuples(st.integers(1, 900), st.booleans(), st.booleans()), min_size=2, max_size=15),
    st.sampled_from([0.013, 0.02, 0.05, 0.1]),
)
@example([(1, True, False), (238, False, True), (1, True, True)], 0.02)  # told before the first step that was seen
def test_whatever_is_sharpened_what_was_told_stays_and_the_curve_never_falls(moves, step_s):
    clock = FakeClock()
    ledger = Ledger(S)
    backend = stepping(clock, step_s=step_s)
    (board,) = backend.open()
    source = Source("nvml", backend, Books(ledger, clock, Notices()))
    source.chases = True
    source.adopt([(ledger.open_account(board, clock.monotonic_ns()), board)])
    told = {}
    for wait_ms, edge, waits in moves:
        clock.advance(wait_ms / 1e3)
        with source.lock:
            source.read_all(edge=edge)
        while waits and source.due_ns:
            clock.advance((source.due_ns - clock.monotonic_ns()) / 1e9)
            with source.lock:
                source.poll()
        for at_ns in (clock.monotonic_ns(), clock.monotonic_ns() - 30 * MS):
            marks = ledger.marks(at_ns)
            if marks.settled and marks.marks[0] is not None:
                told.setdefault(at_ns, marks.marks[0].joules)
    later = {at_ns: ledger.marks(at_ns).marks[0].joules for at_ns in told}
    assert later == told
    values = [told[at_ns] for at_ns in sorted(told)]
    assert values == sorted(values)
