"""What the program's own handler of a signal raises is told from what a plugin, a disk or a sensor raises."""

import signal
import threading
from functools import partial

import pytest
from support.interrupted import breaking_off

from carbonsdk.errors import ReadFailed
from carbonsdk.interruption import let_through, taken


class OutOfTime(TimeoutError):
    pass


def raises(_number, _frame):
    raise OutOfTime


def raises_once(number, _frame):
    signal.signal(number, signal.SIG_DFL)  # the second Ctrl-C is to end the program
    raise OutOfTime


class Trainer:
    def leave(self, _number, _frame):
        raise OutOfTime

    def __call__(self, _number, _frame):
        raise OutOfTime


HANDLERS = {
    "function": raises,
    "function that takes itself away": raises_once,
    "method": Trainer().leave,
    "object": Trainer(),
    "partial": partial(Trainer.leave, Trainer()),
}


@pytest.fixture
def handled():
    """Set a handler of SIGTERM for the time of the test."""
    before = signal.getsignal(signal.SIGTERM)
    yield partial(signal.signal, signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)


def interrupted():
    signal.raise_signal(signal.SIGTERM)


def read():
    """Read a sensor as a backend does: what the system raises becomes an error of ours."""
    try:
        interrupted()
    except OSError as error:
        raise ReadFailed("the sensor does not answer") from error


def guarded(work):
    """Do what a plugin does, behind our border."""
    try:
        work()
    except (OSError, ReadFailed) as error:
        let_through(error)
        return error


def fail(error):
    raise error


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
@pytest.mark.parametrize("work", [interrupted, read])
def test_what_a_handler_raised_comes_through(handled, handler, work):
    handled(handler)
    with pytest.raises(OutOfTime):
        guarded(work)


@pytest.mark.parametrize("error", [TimeoutError(110, "Connection timed out"), ReadFailed("no")], ids=repr)
def test_what_others_raise_does_not(handled, error):
    handled(raises)
    assert guarded(partial(fail, error)) is error


def test_what_a_handler_raised_before_and_the_program_deals_with_is_not_raised_again(handled):
    handled(raises)
    error = ReadFailed("no")
    try:
        interrupted()
    except OutOfTime as before:
        dealt_with, found = before, guarded(partial(fail, error))
    assert found is error
    assert error.__context__ is dealt_with


def test_in_another_thread_no_handler_runs(handled):
    handled(raises)
    found = []
    thread = threading.Thread(target=lambda: found.append(guarded(partial(raises, 0, None))))
    thread.start()
    thread.join()
    assert isinstance(found[0], OutOfTime)


def test_a_wait_for_a_lock_that_is_broken_off_leaves_it_to_others():
    times = 0
    for lock in breaking_off(threading.RLock, lambda lock: taken(lock, 0) and lock.release()):
        found = []
        thread = threading.Thread(target=lambda: found.append(taken(lock, 0)))  # noqa: B023 - it ends in the loop
        thread.start()
        thread.join()
        assert found == [True]
        times += 1
    assert times > 1
