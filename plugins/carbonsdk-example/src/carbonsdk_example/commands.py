"""The command `carbonsdk example`."""

from pathlib import Path

import click

from carbonsdk.plugin import CarbonSDKError
from carbonsdk_example import MeterSettings
from carbonsdk_example.meter import Meter


@click.command("example")
@click.option("--path", type=click.Path(path_type=Path), default=MeterSettings().path, show_default=True)
def command(path: Path) -> None:
    """Show what the power meter reads now."""
    meter = Meter(path, bias=MeterSettings().bias)
    try:
        for device in meter.open():
            click.echo(f"{device.name}: {meter.read(device).watts:g} W")
    except CarbonSDKError as error:
        raise click.ClickException(str(error)) from error
    finally:
        meter.close()
