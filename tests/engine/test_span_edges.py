"""Readings at the edges of spans: where they part one power from another, and hardly where they do not."""

import threading
from contextlib import ExitStack

import pytest
from support.sessions import Run
from support.simulated import device

from carbonsdk.engine.devices.channel import Channel
from carbonsdk.engine.measuring import Measuring
from carbonsdk.model import CounterReading, DeviceKind
from carbonsdk.testing.clock import FakeClock

COST_S = 50e-6  # of a reading: at most one part in 400 of the time is spent so, which makes one in 20 ms


class Load:
    """A device that draws what it is told to, with a counter that takes its time to be read."""

    def __init__(self, clock, which, *, cost_s):
        self.clock, self.which, self.watts, self.reads = clock, which, 0.0, 0
        self.cost_s, self.meanwhile = cost_s, lambda: None
        self._joules, self._since_ns = 0.0, clock.monotonic_ns()
        clock.listen(self._draw)

    def _draw(self, now_ns):
        self._joules += self.watts * (now_ns - self._since_ns) / 1e9
        self._since_ns = now_ns

    def open(self):
        return [self.which]

    def read(self, _device):
        self.reads += 1
        shown = self._joules
        self.clock.advance(self.cost_s)
        self.meanwhile()
        return CounterReading(shown)

    def close(self):
        pass


@pytest.fixture
def run():
    made = []

    def make(*, gpu_cost_s=None, **plan):
        clock = FakeClock()
        loads = [Load(clock, device(), cost_s=COST_S)]
        if gpu_cost_s is not None:
            loads.append(Load(clock, device("GPU-0", DeviceKind.GPU), cost_s=gpu_cost_s))
        made.append(Run(*loads, clock=clock, **plan))
        made[-1].load, made[-1].gpu = loads[0], loads[-1]
        for _ in range(6):  # until what a reading costs is known
            made[-1].pass_time(1)
        return made[-1]

    yield make
    for each in made:
        each.session.stop()


@pytest.fixture
def asked(monkeypatch):
    """For how long a backend that another thread reads would be waited for, each time that it is asked to read."""
    patience = []
    ask = Channel.ask
    monkeypatch.setattr(Channel, "ask", lambda *given, **how: (patience.append(how.get("patience_s")), ask(*given, **how)))
    return patience


def spans(made, names, *, times, seconds):
    """Open and close so many spans of each name, one after the other; return the readings taken meanwhile."""
    before = made.load.reads
    for _ in range(times):
        for name, watts in names.items():
            with made.span(name):
                made.load.watts = watts
                made.clock.advance(seconds)
    return made.load.reads - before


def at_once(made, count, *, times, seconds):
    """Open so many spans together, and close them together; settle them; return the readings taken meanwhile."""
    before = made.load.reads
    made.load.watts = 200.0
    for _ in range(times):
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(made.span("step"))
            made.clock.advance(seconds)
    reads = made.load.reads - before
    made.pass_time(1e-6)
    return reads


def joules(report):
    return {span.name: span.energy.joules for span in report.spans}


def test_spans_that_take_turns_have_each_their_own_energy(run):
    made = run()
    with made.epoch() as epoch:
        spans(made, {"load": 100.0, "train": 300.0}, times=25, seconds=0.04)
    # 25 times 40 ms each, at 100 and at 300 W; a reading is over 50 µs after the edge that it is for.
    assert joules(epoch.report) == {"load": pytest.approx(100.0, rel=0.005), "train": pytest.approx(300.0, rel=0.005)}


def test_a_long_span_behind_many_short_ones_has_its_own_energy(run):
    made = run()
    with made.epoch() as epoch:
        reads = spans(made, {"load": 100.0}, times=2_000, seconds=0.001)
        spans(made, {"train": 300.0}, times=1, seconds=0.3)
    assert reads <= 2 / 0.02 + 1
    # Of 90 J what lies within 20 ms of its beginning may be shared by time: 0.3 s of 0.32 s have 86.25 of 92 J.
    assert 86.2 <= joules(epoch.report)["train"] <= 90.1


