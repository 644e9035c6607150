"""`carbonsdk runs`: what was recorded."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carbonsdk.cli import asking
from carbonsdk.cli.options import setting_options
from carbonsdk.cli.reconcile import command as reconcile_command
from carbonsdk.cli.runs_import import command as import_command
from carbonsdk.cli.runs_total import command as total_command

if TYPE_CHECKING:
    from carbonsdk.reports import EpochReport, RunReport
    from carbonsdk.runs import RunSummary


@click.group("runs", short_help="List the recorded runs, or show one.")
def command() -> None:
    """List the recorded runs, show one, or settle its CO2eq; take in the logs of carbontracker."""


for _more in (reconcile_command, import_command, total_command):
    command.add_command(_more)


@command.command("list")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, the newest first.")
@setting_options("state_dir")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_command(limit: int, as_json: bool, state_dir: Path | None) -> None:
    """List the newest runs: when, how long, how much."""
    from carbonsdk import runs

    directory = _directory(state_dir)
    everything = runs.list(directory)
    found = everything[:limit]
    if as_json:
        asking.write_json(found)
        return
    if not found:
        there = "" if state_dir is None else f" --state-dir {state_dir}"
        click.echo(f"There is no run in {runs.state_directory(directory)} yet: `carbonsdk demo{there}` makes one.")
        return
    _print_list(found)
    _tell_left_out("run", len(everything) - limit, option=f"--limit {len(everything)}")


@command.command("show", short_help="Show a run: the newest, unless RUN names one.")
@click.argument("run", default="latest")
@setting_options("state_dir")
@click.option("--epochs", "newest", type=click.IntRange(min=0), default=20, show_default=True, help="How many of the newest.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with every epoch that is kept.")
def show_command(run: str, newest: int, as_json: bool, state_dir: Path | None) -> None:
    """Show the run RUN, or the newest.

    RUN is a run's id, the beginning of one, the path of its record, or `latest`.
    """
    from carbonsdk import runs
    from carbonsdk.cli import hours, summary

    report = runs.load(run, _directory(state_dir))
    if as_json:
        asking.write_json(report)
        return
    summary.show(report, title=_title(report))
    _print_devices(report)
    hours.show(report)
    if report.epochs and newest:
        _print_epochs(report.epochs[-newest:])
        _tell_left_out("epoch", len(report.epochs) - newest, option=f"--epochs {len(report.epochs)}")


def _directory(state_dir: Path | None) -> Path | None:
    from carbonsdk.settings import resolve

    return resolve({"state_dir": state_dir}).settings.state_dir


def _tell_left_out(what: str, older: int, *, option: str) -> None:
    if older > 0:
        left_out = f"1 older {what} is" if older == 1 else f"{older} older {what}s are"
        click.echo(f"{left_out} left out: `{option}` shows all.", err=True)


def _title(report: "RunReport") -> str:
    name = f" ({report.name})" if report.name else ""
    return f"{report.run_id}{name}: {report.state}, on {report.host} from {_local(report.start)}"


def _print_list(found: "Sequence[RunSummary]") -> None:
    from carbonsdk import figures
    from carbonsdk.cli import tables

    rows = [
        (
            run.run_id,
            run.name or "",
            run.state,
            _local(run.start),
            figures.duration(run.duration_s),
            f"{run.epoch_count}" if run.epochs_planned is None else f"{run.epoch_count}/{run.epochs_planned}",
            figures.energy(run.energy_joules),
            figures.mass(run.co2eq_grams),
            ("simulated, " if run.simulated else "") + run.quality.value,
        )
        for run in found
    ]
    headings = ("Run", "Name", "State", "Started", "Time", "Epochs", "Energy", "CO2eq", "Quality")
    tables.show(headings, rows, right=headings[4:8], spare=("Started", "State", "Epochs", "Time", "Name", "Quality"))


def _print_devices(report: "RunReport") -> None:
    from carbonsdk import figures
    from carbonsdk.totals import line

    names = figures.names(each.device for each in report.devices)
    for each, name in zip(report.devices, names, strict=True):
        note = f"; {each.device.sensor.note}" if each.device.sensor.note else ""
        how = f"{each.kind} {name}: {figures.measured_energy(each.energy)} by {each.energy.method}{note}"
        click.echo(line("device", how))
    for choice in report.selection:
        if not choice.chosen:
            click.echo(line("not used", f"{choice.backend}: {choice.reason}"))


def _print_epochs(epochs: "Sequence[EpochReport]") -> None:
    from carbonsdk import figures
    from carbonsdk.cli import tables

    rows = [
        (
            str(epoch.number),
            epoch.name,
            " ".join(mark for mark in ("failed", "partial", "provisional") if getattr(epoch, mark)),
            figures.duration(epoch.duration_s),
            figures.measured_energy(epoch.energy),
            figures.mass(epoch.co2eq_grams),
        )
        for epoch in epochs
    ]
    headings = ("Epoch", "Name", "", "Time", "Energy", "CO2eq")
    tables.show(headings, rows, right=headings[3:])


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
