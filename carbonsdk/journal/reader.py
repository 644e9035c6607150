"""Reading a journal: whole, torn, damaged, hostile, or still being written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from carbonsdk import files
from carbonsdk.errors import JournalError
from carbonsdk.journal.codec import MAX_LINE_BYTES, NewerSchema, decode
from carbonsdk.journal.records import Record

_EXAMPLES = 10
_LONGEST_SKIP = 64 << 20


@dataclass(slots=True)
class Problems:
    """What a reader met besides records. `examples` holds the first ten complaints, each with its line number."""

    damaged: int = 0  # lines that are no record
    newer: int = 0  # records of a kind that only a newer carbonsdk knows
    torn: bool = False  # the last line was cut short, as by a kill or a loss of power
    examples: list[str] = field(default_factory=list)

    def note(self, line_number: int, complaint: str) -> None:
        """Count a damaged line."""
        self.damaged += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"line {line_number}: {complaint}")


def read_records(path: Path, *, problems: Problems | None = None) -> Iterator[Record]:
    """Yield the records of a journal in order, passing over what is none, and noting it in `problems`.

    Holds one line at a time. Raise JournalError where the file cannot be read at all, or only by a newer carbonsdk.
    """
    noted = Problems() if problems is None else problems
    with open_journal(path) as file:
        try:
            yield from records_of(file, problems=noted)
        except NewerSchema as error:
            raise NewerSchema(f"{path}: {error}") from None
        except OSError as error:
            raise JournalError(f"cannot read {path}: {error.strerror or error}") from error


def open_journal(path: Path) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device, which might never answer, is refused."""
    try:
        return files.opened(path)
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror or error}") from error


def records_of(file: BinaryIO, *, problems: Problems) -> Iterator[Record]:
    """Yield the records from where `file` stands to its end."""
    cut = _Cut(problems)
    for number, line in enumerate(lines_of(file), 1):
        whole = line.endswith(b"\n")
        if len(line) > MAX_LINE_BYTES and not whole:
            problems.note(number, "it is too long for a record")
            continue
        if line.isspace():
            continue
        try:
            record = decode(line)
        except NewerSchema:
            raise
        except JournalError as error:
            # No beginning of a record is itself a record, so what is whole but for its newline was taken above.
            if whole:
                cut.see(b"")
                cut = _Cut(problems, number, line, str(error))
            else:
                problems.torn = True
            continue
        cut.see(line)
        if record is None:
            problems.newer += 1
        else:
            yield record
    cut.see(b"")


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines from where `file` stands, of one that is too long for a record only the beginning.

    What follows a line of 64 MiB is not looked at: a file with a hole of a terabyte takes no room, but days to read.
    """
    while line := file.readline(MAX_LINE_BYTES + 1):
        yield line
        left_bytes = _LONGEST_SKIP
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES + 1)
            left_bytes -= len(line)
            if left_bytes < 0:
                return


class _Cut:
    """A line that is no record. If a full disk cut it short, it comes again when there is room, and nothing is missing."""

    __slots__ = ("_complaint", "_line", "_number", "_problems")

    def __init__(self, problems: Problems, number: int = 0, line: bytes = b"", complaint: str = "") -> None:
        self._problems, self._number, self._line, self._complaint = problems, number, line.rstrip(b"\n"), complaint

    def see(self, following: bytes) -> None:
        """Note the line as damaged unless the record that follows is the whole of it."""
        if self._line and not following.startswith(self._line):
            self._problems.note(self._number, self._complaint)
        self._line = b""
