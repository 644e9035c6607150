"""A lock between processes that expires: a file, ignored when it is too old."""

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from carbonsdk import files

LEASE_S = 30.0  # whoever holds it for longer has been killed


class Lease:
    """The right to do what only one process is to do: a file that only one can make. Its age is the file system's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = secrets.token_hex(8)

    def take(self) -> bool:
        """Return whether this process may go on: the lease is its own now, or cannot be had by anybody."""
        try:
            if not self._is_held():
                self._path.unlink(missing_ok=True)
            file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii")
        except FileExistsError:
            return False
        except OSError:
            return True
        try:
            with file:
                file.write(self._mark)
        except OSError:
            # On a full disk: a lease without a mark would be nobody's to give back, and the others would wait for it.
            with suppress(OSError):
                self._path.unlink()
        return True

    def release(self) -> None:
        """Give the lease back, unless it was taken over."""
        with suppress(OSError):
            if files.content(self._path, most_bytes=len(self._mark)) == self._mark.encode():
                self._path.unlink()

    def _is_held(self) -> bool:
        try:
            age_s = time.time() - self._path.stat().st_mtime
        except FileNotFoundError:
            return True  # let go just now: to be made, not to be taken away
        # A lease from the future is of a clock that was set back since.
        return abs(age_s) < LEASE_S
