"""`carbonsdk runs total`: the sentence to cite a directory of carbontracker's logs with."""

from pathlib import Path

import click


@click.command("total", short_help="Add up the logs of carbontracker, to cite.")
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(directory: Path, as_json: bool) -> None:
    """Add up the runs whose carbontracker logs lie in DIR, and print the sentence to cite.

    It counts what was used, the PUE of each log included; of a run that went on after measuring had ended, what was
    predicted. What is missing from the sum stands behind it.
    """
    from carbonsdk import carbontracker_logs
    from carbonsdk.errors import JournalError

    found = carbontracker_logs.read_directory(directory)
    if not found:
        raise JournalError(f"{directory} holds no log of carbontracker (…_carbontracker.log, …_carbontracker_output.log)")
    for run in found:
        for problem in run.problems:
            click.echo(f"carbonsdk: {run.name}: {problem}", err=True)
    summed = carbontracker_logs.total(found)
    if as_json:
        import json

        from carbonsdk.model import jsonable

        figures = {**jsonable(summed), "kwh": summed.kwh, "sentence": summed.sentence}
        click.echo(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    click.echo(summed.sentence)