def test_many_spans_that_are_open_at_once_are_read_more_seldom_and_have_all_of_the_energy(run):
    made = run()
    with made.epoch() as epoch:
        reads = [at_once(made, 12, times=1_000, seconds=0.001) for _ in range(3)]
    # The first second as if there were few, every 20 ms, and then every 160: it is seen when they are settled, 2,048 at
    # most at a time, with a reading each.
    assert reads[0] >= 1 / 0.02 - 2
    assert reads[2] <= 1 / 0.16 + 12_000 / 2_048 + 1
    # 3 s at 200 W, as each of the twelve has it.
    assert joules(epoch.report) == {"step": pytest.approx(12 * 600.0, rel=0.005)}


def test_few_spans_after_many_at_once_are_read_again_at_their_edges(run):
    made = run()
    at_once(made, 12, times=1_000, seconds=0.001)
    spans(made, {"load": 100.0}, times=20, seconds=0.04)
    made.pass_time(0.001)  # settled: they are few
    # But for the 160 ms that were planned before.
    assert spans(made, {"load": 100.0, "train": 300.0}, times=20, seconds=0.04) >= 40 - 0.16 / 0.04


def test_a_dear_sensor_is_read_seldom_and_spares_no_reading_of_a_cheap_one(run):
    made = run(gpu_cost_s=1e-3)
    before = made.gpu.reads
    reads = spans(made, {"load": 100.0, "train": 300.0}, times=25, seconds=0.04)
    # The cheap one at each of 50 edges, the dear one every 400 ms, each of which holds the edge up by as much as it costs.
    assert reads >= 50 - 5
    assert 4 <= made.gpu.reads - before <= 2 / 0.4 + 1


def test_a_sensor_that_costs_nothing_is_not_read_at_each_of_a_million_spans(run):
    made = run()
    made.load.cost_s = 0.0
    made.pass_time(20)  # until that is known
    reads = spans(made, {"step": 100.0}, times=2_000, seconds=10e-6)
    # 20 ms, and 200 µs at least between two.
    assert 0 < reads <= 0.02 / 0.0002 + 1


def test_a_million_spans_that_are_not_to_be_read_ask_once(run, monkeypatch):
    made = run(edge_reads="never")
    assert spans(made, {"step": 100.0}, times=100, seconds=0.04) == 0
    monkeypatch.setattr(made.session.hardware, "read_span_edge", None)  # whoever called it would fail, and be told of it
    spans(made, {"step": 100.0}, times=100, seconds=0.04)
    assert made.session.edges.notices.texts == ()


def test_spans_that_wait_for_a_reading_that_does_not_come_are_seen_to_ever_more_seldom(run, monkeypatch):
    made = run(edge_reads="never")
    waiting = []
    relieve = Measuring.relieve
    monkeypatch.setattr(Measuring, "relieve", lambda self, book: (waiting.append(len(book.pending)), relieve(self, book)))
    spans(made, {"step": 100.0}, times=20_000, seconds=1e-6)
    # None can be settled: each time not before twice as many wait, and 2,048 more.
    assert waiting == [2_048, 6_144, 14_336]


def test_while_one_thread_sees_to_a_reading_no_other_asks_for_one(run, asked):
    made = run()

    def another():
        thread = threading.Thread(target=lambda: spans(made, {"other": 100.0}, times=1, seconds=0.0))
        thread.start()
        thread.join()

    made.clock.advance(0.1)
    made.load.meanwhile = another
    asked.clear()
    reads = spans(made, {"step": 100.0}, times=1, seconds=0.0)
    made.load.meanwhile = lambda: None
    assert (reads, len(asked)) == (1, 1)


def test_where_another_thread_is_reading_nobody_waits_or_asks_again_at_once(run, asked):
    made = run()
    (channel,) = made.session.hardware.channels
    held, done = threading.Event(), threading.Event()

    def hold():
        with channel.source.lock:
            held.set()
            done.wait(10)

    reader = threading.Thread(target=hold)
    reader.start()
    held.wait(10)
    asked.clear()
    try:
        reads = spans(made, {"step": 100.0}, times=1_000, seconds=0.001)
    finally:
        done.set()
        reader.join()
    assert reads == 0
    assert 0 < len(asked) <= 1 / 0.02 + 1
    assert set(asked) == {0.0}
