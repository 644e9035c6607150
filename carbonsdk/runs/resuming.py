"""What an earlier attempt of a run leaves to the next."""

from dataclasses import dataclass
from pathlib import Path

from carbonsdk.errors import JournalError
from carbonsdk.journal.places import run_directory
from carbonsdk.runs.finding import files, rank_named


@dataclass(frozen=True, slots=True)
class Resumption:
    """Which attempt of a rank this is, counted from 1, and the number that its first epoch has.

    `beside` says that another process of the rank is running on this host: that is no earlier attempt. `unread` tells of a
    record that may not be read, such as another user's.
    """

    attempt: int = 1
    first_number: int = 0
    beside: bool = False
    unread: str | None = None


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

    attempts, first_number, beside, unread = 0, 0, False, None
    try:
        paths = files(place)
    except JournalError as error:
        return Resumption(unread=str(error))
    for path in paths:
        if rank_named(path) not in (None, rank):
            continue  # unread: of a thousand ranks each would read the records of all
        try:
            assembly, numbers = skim(path)
            if assembly.run_info.rank != rank:
                continue
        except JournalError as error:  # also of one that was killed before its first line: that is nothing to tell
            unread = str(error) if isinstance(error.__cause__, OSError) else unread
            continue
        if runs_beside(assembly):
            beside = True
            continue
        attempts += 1
        first_number = max(first_number, numbers.next)
    return Resumption(attempts + 1, first_number, beside, unread)
