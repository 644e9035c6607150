"""Log files as messages: bounded, torn or not, of any origin."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from carbonsdk import files

MOST_BYTES = 64 << 20
"""What is read of one file; years of epochs are less."""

_LONGEST_LINE = 64 << 10
_LONGEST_MESSAGE = 256 << 10
_STAMPED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:,\d{1,6})? - (.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?|nan|None|[+-]?inf")
# numpy 2 writes its scalars as calls: np.float64(58.2).
_CALL = re.compile(r"\bnp\.float\d+\(")
_CLOCK = re.compile(r"(\d{1,7}):(\d\d):(\d\d(?:\.\d{1,6})?)")


@dataclass(frozen=True, slots=True)
class Message:
    """One message, with its time in this machine's zone; None where the line's is none."""

    at: datetime | None
    text: str


def read_messages(path: Path, problems: list[str]) -> Iterator[Message]:
    """Yield the messages of a file; lines without a time continue the message before them.

    A last line without its end was torn while it was written: it is left out, since half a number is another number. What is
    left out is told in `problems`.
    """
    lines: list[str] = []
    size = 0
    at: datetime | None = None
    for line in _lines(path, problems):
        stamped = _STAMPED.match(line)
        if stamped:
            if lines:
                yield Message(at, "\n".join(lines))
            at, lines = _moment(stamped[1]), [stamped[2]]
            size = len(line)
        elif lines and size + len(line) <= _LONGEST_MESSAGE:
            lines.append(line)
            size += len(line)
    if lines:
        yield Message(at, "\n".join(lines))


def numbers(text: str) -> tuple[float | None, ...]:
    """Return the numbers of a list as numpy writes it; `nan`, `inf` and `None` are None. Nothing is evaluated."""
    return tuple(_number(match) for match in _NUMBER.findall(_CALL.sub(" ", text)))


def seconds(text: str) -> float | None:
    """Return the seconds of `h:mm:ss` or `h:mm:ss.cc`, or None."""
    match = _CLOCK.search(text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None


def _lines(path: Path, problems: list[str]) -> Iterator[str]:
    left_bytes = MOST_BYTES
    try:
        with files.opened(path) as file:
            while line := file.readline(_LONGEST_LINE + 1):
                length = len(line)
                if length > _LONGEST_LINE:
                    length += _skipped_bytes(file, line)
                left_bytes -= length
                if left_bytes < 0:
                    problems.append(f"{path.name} is read only to its first {MOST_BYTES >> 20} MiB")
                    return
                if length > _LONGEST_LINE:
                    problems.append(f"a line of {length} bytes in {path.name} is left out")
                elif line.endswith(b"\n"):
                    yield files.harmless(line.decode("utf-8", "replace").rstrip("\r\n"))
                else:
                    problems.append(f"the last line of {path.name} is torn and left out")
    except OSError as error:
        problems.append(f"{path.name} cannot be read: {error.strerror or error}")


def _skipped_bytes(file: BinaryIO, line: bytes) -> int:
    """Read on to the end of a line, or of all that is read of a file; return how many bytes that was."""
    skipped = 0
    while not line.endswith(b"\n") and skipped <= MOST_BYTES and (line := file.readline(_LONGEST_LINE)):
        skipped += len(line)
    return skipped


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _number(text: str) -> float | None:
    if text == "None":
        return None
    value = float(text)
    return value if abs(value) < float("inf") else None  # nan compares as false
