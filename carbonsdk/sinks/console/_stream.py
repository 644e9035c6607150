"""A text stream that may be swapped, closed or narrow."""

import sys
from typing import Any

from carbonsdk.errors import SettingsError

_NAMES = ("stdout", "stderr")
_ASCII = str.maketrans({"±": "+/-", "…": "...", "µ": "u", "–": "-"})


class Stream:
    """Writes whole messages, each in one call, so that other output does not run into them.

    A standard stream is looked up at each write: notebooks, test runners and redirections replace it. One that is closed or
    broken gets nothing, and nobody is harmed.
    """

    def __init__(self, target: Any) -> None:
        if isinstance(target, str) and target not in _NAMES:
            raise SettingsError(f"the sink 'console' writes to 'stdout', 'stderr' or an open stream: `stream` is {target!r}")
        if not isinstance(target, str) and not callable(getattr(target, "write", None)):
            raise SettingsError(f"the sink 'console' needs a stream with `write`: `stream` is {target!r}")
        self._target = target

    def write(self, text: str) -> None:
        """Write one message and its line end."""
        target = getattr(sys, self._target, None) if isinstance(self._target, str) else self._target
        if target is None or getattr(target, "closed", False):
            return
        try:
            _write(target, f"{text}\n")
        except (OSError, ValueError):
            # A pipe whose reader left, or a file closed a moment ago: there is no one left to tell.
            return


def _write(target: Any, text: str) -> None:
    try:
        target.write(text)
    except UnicodeEncodeError:
        encoding = getattr(target, "encoding", None) or "ascii"
        target.write(text.translate(_ASCII).encode(encoding, "replace").decode(encoding))
    flush = getattr(target, "flush", None)
    if flush is not None:
        flush()
