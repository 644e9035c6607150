"""A run's report from its journals."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from carbonsdk.errors import JournalError
from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Part
from carbonsdk.journal.merging import merge
from carbonsdk.journal.reader import Problems, read_records
from carbonsdk.journal.records import Record
from carbonsdk.reports import RunReport
from carbonsdk.runs.finding import journals
from carbonsdk.runs.liveness import run_state


def load(run: str | Path, directory: Path | str | None = None, *, reconciled: bool = True) -> RunReport:
    """Return the report of a run, all its processes and attempts together.

    `run` is a run's id, an unambiguous beginning of one, or the path of a journal or of a directory of journals. With
    `reconciled=False` the figures are those of the time, without the intensities of later reconciliations. Raise JournalError.
    """
    complaints: list[str] = []
    found = parts(run, directory, reconciled=reconciled, complaints=complaints)
    report = merge(found)
    return replace(report, warnings=(*report.warnings, *complaints)) if complaints else report


def records(run: str | Path, directory: Path | str | None = None) -> Iterator[Record]:
    """Yield the records of a run, one journal after the other, the oldest attempt first. Raise JournalError."""
    for path in journals(run, directory):
        yield from read_records(path)


def parts(
    run: str | Path,
    directory: Path | str | None = None,
    *,
    reconciled: bool = True,
    complaints: list[str] | None = None,
) -> tuple[Part, ...]:
    """Return what is known of each attempt of each process of a run; `complaints` receives what could not be read."""
    found: list[Part] = []
    failures: list[str] = []
    for path in journals(run, directory):
        problems = Problems()
        try:
            assembly = assemble(read_records(path, problems=problems), reconciled=reconciled)
            found.append(part_of(assembly, path))
        except JournalError as error:
            failures.append(str(error) if str(path) in str(error) else f"{path}: {error}")
        if problems.damaged:
            failures.append(f"{path}: {problems.damaged} damaged lines are left out ({problems.examples[0]})")
        if problems.newer:
            failures.append(f"{path}: {problems.newer} records of a newer carbonsdk are left out")
    if not found:
        raise JournalError("; ".join(failures))
    if complaints is not None:
        complaints += failures
    return tuple(found)


def assemble(found: Iterable[Record], *, reconciled: bool = True) -> Assembly:
    """Return the assembly of one journal's records."""
    assembly = Assembly(reconciled=reconciled)
    for record in found:
        assembly.add(record)
    return assembly


def part_of(assembly: Assembly, path: Path) -> Part:
    """Return an assembled journal with the state that its process is in."""
    state = run_state(assembly, path)
    if state == "interrupted":
        assembly.abandon()
    return Part(assembly, assembly.last_known(), state, str(path))
