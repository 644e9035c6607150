"""Somebody else's code, with a deadline: an import or a hook that never comes back must not hold up the training."""

import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")

PATIENCE_S = 5.0

_late: dict[str, threading.Thread] = {}


class TookTooLong(Exception):
    """A call did not come back in time; its `thread` is left behind."""

    def __init__(self, message: str, thread: threading.Thread) -> None:
        super().__init__(message)
        self.thread = thread


def elsewhere(call: Callable[[], T], *, name: str, patience_s: float) -> T:
    """Return what a call returns, or raise what it raises, in a daemon thread of that name.

    Raises TookTooLong if it takes longer than `patience_s`.
    """
    outcome: list[tuple[bool, Any]] = []

    def work() -> None:
        try:
            outcome.append((True, call()))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            outcome.append((False, error))

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    thread.join(patience_s)
    if not outcome:
        raise TookTooLong(f"it took longer than {patience_s:g} s", thread)
    came_back, value = outcome[0]
    if came_back:
        return cast("T", value)
    raise value


def trusted(module: str) -> bool:
    """Return whether calls of a plugin need no deadline: the program has its package imported, or half imported, already.

    A thread that imports from a package that is half imported would wait for the import that waits for the thread.
    """
    return module not in _late and (not module or module.partition(".")[0] in sys.modules)


def in_time(call: Callable[[], T], module: str) -> T:
    """Return what a call of a plugin's module returns, or raise what it raises, from a thread of its own.

    Raises TookTooLong after PATIENCE_S, and at once while an earlier call is still out, for which a second import would wait.
    """
    if module in _late and _late[module].is_alive():
        raise TookTooLong("an earlier call has not come back yet", _late[module])
    try:
        return elsewhere(call, name=f"carbonsdk-plugin-{module}", patience_s=PATIENCE_S)
    except TookTooLong as late:
        _late[module] = late.thread
        raise TookTooLong(f"{late}; CARBONSDK_DISABLE_PLUGINS spares the wait", late.thread) from None
