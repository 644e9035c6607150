"""The border between the engine and code that is not its own."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from carbonsdk.interfaces import without_secrets

_LONGEST = 4_000  # remedies are several commands long
_ENGINE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - as it stands in a frame


def told(error: BaseException) -> str:
    """Return what an exception says, or its type where it says nothing; without secrets, and of bounded length."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a plugin's exception may be broken in itself
        text = ""
    return without_secrets(text)[:_LONGEST] or type(error).__name__


def is_showable(error: BaseException) -> bool:
    """Say whether an exception, and those that a traceback would show with it, can be raised as they are."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        try:
            if without_secrets(str(at)) != str(at):
                return False
        except Exception:  # noqa: BLE001
            return False
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return True


def is_of_a_signal(error: BaseException) -> bool:
    """Say whether a handler of a signal raised this, which Python runs between any two steps of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = _handlers()
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code not in handlers:
        at = at.tb_next
    return at is not None


def interrupts_us() -> bool:
    """Say whether this is called by a signal's handler that came in the midst of the engine's own work.

    What that work holds, and another thread may wait for, it holds until the handler has returned.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = _handlers()
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe() is the same, for 10 ms of imports
    while frame is not None and frame.f_code not in handlers:
        frame = frame.f_back
    while frame is not None and not frame.f_code.co_filename.startswith(_ENGINE):
        frame = frame.f_back
    return frame is not None


def _handlers() -> set[object]:
    return {_code(signal.getsignal(number)) for number in signal.valid_signals()}


def _code(handler: object) -> object:
    """Return the code of a function, a method, a partial or an object that can be called; None where it has none."""
    if not callable(handler):  # the default, or to be ignored
        return None
    handler = getattr(handler, "func", handler)
    called = handler if hasattr(handler, "__code__") else type(handler).__call__
    return getattr(called, "__code__", None)


class Guard:
    """Keep what a plugin raises from going any further.

    `with Guard("sink csv", hear) as guard: …` calls `hear("sink csv", error)` for an Exception and goes on after the block;
    `guard.error` holds it. KeyboardInterrupt and SystemExit pass, but for a plugin's SystemExit, which is a fault like any.
    What the program's own handler of a signal raises passes, too: it only happened to interrupt what is guarded.
    """

    __slots__ = ("_hear", "_what", "error")

    def __init__(self, what: str, hear: Callable[[str, BaseException], None] | None = None) -> None:
        self._what = what
        self._hear = hear
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None or not isinstance(error, (Exception, SystemExit)) or is_of_a_signal(error):
            return False
        self.error = error
        if self._hear is not None:
            self._hear(self._what, error)
        return True
