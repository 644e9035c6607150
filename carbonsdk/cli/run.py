"""`carbonsdk run`: measure any command."""

import sys
from pathlib import PurePath
from typing import Any

import click

from carbonsdk.cli.options import given, setting_options

_SETTINGS = (
    *("name", "zone", "intensity", "pue", "fetchers", "backends", "sinks", "components", "scope", "share_policy"),
    *("update_interval", "log_dir", "state_dir", "offline"),
)


@click.command("run", context_settings={"allow_interspersed_args": False})
@setting_options(*_SETTINGS)
@click.option("-q", "--quiet", is_flag=True, help="Leave out the summary; the record is written all the same.")
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON.")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND…", type=click.UNPROCESSED)
def command(command: tuple[str, ...], quiet: bool, as_json: bool, **settings: Any) -> None:
    """Run COMMAND and measure it, its children included.

    The command has this terminal to itself: its input, output and signals are its own, and its exit code becomes this one's.
    The summary goes to standard error when it has ended.

    \b
    carbonsdk run -- python train.py --epochs 10
    carbonsdk run --zone DK-DK1 --name nightly -- make test
    """  # noqa: D301 - click reads the control character as "do not wrap"
    sys.exit(_measured(command, given(settings), quiet=quiet, as_json=as_json))


def _measured(command: tuple[str, ...], settings: dict[str, Any], *, quiet: bool, as_json: bool) -> int:
    from carbonsdk.cli import child
    from carbonsdk.tracker import CarbonTracker

    program = PurePath(command[0]).name
    if (refusal := child.refusal(command[0])) is not None:
        return _refused(command[0], refusal)
    with child.signals_held() as mask:
        tracker = CarbonTracker(**{"name": program, **settings, "verbose": 0})
        tracker.await_devices()
        try:
            with tracker.epoch(program):
                code = child.run(command, mask=mask)
        except OSError as error:
            code, quiet = _refused(command[0], error), True
        finally:
            tracker.stop()
    if not quiet:
        _summarise(tracker.report(), program=program, code=code, as_json=as_json)
    return code


def _refused(program: str, error: OSError) -> int:
    if isinstance(error, FileNotFoundError):
        click.echo(f"carbonsdk: {program}: command not found", err=True)
        return 127
    click.echo(f"carbonsdk: {program}: cannot be run: {error.strerror}", err=True)
    return 126


def _summarise(report: Any, *, program: str, code: int, as_json: bool) -> None:
    from carbonsdk.cli import summary

    if as_json:
        import json

        click.echo(json.dumps(report.to_dict(), ensure_ascii=False), err=True)
        return
    summary.show(report, title=f"carbonsdk: {program} ended with exit code {code}{_signal(code)}", err=True)


def _signal(code: int) -> str:
    """Return the name of the signal that a shell, too, tells by such a code; nothing for any other."""
    from signal import Signals

    # Most real-time signals have no name.
    return next((f" ({each.name})" for each in Signals if each == code - 128), "")
