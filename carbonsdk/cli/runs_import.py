"""`carbonsdk runs import`: carbontracker's log files become recorded runs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from carbonsdk.cli.options import setting_options

if TYPE_CHECKING:
    from carbonsdk.carbontracker_logs import LoggedRun


class Imported(NamedTuple):
    """A run that is on record now. `renewed` says that an earlier import of it was replaced."""

    run_id: str
    name: str
    epochs: int
    energy_joules: float | None
    renewed: bool
    record: Path


@click.command("import", short_help="Take in runs from the logs of carbontracker.")
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@setting_options("state_dir")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(directory: Path, as_json: bool, state_dir: Path | None) -> None:
    """Import the runs whose carbontracker logs lie in DIR, so that `runs list` and `runs show` have them too.

    The logs stay as they are. A run that was imported before is replaced; torn logs and those without a partner are read as
    far as they go.
    """
    from carbonsdk import carbontracker_logs
    from carbonsdk.errors import JournalError
    from carbonsdk.settings import resolve

    place = resolve({"state_dir": state_dir}).settings.state_dir
    found = carbontracker_logs.read_directory(directory)
    if not found:
        raise JournalError(f"{directory} holds no log of carbontracker (…_carbontracker.log, …_carbontracker_output.log)")
    done: list[Imported] = []
    for run in found:
        for problem in run.problems:
            click.echo(f"carbonsdk: {run.name}: {problem}", err=True)
        try:
            done.append(_import(run, place))
        except JournalError as error:
            click.echo(f"carbonsdk: left out: {error}", err=True)
    if not done:
        raise JournalError(f"none of the {len(found)} logs in {directory} can be imported")
    _tell(done, as_json=as_json)


def _import(run: "LoggedRun", state_dir: Path | None) -> Imported:
    from carbonsdk import runs
    from carbonsdk.carbontracker_logs import as_records
    from carbonsdk.errors import JournalError
    from carbonsdk.journal.records import RunBegan
    from carbonsdk.journal.writer import JournalWriter

    records = as_records(run)
    began = records[0]
    assert isinstance(began, RunBegan)  # noqa: S101 - the first of every run's records
    path = runs.journal_path(began.run, state_dir)
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    problems: list[str] = []
    writer = JournalWriter(unfinished, on_problem=problems.append)
    for record in records:
        writer.write(record)
    writer.close()
    if problems:
        unfinished.unlink(missing_ok=True)
        raise JournalError(f"{run.name}: {problems[0]}")
    renewed = path.exists()
    if run.ended is not None:
        # Of a run on another host the age of its record tells whether it goes on.
        os.utime(unfinished, (run.ended.timestamp(), run.ended.timestamp()))
    unfinished.replace(path)
    return Imported(began.run.run_id, run.name, len(run.epochs), run.joules, renewed, path)


def _tell(done: list[Imported], *, as_json: bool) -> None:
    if as_json:
        import json

        from carbonsdk.model import jsonable

        click.echo(json.dumps([jsonable(each._asdict()) for each in done], indent=2, ensure_ascii=False))
        return
    from carbonsdk import figures
    from carbonsdk.cli import tables

    rows = [
        (each.run_id, each.name, "renewed" if each.renewed else "new", str(each.epochs), figures.energy(each.energy_joules))
        for each in done
    ]
    headings = ("Run", "Logs", "", "Epochs", "Energy")
    tables.show(headings, rows, right=headings[3:])
