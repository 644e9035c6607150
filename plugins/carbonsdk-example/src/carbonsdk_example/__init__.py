"""Everything that the plugin `example` offers to carbonsdk, as data. Nothing here touches hardware, network or files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carbonsdk.plugin import (
    Backend,
    Context,
    DeviceKind,
    IntensityFetcher,
    Locator,
    Registration,
    Secret,
    Sink,
    hookimpl,
)

if TYPE_CHECKING:
    import click


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """`path` is the file that the meter writes its watts to; `bias` its relative error, as its data sheet says."""

    path: Path = Path("/run/example/watts")
    bias: float = 0.05


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """`url` is asked for the intensity of `zones`, with `token` where it wants one. Without zones it is never asked."""

    url: str = "http://localhost:8000/intensity"
    zones: tuple[str, ...] = ()
    token: Secret | None = None


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """`path` is a text file that holds the key of the zone."""

    path: Path = Path("/etc/example/zone")


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """`path` is the text file that gets a line an epoch."""

    path: Path = Path("example.txt")


def _meter(context: Context) -> Backend:
    from carbonsdk_example.meter import Meter

    return Meter(context.settings.path, bias=context.settings.bias)


def _service(context: Context) -> IntensityFetcher:
    from carbonsdk_example.service import Service

    return Service(context.settings, clock=context.clock, http=context.http)


def _site(context: Context) -> Locator:
    from carbonsdk_example.site import Site

    return Site(context.settings.path)


def _board(context: Context) -> Sink:
    from carbonsdk_example.board import Board

    return Board(context.settings.path)


@hookimpl
def carbonsdk_backends() -> list[Registration[Backend]]:
    """Register the meter: a power sensor, read in a moment."""
    return [
        Registration(
            name="example",
            factory=_meter,
            settings=MeterSettings,
            preference=50,
            inline=True,
            kinds=frozenset({DeviceKind.NODE}),
            summary="the watts that a power meter writes to a file",
        )
    ]


@hookimpl
def carbonsdk_intensity_fetchers() -> list[Registration[IntensityFetcher]]:
    """Register the service."""
    return [
        Registration(
            name="example",
            factory=_service,
            settings=ServiceSettings,
            preference=100,
            summary="the carbon intensity that a web service answers",
        )
    ]


@hookimpl
def carbonsdk_locators() -> list[Registration[Locator]]:
    """Register the site."""
    return [
        Registration(
            name="example",
            factory=_site,
            settings=SiteSettings,
            preference=100,
            summary="the zone that a file on this machine names",
        )
    ]


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the board; it is used only when it is named."""
    return [
        Registration(
            name="example",
            factory=_board,
            settings=BoardSettings,
            automatic=False,
            summary="a text file with a line an epoch",
        )
    ]


@hookimpl
def carbonsdk_commands(cli: "click.Group") -> None:
    """Add `carbonsdk example`."""
    from carbonsdk_example.commands import command

    cli.add_command(command, "example")
