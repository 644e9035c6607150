"""`carbonsdk runs reconcile`: the CO2eq of a run that is over."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carbonsdk.cli.asking import SETTINGS
from carbonsdk.cli.options import setting_options

if TYPE_CHECKING:
    from carbonsdk.engine.inquiry import Inquiry
    from carbonsdk.engine.inquiry.reconciliation import Reconciliation
    from carbonsdk.model import Zone
    from carbonsdk.reports import RunReport


@click.command("reconcile", short_help="Settle the CO2eq of a run that is over.")
@click.argument("run")
@click.option("--zone", metavar="ZONE", help="Where the run was; unset is what its record says.")
@click.option("--hypothetical", is_flag=True, help="Say what the run would have emitted in ZONE; change no record.")
@setting_options("state_dir", "intensity", *SETTINGS)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(run: str, zone: str | None, hypothetical: bool, as_json: bool, state_dir: Path | None, **settings: Any) -> None:
    """Fetch the carbon intensities of the time and place of RUN, and attach them to its record.

    For runs that were measured offline or live: hours past have settled values. The figures of the time stay in the record,
    and both are shown.

    \b
    carbonsdk runs reconcile 20260105-1200
    carbonsdk runs reconcile 20260105-1200 --zone SE --hypothetical
    """  # noqa: D301 - click reads the control character as "do not wrap"
    from carbonsdk.cli import asking
    from carbonsdk.engine.inquiry.reconciliation import reconcile
    from carbonsdk.settings import resolve

    if hypothetical and zone is None:
        raise click.UsageError("--hypothetical needs a --zone: where would it have been?")

    there = None if zone is None else asking.inquiry({**settings, "zone": zone})

    def ask(where: "Zone") -> "Inquiry":
        return there or asking.inquiry(settings, zone=where)

    directory = resolve({"state_dir": state_dir}).settings.state_dir
    done = reconcile(run, ask, zone=None if there is None else there.zone, directory=directory, write=not hypothetical)
    if as_json:
        asking.write_json(_as_json(done))
        return
    for complaint in done.complaints:
        click.echo(f"carbonsdk: {complaint}", err=True)
    _tell(done, new="had it been in" if hypothetical else "now, in")
    if done.written:
        click.echo("The record holds both; `carbonsdk runs show` shows the new figures.")
    elif not hypothetical:
        click.echo("The record is as it was: nothing is known that it does not hold already.")


def _tell(done: "Reconciliation", *, new: str) -> None:
    from carbonsdk import figures
    from carbonsdk.cli import tables

    report = done.after
    click.echo(f"{click.style(report.run_id, bold=True)}: {figures.measured_energy(report.energy)}")
    rows = [("at the time", done.original)]
    if done.before.carbon != done.original.carbon:
        rows.append(("until now", done.before))
    rows.append((f"{new} {', '.join(done.zones)}", done.after))
    headings = ("", "CO2eq", "gCO2eq/kWh", "From")
    tables.show(headings, [_row(label, report) for label, report in rows], right=headings[1:3])


def _row(label: str, report: "RunReport") -> tuple[str, str, str, str]:
    from carbonsdk import figures

    carbon = report.carbon
    mean = "unknown" if carbon.grams_per_kwh is None else f"{carbon.grams_per_kwh:.4g}"
    return (label, figures.mass(carbon.grams), mean, _sources(report) or carbon.reason or "")


def _sources(report: "RunReport") -> str:
    """Return who says so, the largest share first, each with its share of the energy and what kind its values are."""
    joules: dict[str, float] = {}
    for value, share in report.carbon.parts:
        kind = "settled" if value.settled else "estimated" if value.estimated else "fallback" if value.fallback else ""
        source = f"{value.source}{f' ({kind})' if kind else ''}"
        joules[source] = joules.get(source, 0.0) + share
    total = sum(joules.values())
    ordered = sorted(joules.items(), key=lambda each: -each[1])
    return "; ".join(f"{share / total:.0%} {source}" if total and len(ordered) > 1 else source for source, share in ordered)


def _as_json(done: "Reconciliation") -> dict[str, Any]:
    figures = {"original": done.original, "before": done.before, "after": done.after}
    return {
        "run_id": done.after.run_id,
        "zones": done.zones,
        "written": done.written,
        "energy_joules": done.after.energy.joules,
        "complaints": done.complaints,
        **{name: {"co2eq_grams": report.co2eq_grams, "carbon": report.carbon} for name, report in figures.items()},
    }
