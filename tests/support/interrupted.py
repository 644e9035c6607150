"""Work that a signal's handler breaks off: Python lets one in, which may raise, wherever something is called."""

import sys


class Preempted(BaseException):
    """What the handler raises."""


def breaking_off(make, work):
    """Make something anew and break the work on it off, at its first call or return from one, its second, …; yield each."""
    nth = 0
    while True:
        nth += 1
        made = make()
        try:
            _run(nth, work, made)
        except Preempted:
            yield made
        else:
            return


def _run(nth, work, made):
    calls = 0

    def profile(frame, event, _argument):
        nonlocal calls
        if event in {"call", "c_return"} and frame.f_code.co_filename != __file__:
            calls += 1
            if calls == nth:
                raise Preempted

    sys.setprofile(profile)
    try:
        work(made)
    finally:
        sys.setprofile(None)
