"""Handlers of signals, which Python runs in the main thread in the midst of whatever that does: also of our own work."""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

_ENGINE = os.path.join(os.path.dirname(__file__), "engine") + os.sep  # noqa: PTH118, PTH120 - as it stands in a frame


def let_through(error: BaseException) -> None:
    """Raise what a handler of a signal raised, where an exception is that, or was made of it by what it broke off."""
    raised = _raised_by_handler(error)
    if raised is not None:
        raise raised


def _raised_by_handler(error: BaseException) -> BaseException | None:
    if threading.get_ident() != threading.main_thread().ident:
        return None
    handlers = _handlers()
    left: set[FrameType] = set()
    seen: BaseException | None = error
    while seen is not None:
        at = seen.__traceback__
        if left and (at is None or at.tb_frame not in left):  # whoever called us was dealing with it already
            return None
        while at is not None:
            if _is_handler(at.tb_frame, handlers):
                return seen
            left.add(at.tb_frame)
            at = at.tb_next
        seen = seen.__context__
    return None


def interrupts_us() -> bool:
    """Say whether this is called by a signal's handler that came in the midst of the engine's own work.

    What that work holds, and another thread may wait for, it holds until the handler has returned.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return False
    handlers = _handlers()
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe() is the same, for 10 ms of imports
    while frame is not None and frame.f_code not in handlers:
        frame = frame.f_back
    while frame is not None and not frame.f_code.co_filename.startswith(_ENGINE):
        frame = frame.f_back
    return frame is not None


def taken(lock: "threading.RLock", timeout_s: float) -> bool:
    """Take a lock within some time; say whether it was. What a handler raises meanwhile leaves it as it was."""
    try:
        return lock.acquire(timeout=timeout_s)
    except BaseException:
        with suppress(RuntimeError):  # it came before the lock was ours
            lock.release()
        raise


def _is_handler(frame: FrameType, handlers: set[object]) -> bool:
    if frame.f_code in handlers:
        return True
    # One that has put another in its place: Python gave it the frame that it interrupted, and so called it from.
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    return frame.f_back is not None and any(frame.f_locals.get(name) is frame.f_back for name in names)


def _handlers() -> set[object]:
    return {_code(signal.getsignal(number)) for number in signal.valid_signals()}


def _code(handler: object) -> object:
    """Return the code of a function, a method, a partial or an object that can be called; None where it has none."""
    if not callable(handler):  # the default, or to be ignored
        return None
    handler = getattr(handler, "func", handler)
    called = handler if hasattr(handler, "__code__") else type(handler).__call__
    return getattr(called, "__code__", None)
