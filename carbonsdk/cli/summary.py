"""A run's report as a person reads it at the end of a command: the totals, as the console sink has them, and the warnings."""

import click

from carbonsdk.reports import RunReport
from carbonsdk.totals import line, totals


def show(report: RunReport, *, title: str, err: bool = False) -> None:
    """Write a title, the totals and what there was to warn of."""
    click.echo(click.style(title, bold=True), err=err)
    click.echo(totals(report, interpretable=False), err=err)
    for warning in report.warnings:
        click.echo(line("warning", warning), err=err)
