"""`carbonsdk baseline`: measure what this machine draws at rest, so that reports can tell what a run adds to it."""

from typing import TYPE_CHECKING, Any

import click

from carbonsdk.cli.options import given, setting_options

if TYPE_CHECKING:
    from carbonsdk.engine.idle import IdleDevice


@click.command("baseline", short_help="Measure what this machine draws at rest.")
@click.option("--seconds", type=click.FloatRange(min=1.0), default=60.0, show_default=True, help="How long to measure.")
@click.option("--anyway", is_flag=True, help="Keep what was measured while the machine was not at rest, marked as such.")
@setting_options("backends", "components", "state_dir")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(seconds: float, anyway: bool, as_json: bool, **settings: Any) -> None:
    """Measure the idle power of each device, and keep it for the reports of later runs.

    Leave the machine alone meanwhile. A device that is at work, or whose power moves, is not kept, and the exit code is 1;
    `--anyway` keeps it with a mark that reports show. Runs that begin later tell their energy above idle as well, and
    scope=process with share_policy=active takes the idle power off.
    """
    from carbonsdk.engine.baselines import keep, prepare
    from carbonsdk.engine.idle import measure_idle
    from carbonsdk.settings import resolve

    call = given(settings)
    place = resolve(call).settings.state_dir
    path = prepare(place)  # a minute of measuring would be lost later
    if not as_json:
        click.echo(f"Measuring for {seconds:g} s; leave the machine alone.", err=True)
    found = [each for each in measure_idle(call, seconds=seconds) if not each.device.simulated]
    kept = [each for each in found if each.baseline is not None and (anyway or not each.objections)]
    if kept:
        path = keep([(each.device, each.baseline) for each in kept if each.baseline is not None], place)
    if as_json:
        _write_json(found, kept, str(path))
    else:
        _show(found, kept, str(path))
    if not kept or len(kept) < sum(each.baseline is not None for each in found):
        raise click.exceptions.Exit(1)


def _show(found: "list[IdleDevice]", kept: "list[IdleDevice]", path: str) -> None:
    from carbonsdk import figures

    for each, name in zip(found, figures.names(each.device for each in found), strict=True):
        device = each.device
        power = "unknown" if each.baseline is None else f"{each.baseline.watts:.3g} W"
        verdict = "kept" if each in kept else "not kept"
        against = f"{', though' if each in kept else ':'} {'; '.join(each.objections)}" if each.objections else ""
        sensor = f"{device.sensor.quality} by {device.sensor.method}"
        click.echo(f"{device.kind:<7} {name}: {power}, {sensor}; {verdict}{against}")
    if not found:
        click.echo("Nothing here can be measured; `carbonsdk doctor` tells why, and what to do.")
    if kept:
        together = sum(each.baseline.watts for each in kept if each.baseline is not None)
        click.echo(f"Together {together:.4g} W.")
        click.echo(f"Kept in {path}; runs that begin from now on show their energy above it.")
    if any(each.baseline is not None and each not in kept for each in found):
        click.echo("Try again when the machine is at rest, or keep the figures with a mark by --anyway.")


def _write_json(found: "list[IdleDevice]", kept: "list[IdleDevice]", path: str) -> None:
    import json

    from carbonsdk.model import jsonable

    devices = [{**jsonable(each), "kept": each in kept} for each in found]
    click.echo(json.dumps({"devices": devices, "path": path}, indent=2, ensure_ascii=False))
