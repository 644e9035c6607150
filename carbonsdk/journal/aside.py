"""Rows of bytes set aside in a file without a name: out of memory, and gone with the process whatever ends it."""

import errno
import os
from array import array
from contextlib import suppress
from pathlib import Path

from carbonsdk.descriptor import Descriptor
from carbonsdk.errors import JournalError

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class _Nameless:
    """A file that only this process can reach; it goes when the last stretch that lies in it is let go."""

    __slots__ = ("_file", "end")

    def __init__(self, directory: Path) -> None:
        self._file: Descriptor | None = None
        self._file = Descriptor(_opened(directory))
        self.end = 0

    @property
    def fd(self) -> int:
        """Return the file's number; raise OSError where the program closed it."""
        if self._file is None or self._file.status() is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._file.number

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()


class Stretch:
    """Numbered rows in one such file, in order. Raises OSError where there can be no file, or no more room in it."""

    __slots__ = ("_file", "_lengths", "_numbers", "_starts")

    def __init__(self, directory: Path) -> None:
        self._file = _Nameless(directory)
        self._numbers, self._starts, self._lengths = array("q"), array("Q"), array("I")

    def __len__(self) -> int:
        return len(self._numbers)

    def append(self, numbered: list[tuple[int, bytes]]) -> None:
        """Add rows, all or none."""
        start = self._write(b"".join(row for _, row in numbered))
        for number, row in numbered:
            self._numbers.append(number)
            self._starts.append(start)
            self._lengths.append(len(row))
            start += len(row)

    def replace(self, number: int, row: bytes) -> bool:
        """Put a row in the place of the one of its number; return False where there is none."""
        try:
            at = self._numbers.index(number)
        except ValueError:
            return False
        # What a copy of this stretch points at is never written over.
        self._starts[at], self._lengths[at] = self._write(row), len(row)
        return True

    def row(self, at: int) -> bytes:
        """Return a row; raise JournalError where the disk does not give it back."""
        length, start = self._lengths[at], self._starts[at]
        try:
            found = os.pread(self._file.fd, length, start)
        except OSError as error:
            raise JournalError(f"cannot read epochs back: {error.strerror or error}; the record holds them") from error
        if len(found) < length:
            raise JournalError("cannot read epochs back: the disk lost them; the record holds them")
        return found

    def copy(self) -> "Stretch":
        """Return one of the same rows, which no later change reaches."""
        twin = object.__new__(Stretch)
        twin._file = self._file
        twin._numbers, twin._starts, twin._lengths = self._numbers[:], self._starts[:], self._lengths[:]
        return twin

    def _write(self, data: bytes) -> int:
        file, view = self._file, memoryview(data)
        start = file.end
        while view:
            written = os.pwrite(file.fd, view, file.end + len(data) - len(view))
            view = view[written:]
        file.end += len(data)
        return start


def _opened(directory: Path) -> int:
    if not hasattr(os, "pread"):  # Windows
        raise OSError("no reading at an offset")
    if hasattr(os, "O_TMPFILE"):
        with suppress(OSError):  # not every file system has it: open(2)
            return os.open(directory, _FLAGS | os.O_TMPFILE, 0o600)
    path = directory / f".{os.urandom(8).hex()}"
    fd = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with suppress(OSError):
        path.unlink()
    return fd
