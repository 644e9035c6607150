"""What else is on record of a run, beside the process that asks: its earlier attempts, and the other processes of its job."""

from contextlib import suppress
from pathlib import Path

from carbonsdk.errors import JournalError
from carbonsdk.journal.claims import Part
from carbonsdk.runs.finding import files
from carbonsdk.runs.listing import skim
from carbonsdk.runs.loading import part_of

_Mark = tuple[int, int]


class Others:
    """The journals beside one's own. Those that have not grown since are not read again."""

    def __init__(self, own: Path) -> None:
        self.own = own
        self._known: dict[Path, tuple[_Mark, Part | None]] = {}

    def parts(self) -> list[Part]:
        """Return what is known of each that can be read."""
        with suppress(JournalError):
            paths = [path for path in files(self.own.parent) if path != self.own]
            return [part for path in paths if (part := self._part(path)) is not None]
        return []

    def _part(self, path: Path) -> Part | None:
        with suppress(OSError):
            stat = path.stat()
            mark = (stat.st_size, stat.st_mtime_ns)
            if path not in self._known or self._known[path][0] != mark:
                self._known[path] = (mark, _read(path))
            return self._known[path][1]
        return None


def _read(path: Path) -> Part | None:
    with suppress(JournalError):
        assembly, _ = skim(path)
        return part_of(assembly, path)
    return None
