"""All runs at a glance, without reading every epoch of every one."""

import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from carbonsdk.counted import simulated
from carbonsdk.errors import JournalError
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Part
from carbonsdk.journal.codec import decode
from carbonsdk.journal.merging import merge
from carbonsdk.journal.numbers import NumberSet
from carbonsdk.journal.reader import lines_of, open_journal
from carbonsdk.journal.union import length
from carbonsdk.model import Quality
from carbonsdk.runs.finding import files, run_directories
from carbonsdk.runs.loading import part_of

_NUMBER = re.compile(rb'\{"kind":"epoch","number":(-?[0-9]{1,18}),')
_STATE = b'{"kind":"state",'
_NEWEST_EPOCHS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in one line. `state` is "running", "finished" or "interrupted"; `path` is the directory of its records.

    `quality` is of the energy; `simulated` says that it is made up, `partial` that something is missing from it.
    """

    run_id: str
    name: str | None
    state: str
    host: str
    processes: int
    attempts: int
    start: datetime
    end: datetime
    duration_s: float
    energy_joules: float | None
    quality: Quality
    simulated: bool
    partial: bool
    co2eq_grams: float | None
    epoch_count: int
    epochs_planned: int | None
    path: Path


def list_runs(directory: Path | str | None = None) -> tuple[RunSummary, ...]:
    """Return all runs in a state directory, the newest first; what cannot be read is no run."""
    found: list[RunSummary] = []
    for place in run_directories(directory):
        with suppress(JournalError):
            found.append(summarize(place))
    return tuple(sorted(found, key=lambda run: (run.start, run.run_id), reverse=True))


def summarize(place: Path) -> RunSummary:
    """Return one run at a glance; raise JournalError where nothing in its directory can be read."""
    parts: list[Part] = []
    stretches: list[tuple[float, float]] = []
    for path in files(place):
        with suppress(JournalError):
            assembly, numbers = skim(path)
            parts.append(part_of(assembly, path))
            stretches += numbers.stretches
    report = merge(parts)
    return RunSummary(
        run_id=report.run_id,
        name=report.name,
        state=report.state,
        host=report.host,
        processes=len({(part.assembly.run_info.host, part.assembly.run_info.rank) for part in parts}),
        attempts=report.attempts,
        start=report.start,
        end=report.end,
        duration_s=report.duration_s,
        energy_joules=report.energy.joules,
        quality=report.energy.quality,
        simulated=simulated(report.devices),
        partial=report.energy.partial,
        co2eq_grams=report.co2eq_grams,
        epoch_count=round(length(stretches)),
        epochs_planned=report.epochs_planned,
        path=place,
    )


def skim(path: Path) -> tuple[Assembly, NumberSet]:
    """Read what the totals need: all but the older epochs and states, whose lines are passed over unparsed."""
    assembly, numbers = Assembly(), NumberSet()
    state = b""
    epochs: deque[bytes] = deque(maxlen=_NEWEST_EPOCHS)
    with open_journal(path) as file:
        for line in lines_of(file):
            if (match := _NUMBER.match(line)) and _is_whole(line):
                numbers.add(int(match[1]))
                epochs.append(line)
            elif line.startswith(_STATE) and _is_whole(line):
                state = line
            elif not line.isspace():
                _add(assembly, line)
    for line in (state, *epochs):
        _add(assembly, line)
    return assembly, numbers


def _is_whole(line: bytes) -> bool:
    """Return whether a line is a record: one that a kill left without its newline is so only if it can be read."""
    if line.endswith(b"\n"):
        return line.endswith(b"}\n")
    with suppress(JournalError):
        return decode(line) is not None
    return False


def _add(assembly: Assembly, line: bytes) -> None:
    with suppress(JournalError):
        record = decode(line)
        if record is not None:
            assembly.add(record)
