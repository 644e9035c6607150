"""A handler of the program's own comes at any step of ours: it may measure, ask, stop and leave, and nothing hangs.

Python runs it in the main thread, in the midst of whatever that does: also where a lock of ours is held.
"""

from operator import methodcaller

import pytest
from support.interrupted import breaking_off

# A signal at the n-th call, or return from one of C, ours or the standard library's, in one run after the other, until a
# run has fewer of them.
INTERRUPTED = """
import faulthandler, signal
faulthandler.dump_traceback_later(40, exit=True)  # of a deadlock, where it is

class Preempted(Exception):
    pass

def interrupted_at(nth, work):
    calls = 0
    def profile(frame, event, argument):
        nonlocal calls
        if event in ("call", "c_return") and frame.f_code.co_filename != __file__:
            calls += 1
            if calls == nth:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGTERM)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls >= nth

def measure(tracker):
    with tracker.epoch(), tracker.span("in another thread"):
        pass

def run(nth):
    tracker = ct.CarbonTracker(**SETTINGS, epochs=50, sinks=["memory"])
    tracker.await_devices()
    with tracker.epoch():
        pass
    begun = [True]

    def handler(number, frame):
{handler}

    def work():
        with tracker.epoch():
            begun.append(tracker.alive)
            with tracker.span("inside"):
                pass
        tracker.stop()

    signal.signal(signal.SIGTERM, handler)
    came, got_through = True, None
    # What is raised while Python lets a generator go gets no further than this: Python's own way.
    ignored = []
    sys.unraisablehook = ignored.append
    try:
        came = interrupted_at(nth, work)
    except BaseException as error:
        got_through = type(error).__name__
    elsewhere = threading.Thread(target=measure, args=[tracker], daemon=True)
    elsewhere.start()
    elsewhere.join(10)
    assert not elsewhere.is_alive(), nth  # no lock was left taken
    report = tracker.stop()
    assert tracker.stop() is report
    record = ct.runs.load(report.record)
    assert record.state == report.state == "finished", (nth, record.state, report.warnings)
    assert report.energy.joules > 0 and record.energy.joules == report.energy.joules, nth
    assert record.epoch_count == report.epoch_count, nth
    assert record.epoch_count >= sum(begun), (nth, record.epoch_count)
    assert came is False or ignored or got_through == {expected!r}, (nth, got_through)
    for thread in threading.enumerate()[1:]:  # one that waited for what was interrupted ends a little later
        thread.join(5)
    assert threading.enumerate() == [threading.main_thread()], (nth, threading.enumerate())
    return came

nth = {first}
while run(nth):
    nth += 29
assert nth > 300, nth
"""

HANDLERS = {
    "measures": ("with tracker.epoch(), tracker.span('a signal'): pass", None),
    "asks": ("tracker.report(); tracker.forecast(); tracker.await_devices()", None),
    "stops": ("tracker.stop()", None),
    "stops and leaves": ("tracker.stop(); sys.exit(5)", "SystemExit"),
    "leaves": ("sys.exit(5)", "SystemExit"),
    "raises": ("raise Preempted", "Preempted"),
    # … as the disk may, and leaves the next signal to Python.
    "is out of time": ("signal.signal(number, signal.SIG_DFL); raise TimeoutError(110, 'out of time')", "TimeoutError"),
}


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_may_come_at_any_call_of_ours(programs, name):
    handler, expected = HANDLERS[name]
    first = 1 + 4 * list(HANDLERS).index(name)  # each comes somewhere else
    ran = programs.run(INTERRUPTED.format(handler=f"        {handler}", expected=expected, first=first), timeout_s=60)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_an_epoch_whose_edge_is_broken_off_is_over_with_its_block(sessions):
    session = sessions.make(watts=100.0)

    def begun():
        epoch = session.epoch("", None)
        return epoch.__enter__()

    still_open = 0
    for epoch in breaking_off(begun, methodcaller("close")):
        still_open += epoch.ended is None
        epoch.close()
    assert still_open == 1  # Python may let a handler in before the first line of what it calls
    for epoch in breaking_off(lambda: session.epoch("", None), methodcaller("__enter__")):
        assert epoch.number < 0 or epoch.report.failed
    (entered,) = session.roster.epochs()  # the last, which nothing broke off
    entered.close()
    with session.epoch("", None) as after:
        sessions.clock.advance(1.0)
    assert after.report.energy.joules == 100.0


@pytest.mark.parametrize("at", ["phase.py", "chronicle.py", "delivery.py", "hardware.py", "updater.py", "sampler.py"])
def test_of_a_tracker_whose_construction_is_broken_off_nothing_is_left(programs, at):
    ran = programs.run(
        f"""
        def interrupt(frame, event, argument):
            if event == "call" and frame.f_code.co_filename.endswith({at!r}) and in_main():
                raise KeyboardInterrupt

        def in_main():
            return threading.get_ident() == threading.main_thread().ident

        from carbonsdk.engine.opening import Opened
        begin = Opened.begin
        Opened.begin = lambda made: sys.setprofile(interrupt) or begin(made)
        try:
            ct.CarbonTracker(**SETTINGS, sinks=["memory"])
        except KeyboardInterrupt:
            sys.setprofile(None)
        else:
            sys.exit("it was not broken off")
        for thread in threading.enumerate()[1:]:  # one that had just begun ends a little later
            thread.join(5)
        assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.runs == ()
