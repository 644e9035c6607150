"""A sink that raises, hangs, is slow or is flooded harms itself alone."""

import threading
import time

import pytest

from carbonsdk.engine.ending import STOP_WITHIN_S
from carbonsdk.events import EpochFinished, RunFinished
from carbonsdk.sinks.memory import MemorySink


class Hanging(MemorySink):
    """Takes nothing before its time."""

    def __init__(self):
        super().__init__()
        self.released = threading.Event()

    def handle(self, event):
        self.released.wait(30)
        super().handle(event)


@pytest.fixture
def hanging():
    sink = Hanging()
    yield sink
    sink.released.set()


def epochs_of(session, count):
    for _ in range(count):
        with session.epoch("", None):
            pass


def finished(sink):
    return [event.report.number for event in sink.events if isinstance(event, EpochFinished)]


class Raising(MemorySink):
    def handle(self, event):
        raise self.error


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), RecursionError(), MemoryError()], ids=lambda each: type(each).__name__
)
def test_a_sink_that_raises_is_told_once_and_the_others_hear_all(sessions, error):
    bad, good = Raising(), MemorySink()
    bad.error = error
    session = sessions.make(watts=100, sinks={"bad": lambda: bad, "good": lambda: good})
    epochs_of(session, 50)
    report = session.stop()
    assert finished(good) == list(range(50))
    told = [text for text in report.warnings if "sink bad" in text]
    assert len(told) == 2  # what it raised, and how many events that cost
    assert "lost" in told[1]


@pytest.mark.parametrize("broken", [lambda: 1 / 0, lambda: None, object], ids=["raises", "None", "object"])
def test_a_sink_that_cannot_be_made_costs_itself_alone(sessions, broken):
    good = MemorySink()
    session = sessions.make(watts=100, sinks={"bad": broken, "good": lambda: good})
    epochs_of(session, 3)
    session.stop()
    assert finished(good) == [0, 1, 2]


def test_a_sink_that_hangs_holds_up_no_epoch_and_is_named_at_the_end(sessions, hanging):
    good = MemorySink()
    session = sessions.make(watts=100, sinks={"bad": lambda: hanging, "good": lambda: good})
    before = time.monotonic()
    epochs_of(session, 100)
    assert time.monotonic() - before < 1
    before = time.monotonic()
    report = session.stop()
    assert time.monotonic() - before < STOP_WITHIN_S + 0.3
    assert any("carbonsdk-sink-bad is stuck" in text for text in report.warnings)
    assert isinstance(good.events[-1], RunFinished)


def test_what_is_stuck_is_in_the_record_too(sessions, hanging):
    import carbonsdk as ct

    session = sessions.make(watts=100, sinks={"bad": lambda: hanging})
    session.stop()
    read = ct.runs.load(session.plan.record)
    assert read.state == "finished"
    assert any("stuck" in text for text in read.warnings)


def test_a_factory_and_a_close_that_hang_are_left_behind_and_named(sessions):
    released = threading.Event()

    class ClosesNever(MemorySink):
        def close(self):
            released.wait(30)

    session = sessions.make(watts=100, sinks={"one": lambda: released.wait(30), "two": ClosesNever})
    epochs_of(session, 2)
    before = time.monotonic()
    report = session.stop()
    assert time.monotonic() - before < STOP_WITHIN_S + 0.3
    assert [name for name in ("sink-one", "sink-two") if any(f"{name} is stuck" in text for text in report.warnings)]
    released.set()


def test_a_slow_sink_is_waited_for_as_long_as_there_is_time(sessions):
    class Slow(MemorySink):
        def handle(self, event):
            time.sleep(0.002)
            super().handle(event)

    slow = Slow()
    session = sessions.make(watts=100, sinks={"slow": lambda: slow})
    epochs_of(session, 100)
    session.stop()
    assert finished(slow) == list(range(100))


def test_a_flood_behind_a_sink_that_hangs_takes_bounded_room(sessions, hanging):
    session = sessions.make(watts=100, sinks={"bad": lambda: hanging}, record=None)
    for _ in range(30_000):
        session.scribe.tell(lambda: None)
    (delivery,) = session.scribe._deliveries
    assert len(delivery._queue) == 10_000
    hanging.released.set()
    (told,) = [text for text in session.stop().warnings if "sink bad lost" in text]
    assert 20_000 <= int(told.split()[3]) <= 20_010


def test_no_thread_is_left_by_a_sink_that_behaves(sessions):
    before = set(threading.enumerate())
    session = sessions.make(watts=100, sinks={f"sink{number}": MemorySink for number in range(5)})
    assert len(set(threading.enumerate()) - before) >= 5
    session.stop()
    assert set(threading.enumerate()) <= before
