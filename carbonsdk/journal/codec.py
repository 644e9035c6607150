"""Records as lines of JSON, and back."""

import functools
import json
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, NoReturn

from carbonsdk.errors import JournalError
from carbonsdk.interruption import let_through
from carbonsdk.journal.records import (
    DeviceFound,
    EpochEnded,
    IntensityKnown,
    OpenEpoch,
    Record,
    RunBegan,
    RunEnded,
    SelectionMade,
    SlotClosed,
    SpanUse,
    StateNoted,
    Use,
    Warned,
)

SCHEMA = (1, 0)
"""Major: an older reader would misread. Minor: keys, columns at a row's end, or kinds were added."""

MAX_LINE_BYTES = 1 << 20
MAX_NESTING = 64
KINDS: dict[str, Any] = {
    "run": RunBegan,
    "device": DeviceFound,
    "selection": SelectionMade,
    "intensity": IntensityKnown,
    "epoch": EpochEnded,
    "slot": SlotClosed,
    "state": StateNoted,
    "warning": Warned,
    "end": StateNoted,  # RunEnded is its state under another kind
}
_NAMES: dict[type, str] = {cls: name for name, cls in KINDS.items() if name != "end"}
NO_NUMBER = "the reading was not a plausible number"
_VALUES_PER_LINE = 1000
_LONGEST_NAME = 1000

# One token at a time, never backtracking: a whole string (also one that never ends) or one bracket.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+|[\[\]{}]', re.DOTALL)


class NewerSchema(JournalError):
    """The journal was written by a carbonsdk whose records this one would misread."""


def encode(record: Record) -> bytes:
    """Return a record as one line of compact JSON; floats keep every digit.

    A use that is not a finite number is written as unknown. Raise JournalError for what cannot be written.
    """
    try:
        line = _dump(record)
    except ValueError as error:
        let_through(error)
        line = _dump_finite(record)
    except (TypeError, RecursionError) as error:
        raise JournalError(f"cannot write a {type(record).__name__}: {error}") from error
    if len(line) > MAX_LINE_BYTES:
        line = _dump_shortened(record)
    return line


def split(record: Record) -> tuple[Record, ...]:
    """Return a record as those that each fit a line: a year of intensities is many."""
    if isinstance(record, IntensityKnown) and len(record.values) > _VALUES_PER_LINE:
        starts = range(0, len(record.values), _VALUES_PER_LINE)
        return tuple(record._replace(values=record.values[at : at + _VALUES_PER_LINE]) for at in starts)
    return (record,)


def decode(line: bytes) -> Record | None:
    """Return the record of a line, or None where only a newer minor version knows its kind.

    Raise JournalError for anything else that is not a record; the line may come from anybody.
    """
    if len(line) > MAX_LINE_BYTES:
        raise JournalError(f"a line of more than {MAX_LINE_BYTES} bytes")
    _check_nesting(line)
    if line.lstrip()[:1] != b"{":  # a file may be of nothing else: json takes 50 times as long to find out
        raise JournalError("not JSON of an object with a kind")
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise JournalError(f"not JSON: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise JournalError("not an object with a kind")
    kind = value["kind"]
    if kind == "run":
        _check_schema(value.get("schema"))
    if kind not in KINDS:
        return None
    record: Record = _reader(kind)(value)
    if kind == "end" and isinstance(record, StateNoted):
        return RunEnded(record)
    return record


@functools.cache
def _reader(kind: str) -> Callable[[Any], Any]:
    """Return what reads a kind of record: made when a journal is read, which most programs never do."""
    from carbonsdk.journal.shapes import from_object

    return from_object(KINDS[kind])


def _dump(record: Record) -> bytes:
    if isinstance(record, RunEnded):
        value = {"kind": "end", **record.state._asdict()}
    elif isinstance(record, RunBegan):
        value = {"kind": "run", "schema": f"{SCHEMA[0]}.{SCHEMA[1]}", **record._asdict()}
    else:
        value = {"kind": _NAMES[type(record)], **record._asdict()}
    return _ENCODER.encode(value).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Turn what json does not know into what it does; named tuples become arrays by themselves."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is no part of a record")


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False, default=_plain)


def _dump_finite(record: Record) -> bytes:
    try:
        return _dump(_finite(record))
    except (ValueError, TypeError) as error:
        raise JournalError(f"cannot write a {type(record).__name__}: {error}") from error


def _finite(value: Any) -> Any:
    """Return a record whose uses that hold NaN or infinity are unknown, and whose unknown slots are None."""
    if isinstance(value, Use):
        numbers = (value.start_joules, value.joules, value.coverage, value.noise_joules)
        whole = all(number is None or abs(number) < float("inf") for number in numbers)
        return value if whole else Use(value.device, 0.0, None, 0.0, 0.0, NO_NUMBER)
    if isinstance(value, SlotClosed):
        joules = (None if one is None or not abs(one) < float("inf") else one for one in value.cumulative_joules)
        return value._replace(cumulative_joules=tuple(joules))
    if isinstance(value, EpochEnded | StateNoted | SpanUse | OpenEpoch | RunEnded):
        return type(value)(*(_finite(item) for item in value))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_finite(item) for item in value)
    return value


def _dump_shortened(record: Record) -> bytes:
    """Write an epoch or a state without its spans where they would not fit a line: the energy comes first."""
    if isinstance(record, EpochEnded):
        why = "its spans were too many for the record"
        reason = f"{record.reason[:_LONGEST_NAME]}; {why}" if record.reason else why
        line = _dump_finite(record._replace(name=record.name[:_LONGEST_NAME], spans=(), reason=reason))
    elif isinstance(record, StateNoted):
        line = _dump_finite(record._replace(spans=(), open_epochs=()))
    elif isinstance(record, RunEnded):
        line = _dump_finite(RunEnded(record.state._replace(spans=(), open_epochs=())))
    elif isinstance(record, Warned):
        line = _dump_finite(record._replace(text=record.text[:_LONGEST_NAME]))
    else:
        line = _dump(record)
    if len(line) > MAX_LINE_BYTES:
        raise JournalError(f"a {type(record).__name__} of {len(line)} bytes does not fit a line of {MAX_LINE_BYTES}")
    return line


def _check_nesting(line: bytes) -> None:
    """Refuse deep nesting before the parser recurses into it: how deep it may go is the process's choice, not ours."""
    if line.count(b"[") + line.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    for token in _TOKEN.finditer(line):
        first = line[token.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                raise JournalError(f"nested deeper than {MAX_NESTING}")
        elif first in b"]}":
            depth -= 1


def _check_schema(version: Any) -> None:
    major = version.partition(".")[0] if isinstance(version, str) else ""
    if not (major.isascii() and major.isdigit() and len(major) < 6):
        raise JournalError("the run's record names no schema version")
    if int(major) > SCHEMA[0]:
        raise NewerSchema(f"written with schema {version[:20]}, this carbonsdk reads {SCHEMA[0]}.x: upgrade carbonsdk")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
