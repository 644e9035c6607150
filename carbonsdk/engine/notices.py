"""The warnings of a run, which go to the standard library's logger and to listeners."""

import logging
import threading
from collections.abc import Callable

from carbonsdk.engine.guard import message_of
from carbonsdk.secret import without_secrets

LOG = logging.getLogger("carbonsdk")
# Without it, and without logging set up by the user, Python prints warnings to stderr by itself, at verbose=0 too.
LOG.addHandler(logging.NullHandler())
_MOST = 200
_LONGEST = 4_000


class Notices:
    """The warnings of a run: each distinct text once, at most 200 of them, at most 4,000 characters each. Thread-safe."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self._lock = threading.RLock()
        self._listeners: list[Callable[[str], None]] = []
        self.first_fault: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all warnings so far, in order."""
        return tuple(self._seen)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Have `listener` called with each new warning, and now with those before it."""
        with self._lock:
            self._listeners.append(listener)
            before = tuple(self._seen)
        for text in before:
            listener(text)

    def warn(self, text: str) -> None:
        """Give a warning, unless it was given before."""
        text = without_secrets(text)[:_LONGEST]
        with self._lock:
            if text in self._seen or len(self._seen) >= _MOST:
                return
            self._seen[text] = None
            listeners = tuple(self._listeners)
        LOG.warning("%s", text)
        for listener in listeners:
            listener(text)

    def missing(self, text: str) -> None:
        """Give a warning of figures that will be missing; the first is kept for those who want it raised."""
        self.first_fault = self.first_fault or without_secrets(text)
        self.warn(text)

    def fault(self, what: str, error: BaseException) -> None:
        """Give a warning of what a plugin raised."""
        text = message_of(error)
        # As other programs say it; a plugin's own class may be broken in any attribute.
        if isinstance(error, OSError) and type(error).__module__ == "builtins" and error.strerror and error.filename:
            self.warn(f"{what}: {error.filename}: {error.strerror}")
        else:
            self.warn(f"{what}: {text}" if text == type(error).__name__ else f"{what}: {type(error).__name__}: {text}")
