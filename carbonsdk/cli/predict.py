"""`carbonsdk predict`: what a recorded run will have used, or would use with more epochs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from carbonsdk.cli.options import setting_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonsdk.model import EnergyUse
    from carbonsdk.reports import Estimate, Forecast


@click.command("predict", short_help="Forecast what a run will use from its epochs so far.")
@click.argument("run", default="latest")
@click.option(
    "--epochs", "epochs_total", type=click.IntRange(min=1), help="Epochs of the whole run; unset, those that were planned."
)
@setting_options("state_dir")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(run: str, epochs_total: int | None, as_json: bool, state_dir: Path | None) -> None:
    """Forecast energy, time and CO2eq of the whole run RUN, or of the newest, from the epochs on record.

    RUN is a run's id, the beginning of one, the path of its record, or `latest`; it may still be under way, and `--epochs` may
    be more or fewer than were planned.
    """
    from carbonsdk import runs
    from carbonsdk.engine.forecasting.recorded import recorded_forecast
    from carbonsdk.errors import JournalError
    from carbonsdk.journal.merging import merge
    from carbonsdk.settings import resolve

    parts = runs.parts(run, resolve({"state_dir": state_dir}).settings.state_dir)
    info = parts[0].assembly.run_info
    total = epochs_total or info.epochs_planned
    if total is None:
        raise click.UsageError(f"how many epochs {info.run_id} is to have is not on record: say it with --epochs")
    made = recorded_forecast(parts, epochs_total=total)
    if made is None:
        raise JournalError(f"{info.run_id} has no epoch of known energy yet: there is nothing to forecast from")
    if as_json:
        import json

        click.echo(json.dumps(made.to_dict(), indent=2, ensure_ascii=False))
        return
    _show(made, merge(parts).energy, title=f"{info.run_id}{f' ({info.name})' if info.name else ''}")


def _show(made: "Forecast", so_far: "EnergyUse", *, title: str) -> None:
    from carbonsdk import figures
    from carbonsdk.totals import line

    total, seen = figures.epochs(made.epochs_total), figures.epochs(made.epochs_seen)
    click.echo(click.style(f"{title}: forecast for {total}, {seen} seen", bold=True))
    click.echo(line("energy", f"{_between(made.energy_joules, figures.energy)}, {so_far.quality.value}"))
    click.echo(line("of which", f"{figures.energy(made.epochs_energy_joules.value)} in the epochs"))
    click.echo(line("time", _between(made.duration_s, figures.duration)))
    grams = made.co2eq_grams
    click.echo(line("CO2eq", "unknown: no intensity is known" if grams is None else _between(grams, figures.mass)))
    if so_far.joules and so_far.uncertainty_joules:
        doubt = figures.doubt(100 * so_far.uncertainty_joules / so_far.joules)
        click.echo(line("sensors", f"±{doubt}% besides, which is not in the intervals: what is measured may be so far off"))
    if made.reason:
        click.echo(line("rests on", made.reason))


def _between(estimate: "Estimate", written: "Callable[[float], str]") -> str:
    value, low, high = (written(each) for each in (estimate.value, estimate.low, estimate.high))
    return value if low == high else f"{value} ({low} to {high} at {estimate.level:.0%})"
