"""Append whole lines to files that other processes append to as well."""

import contextlib
import csv
import errno
import io
import logging
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_SIBLINGS = 100
_LOCKS_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def append_line(path: Path, line: bytes) -> None:
    """Append one line in one write, and make the directory for it; raise OSError and leave no part of it otherwise."""
    with _locked(path) as file:
        _write_whole(file, line)


def csv_line(cells: Sequence[str]) -> bytes:
    """Return one row, quoted where it must be, with its line end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


class Table:
    """A CSV file with a fixed header.

    A file that is there already with another header is left alone: rows go to a sibling (`epochs-2.csv`) instead, and the
    logger is told once. The file is opened for each row, so that a fork, a rotation or a removal costs nothing.
    """

    def __init__(self, path: Path, *, header: Sequence[str], log: logging.Logger) -> None:
        self.path = path
        self._wanted = path
        self._header = csv_line(header)
        self._log = log

    def append(self, cells: Sequence[str]) -> None:
        """Append one row; the header goes before it in an empty file."""
        row = csv_line(cells)
        for number in range(1, _SIBLINGS):
            path = self._wanted if number == 1 else self._wanted.with_stem(f"{self._wanted.stem}-{number}")
            if self._append_to(path, row):
                self._settle(path)
                return
        raise OSError(errno.EEXIST, "this and its siblings all have other columns: name another file", str(self._wanted))

    def _append_to(self, path: Path, row: bytes) -> bool:
        with _locked(path) as file:
            size = os.fstat(file).st_size
            if size == 0:
                _write_whole(file, self._header + row)
                return True
            if _read(file, len(self._header), offset=0) != self._header:
                return False
            _write_whole(file, row)
            return True

    def _settle(self, path: Path) -> None:
        if path != self.path:
            self.path = path
            self._log.warning("%s has other columns and is left as it is: rows go to %s", self._wanted, path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    file = _opened(path)
    try:
        if stat.S_ISREG(os.fstat(file).st_mode):
            _lock(file)
        yield file
    finally:
        os.close(file)  # lets go of the lock


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, _FLAGS, 0o666)
    except OSError as error:
        advice = "name another place, or see that this one can be written to"
        raise OSError(error.errno, f"{error.strerror}; {advice}", str(path)) from error


def _lock(file: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: rows there are as safe as O_APPEND makes them
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        # Some network file systems have no locks; O_APPEND still keeps rows whole on a local one.
        if error.errno not in _LOCKS_UNSUPPORTED:
            raise


def _write_whole(file: int, data: bytes) -> None:
    status = os.fstat(file)
    regular = stat.S_ISREG(status.st_mode)
    # A writer that died in mid-row left no line end: its torn row stays a row of its own.
    if regular and status.st_size and _read(file, 1, offset=status.st_size - 1) != b"\n":
        data = b"\n" + data
    written = os.write(file, data)
    if written < len(data):
        if regular:
            os.ftruncate(file, status.st_size)
        raise OSError(errno.ENOSPC, "only a part of the row could be written, it was taken back")


def _read(file: int, count: int, *, offset: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)  # O_APPEND: writing moves to the end by itself
    return os.read(file, count)
