"""What rank 0 found of the run's budget, told to the other processes of the job by a file beside the records."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from carbonsdk.files import content

_LONGEST_BYTES = 64 << 10
_SAFELY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FLAGS = os.O_WRONLY | os.O_CREAT | _SAFELY


class Verdict(NamedTuple):
    """An excess, and the number of the epoch at whose end it was found.

    It is acted on at the end of the next epoch: by then every process can know of it, if each epoch needs all of them, as
    it does where gradients are exchanged. So all end at one edge, and none waits for another that has left.
    """

    number: int
    text: str


class Verdicts:
    """The file, which is there while rank 0 watches the budget. Opening it anew shows on NFS, too, what was written before."""

    def __init__(self, place: Path) -> None:
        self._path = place / "budget"

    def clear(self) -> bool:
        """Have the others wait for what is told from now on, and forget what was told before; return whether that can be."""
        with suppress(OSError):
            self._open(os.O_TRUNC)
            return True
        return False

    def add(self, verdict: Verdict) -> None:
        """Tell the others of an excess; raise OSError where that cannot be."""
        self._open(os.O_APPEND, f"{verdict.number} {' '.join(verdict.text.split())}\n")

    def read(self) -> list[Verdict] | None:
        """Return what was told so far; None where nobody watches."""
        try:
            lines = content(self._path, most_bytes=_LONGEST_BYTES).decode("utf-8", "replace").splitlines(keepends=True)
        except OSError:
            return None
        heads = [line.partition(" ") for line in lines if line.endswith("\n")]
        return [Verdict(int(number), text.strip()) for number, _, text in heads if number.isdecimal() and len(number) < 20]

    def _open(self, how: int, text: str = "") -> None:
        fd = os.open(self._path, _FLAGS | how, 0o600)
        try:
            os.write(fd, text.encode("utf-8", "replace"))
        finally:
            os.close(fd)
