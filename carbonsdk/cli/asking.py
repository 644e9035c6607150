"""What commands that ask intensity services share."""

from typing import TYPE_CHECKING, Any

import click

from carbonsdk.cli.options import given

if TYPE_CHECKING:
    from carbonsdk.engine.inquiry import Inquiry
    from carbonsdk.model import Zone

SETTINGS = ("fetchers", "locate", "basis", "offline")


def inquiry(settings: dict[str, Any], *, zone: "Zone | None" = None) -> "Inquiry":
    """Return an inquiry with these settings, those of the environment and the files.

    Without a zone, here or there, this machine's is looked for.
    """
    from dataclasses import replace

    from carbonsdk.clock import SystemClock
    from carbonsdk.engine.inquiry import Inquiry
    from carbonsdk.engine.planning.feed_planner import feed_plan
    from carbonsdk.settings import resolve

    clock = SystemClock()
    plan = feed_plan(resolve(given(settings)), clock)
    return Inquiry(plan if zone is None else replace(plan, zone=zone), clock=clock)


def tell_complaints(asked: "Inquiry") -> None:
    """Say on standard error what went wrong on the way."""
    for complaint in asked.complaints:
        click.echo(f"carbonsdk: {complaint}", err=True)


def write_json(value: Any) -> None:
    """Write a value to standard output as JSON."""
    import json
    import sys

    from carbonsdk.model import jsonable

    # Piece by piece: a long report as one text would take as much room again.
    json.dump(jsonable(value), sys.stdout, indent=2, ensure_ascii=False)
    click.echo()
