"""Every hook. Implementations return registrations, touch neither hardware nor network, and may take fewer arguments."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from carbonsdk.interfaces import Backend, IntensityFetcher, Locator, Registration, Sink

if TYPE_CHECKING:
    import click

PROJECT = "carbonsdk"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def carbonsdk_backends() -> Iterable[Registration[Backend]]:  # type: ignore[empty-body]
    """Register hardware backends; must not touch hardware."""


@hookspec
def carbonsdk_intensity_fetchers() -> Iterable[Registration[IntensityFetcher]]:  # type: ignore[empty-body]
    """Register sources of carbon intensity; must not touch the network."""


@hookspec
def carbonsdk_locators() -> Iterable[Registration[Locator]]:  # type: ignore[empty-body]
    """Register ways to find the zone that the machine stands in; must not touch the network."""


@hookspec
def carbonsdk_sinks() -> Iterable[Registration[Sink]]:  # type: ignore[empty-body]
    """Register places that events go to; must not open files or sockets."""


@hookspec
def carbonsdk_commands(cli: "click.Group") -> None:
    """Add subcommands to the `carbonsdk` command line."""
