"""Writing a journal: whole lines, at once, and never at the cost of the training."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import RLock

from carbonsdk import files
from carbonsdk.descriptor import Descriptor
from carbonsdk.errors import JournalError
from carbonsdk.interruption import let_through
from carbonsdk.journal.backlog import Backlog, Worth
from carbonsdk.journal.codec import encode, split
from carbonsdk.journal.records import DeviceFound, EpochEnded, IntensityKnown, Record, RunBegan, RunEnded, SelectionMade

_QUEUE_BYTES = 4 << 20
_HEAD_BYTES = 256 << 10
_WORTHS = {
    **dict.fromkeys((RunBegan, DeviceFound, SelectionMade, IntensityKnown), Worth.HEAD),
    **dict.fromkeys((EpochEnded, RunEnded), Worth.EPOCH),
}
_SAFELY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)  # Windows ends lines its way
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _SAFELY


class JournalWriter:
    """Appends records to `path`, one `write` a line, from any thread of the process that made it.

    No call raises for what the disk does; what a signal's handler raises comes through, an OSError as well. Where a line
    cannot be written, `on_problem` hears of it once and the line waits in memory until there is room again. A file that was
    deleted is begun anew with its run and devices. In a forked child nothing is written.
    """

    def __init__(self, path: Path, *, on_problem: Callable[[str], None]) -> None:
        self.path = path
        self._on_problem = on_problem
        self._pid = os.getpid()
        self._lock = RLock()  # a signal's handler may come in the midst of a write, and write as well
        self._draining = False
        self._file: Descriptor | None = None
        self._closed = False
        self._torn = False
        self._unsynced = False
        self._entries_unsynced: list[Path] = []  # directories with a new name in them
        self._backlog = Backlog(_QUEUE_BYTES)
        self._head: list[bytes] = []
        self._head_bytes = 0
        self._problems: list[str] = []
        self._said: set[str] = set()

    def write(self, record: Record) -> None:
        """Append a record and hand it to the operating system."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._closed:
                return
            for part in split(record):
                self._add(part)
            self._drain()
        if self._problems:
            self._tell()

    def sync(self) -> None:
        """Have what was written survive a loss of power. Blocks for as long as the disk takes, and holds up no `write`."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._backlog and not self._closed:
                self._drain()
        if self._unsynced:
            self._flush()
        self._tell()

    def close(self) -> None:
        """Try once more what waits, sync and let go. May be called twice."""
        self.sync()
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._closed = True
            if not self._draining:
                self._release()

    def discard(self) -> None:
        """Let go, and leave nothing behind."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._closed = True
            self._release()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()

    def _add(self, record: Record) -> None:
        try:
            line = encode(record)
        except JournalError as error:
            let_through(error)
            self._note("lost", f"part of the record is lost: {error}")
            return
        worth = _WORTHS.get(type(record), Worth.DETAIL)
        if worth is Worth.HEAD and self._head_bytes + len(line) <= _HEAD_BYTES:
            self._head.append(line)
            self._head_bytes += len(line)
        self._backlog.append(line, worth=worth)

    def _drain(self) -> None:
        """Write what waits, oldest first, until the disk refuses. A write that this one interrupts goes on with it."""
        if self._draining:
            return
        self._draining = True
        try:
            self._put_waiting()
        finally:
            self._draining = False
            if self._closed:  # by a signal's handler, which may have left by an exception
                self._put_waiting()
                self._release()

    def _put_waiting(self) -> None:
        try:
            fd = self._open()
            while self._backlog:
                self._put(fd, self._backlog.first())
                self._backlog.pop()
        except OSError as error:
            let_through(error)
            self._note(
                "write",
                f"cannot write the record {self.path}: {error.strerror or error}. Measuring goes on, and what is missing is "
                "written when there is room again; or choose another place with `state_dir`",
            )
            self._release()
        else:
            if self._backlog.dropped:
                self._note("drop", f"{self._backlog.dropped} lines of the record were lost while it could not be written")
                self._backlog.dropped = 0

    def _put(self, fd: int, line: bytes) -> None:
        """Write a whole line; what a full disk cut short is closed, so that the line can come again as a whole."""
        if self._torn:
            _write_all(fd, b"\n")
        self._torn = True
        _write_all(fd, line)
        self._torn = False
        self._unsynced = True

    def _open(self) -> int:
        """Return the open file; one that was deleted under us is begun anew, one that was closed under us opened again."""
        held = self._file.status() if self._file is not None else None
        if self._file is not None and held is not None:
            if held.st_nlink:
                return self._file.number
            self._note("gone", f"the record {self.path} was deleted during the run: it is begun anew, without what it held")
            self._begin_anew()
        made = files.private_directory(self.path.parent)
        self._file = Descriptor(os.open(self.path, _FLAGS, 0o600))
        self._entries_unsynced = [self.path.parent, *(directory.parent for directory in made)]
        # Whoever wrote here last may have been cut short; readers pass over an empty line.
        self._torn = os.fstat(self._file.number).st_size > 0
        return self._file.number

    def _begin_anew(self) -> None:
        self._release()
        waiting = set(self._backlog)
        for line in reversed(self._head):
            if line not in waiting:
                self._backlog.put_first(line, worth=Worth.HEAD)

    def _release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()  # a network file system may report here what it lost before: the next write will too

    def _flush(self) -> None:
        """Sync through a descriptor of its own, so that nobody waits for the lock meanwhile."""
        fd = -1
        try:
            with self._lock:
                if self._file is None or self._file.status() is None:
                    return
                fd = os.dup(self._file.number)
                self._unsynced = False
            os.fsync(fd)
            while self._entries_unsynced:
                _sync_directory(self._entries_unsynced[-1])
                self._entries_unsynced.pop()
        except OSError as error:
            self._unsynced = True
            let_through(error)
            self._note("sync", f"cannot make sure that the record {self.path} is on disk: {error.strerror or error}")
        finally:
            if fd >= 0:
                os.close(fd)

    def _note(self, kind: str, text: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            self._problems.append(text)

    def _tell(self) -> None:
        """Report each kind of problem once, outside the lock: whoever listens may write a record of it."""
        while self._problems:
            with self._lock:
                problems, self._problems = self._problems, []
            for text in problems:
                self._on_problem(text)


def _write_all(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])


def _sync_directory(directory: Path) -> None:
    """Make a new file's name survive a loss of power (fsync of the file alone does not: fsync(2))."""
    if os.name == "nt":  # a directory cannot be opened there
        return
    try:
        fd = os.open(directory, os.O_RDONLY)
    except PermissionError:  # one above ours that may be searched, but not read
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
