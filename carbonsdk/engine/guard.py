"""The border between the engine and code that is not its own."""

from collections.abc import Callable
from types import TracebackType
from typing import Self


class Guard:
    """Keep what a plugin raises from going any further.

    `with Guard("sink csv", hear) as guard: …` calls `hear("sink csv", error)` for an Exception and goes on after the block;
    `guard.error` holds it. KeyboardInterrupt and SystemExit pass, but for a plugin's SystemExit, which is a fault like any.
    """

    __slots__ = ("_hear", "_what", "error")

    def __init__(self, what: str, hear: Callable[[str, BaseException], None] | None = None) -> None:
        self._what = what
        self._hear = hear
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(error, (Exception, SystemExit)):
            return False
        self.error = error
        if self._hear is not None:
            self._hear(self._what, error)
        return True
