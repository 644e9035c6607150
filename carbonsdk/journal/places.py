"""Where records lie: `<state directory>/runs/<run>/<host>-<rank>-<pid>-<start>.jsonl`."""

from contextlib import suppress
from datetime import UTC
from pathlib import Path

from carbonsdk.events import RunInfo
from carbonsdk.launch import slug

SUFFIX = ".jsonl"
_NOBODYS = Path("/nonexistent")  # the home of those who have none (Debian Policy, 9.2.3): nothing can be written there


def state_directory(directory: Path | str | None = None) -> Path:
    """Return `directory`, or this user's state directory for carbonsdk: one that is not there, where the user has no home."""
    if directory is not None:
        return Path(directory).expanduser()
    from platformdirs import user_state_path

    with suppress(RuntimeError):  # there is no home directory
        place = user_state_path("carbonsdk", appauthor=False)
        if place.is_absolute():  # older releases leave the `~` as it stands, which would be a folder of the working directory
            return place
    return _NOBODYS / "carbonsdk"


def run_directory(run_id: str, directory: Path | str | None = None) -> Path:
    """Return where the records of a run go; no run id leads out of the state directory."""
    return state_directory(directory) / "runs" / slug(run_id)


def journal_path(run: RunInfo, directory: Path | str | None = None) -> Path:
    """Return the file of one attempt of one process of a run."""
    start = run.start.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return run_directory(run.run_id, directory) / f"{slug(run.host)}-{run.rank}-{run.pid}-{start}{SUFFIX}"
