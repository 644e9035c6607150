"""From what a person types to the journals of a run."""

import re
from pathlib import Path

from carbonsdk.errors import JournalError
from carbonsdk.journal.places import SUFFIX, run_directory, state_directory

LATEST = "latest"
_NAME = re.compile(rf"[^/]+-([0-9]{{1,9}})-[0-9]+-[0-9]{{8}}T[0-9]{{6}}\.[0-9]{{6}}Z{re.escape(SUFFIX)}", re.ASCII)
_MOST_NAMED = 5


def journals(run: str | Path, directory: Path | str | None = None) -> tuple[Path, ...]:
    """Return the journals of a run, oldest attempt first.

    `run` is a run's id, an unambiguous beginning of one, the path of a journal or of a directory of journals, or `latest`,
    the run that began last. Raise JournalError where there is no such run, or more than one.
    """
    # A run may have any id: one that is called so by its user must not stand for the newest from then on.
    place = run_directory(run, directory) if isinstance(run, str) and run and run != LATEST else None
    if place is None or not _is_directory(place):
        place = _path(run) if _is_path(run) else _beginning(str(run), directory)
    if _is_directory(place):
        found = files(place)
        if not found:
            raise JournalError(f"{place} holds no record of a run (no {SUFFIX} file)")
        return found
    return (place,)


def files(run_place: Path) -> tuple[Path, ...]:
    """Return the journals in one run's directory, by the start in their names."""
    try:
        found = [path for path in run_place.iterdir() if path.suffix == SUFFIX]
    except OSError as error:
        raise JournalError(f"cannot read {run_place}: {error.strerror or error}") from error
    return tuple(sorted(found, key=lambda path: (_begun(path), path.name)))


def run_directories(directory: Path | str | None = None) -> tuple[Path, ...]:
    """Return the directories of all runs, by name; none where nothing was ever recorded."""
    place = state_directory(directory) / "runs"
    try:
        return tuple(sorted(path for path in place.iterdir() if path.is_dir()))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise JournalError(f"cannot read {place}: {getattr(error, 'strerror', None) or error}") from error


def _newest(directory: Path | str | None) -> Path:
    begun = [(min(_begun(path) for path in found), place) for place in run_directories(directory) if (found := files(place))]
    if not begun:
        there = "" if directory is None else f" --state-dir {directory}"
        raise JournalError(f"there is no run in {state_directory(directory) / 'runs'} yet: `carbonsdk demo{there}` makes one")
    return max(begun)[1]


def rank_named(journal: Path) -> int | None:
    """Return the rank that a journal has in its name; None for one that was named by somebody else."""
    match = _NAME.fullmatch(journal.name)
    return int(match[1]) if match else None


def _begun(journal: Path) -> str:
    """Return the start that a journal has in its name."""
    return journal.stem.rpartition("-")[2]


def _is_directory(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:  # a folder that may not be entered, or a name that no folder can have
        return False


def _path(run: str | Path) -> Path:
    try:
        return Path(run).expanduser()
    except RuntimeError as error:
        raise JournalError(f"{run}: {error}") from None


def _is_path(run: str | Path) -> bool:
    return isinstance(run, Path) or run.endswith(SUFFIX) or "/" in run or "\\" in run


def _beginning(run_id: str, directory: Path | str | None) -> Path:
    if run_id == LATEST:
        return _newest(directory)
    matches = [path for path in run_directories(directory) if run_id and path.name.startswith(run_id)]
    where = state_directory(directory) / "runs"
    if not matches:
        raise JournalError(f"no run in {where} begins with {run_id!r}: `carbonsdk runs list` shows those that are there")
    if len(matches) > 1:
        names = ", ".join(path.name for path in matches[:_MOST_NAMED])
        more = ", …" if len(matches) > _MOST_NAMED else ""
        raise JournalError(f"{run_id!r} is the beginning of {len(matches)} runs ({names}{more}): give more of it")
    return matches[0]
