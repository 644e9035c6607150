"""The border between the engine and code that is not its own."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from carbonsdk.interruption import let_through
from carbonsdk.secret import without_secrets

_LONGEST = 4_000  # remedies are several commands long


def message_of(error: BaseException) -> str:
    """Return what an exception says, or its type where it says nothing; without secrets, and of bounded length."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a plugin's exception may be broken in itself
        text = ""
    return without_secrets(text)[:_LONGEST] or type(error).__name__


def is_showable(error: BaseException) -> bool:
    """Return whether an exception, and those that a traceback would show with it, can be raised as they are."""
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
        if error is None or not isinstance(error, (Exception, SystemExit)):
            return False
        let_through(error)
        self.error = error
        if self._hear is not None:
            self._hear(self._what, error)
        return True
