"""What an earlier attempt of a run leaves to the next."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from carbonsdk.errors import JournalError
from carbonsdk.journal.places import run_directory
from carbonsdk.runs.finding import files


@dataclass(frozen=True, slots=True)
class Resumption:
    """Which attempt of a rank this is, counted from 1, and the number that its first epoch has.

    `beside` says that another process of the rank is running on this host: that is no earlier attempt.
    """

    attempt: int = 1
    first_number: int = 0
    beside: bool = False


class Spent(NamedTuple):
    """What attempts of a run have used; None where that is not known."""

    joules: float | None
    grams: float | None
    duration_s: float


def resumption(run_id: str, rank: int, directory: Path | str | None = None) -> Resumption:
    """Return where a rank of a run goes on; a new run that leaves no trace yet costs one look at the directory."""
    place = run_directory(run_id, directory)
    try:
        if not place.is_dir():
            return Resumption()
    except OSError:  # what cannot be looked at cannot be gone on with
        return Resumption()
    from carbonsdk.runs.listing import skim
    from carbonsdk.runs.liveness import runs_beside

    attempts, first_number, beside = 0, 0, False
    with suppress(JournalError):
        for path in files(place):
            with suppress(JournalError):
                assembly, numbers = skim(path)
                if assembly.run_info.rank != rank:
                    continue
                if runs_beside(assembly):
                    beside = True
                    continue
                attempts += 1
                first_number = max(first_number, numbers.next)
    return Resumption(attempts + 1, first_number, beside)


def spent(place: Path, rank: int, *, but: Path) -> Spent:
    """Return what the other attempts of a rank have used, whose records lie in `place`; nothing where none can be read."""
    from carbonsdk.journal.merging import merge
    from carbonsdk.runs.listing import skim
    from carbonsdk.runs.loading import part_of

    parts = []
    with suppress(JournalError):
        for path in files(place):
            if path != but:
                with suppress(JournalError):
                    assembly, _ = skim(path)
                    if assembly.run_info.rank == rank:
                        parts.append(part_of(assembly, path))
        report = merge(parts)
        return Spent(report.energy.joules, report.co2eq_grams, report.duration_s)
    return Spent(0.0, 0.0, 0.0)
