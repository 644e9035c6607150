"""Which hours of a run had settled values, live ones or a stand-in: `carbonsdk runs show`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import click

from carbonsdk import units

if TYPE_CHECKING:
    from carbonsdk.model import CarbonIntensity, CarbonUse
    from carbonsdk.reports import RunReport

_MOST = 24


class Stretch(NamedTuple):
    """Neighbouring values of one source and one kind, and the energy that fell under them."""

    start: datetime
    end: datetime
    grams_per_kwh: float
    joules: float
    kind: str
    source: str


def show(report: "RunReport") -> None:
    """Write a line for each stretch of values of one kind, the marginal ones apart; nothing where one average holds."""
    from carbonsdk import figures
    from carbonsdk.cli import quantities, tables

    for title, use in (("Intensity", report.carbon), ("Marginal", report.marginal)):
        found = [] if use is None else stretches(use, start=report.start, end=report.end)
        if not found or {stretch.kind.partition(",")[0] for stretch in found} == {"average"}:
            continue
        newest = found[-_MOST:]
        times = quantities.clocks([at for each in newest for at in (each.start, each.end)], "%Y-%m-%d %H:%M")
        rows = [
            (start, end, f"{each.grams_per_kwh:.4g}", figures.energy(each.joules), each.kind, each.source)
            for start, end, each in zip(times[::2], times[1::2], newest, strict=True)
        ]
        tables.show((title, "until", "gCO2eq/kWh", "Energy", "Values", "Source"), rows, right=("gCO2eq/kWh", "Energy"))
        if len(found) > _MOST:
            click.echo(f"{len(found) - _MOST} earlier stretches are left out: `--json` has every value.", err=True)


def stretches(use: "CarbonUse", *, start: datetime, end: datetime) -> list[Stretch]:
    """Return what an interval's CO2eq is made of, in order of time, neighbours of one source and kind as one."""
    from carbonsdk import figures

    ordered = sorted(use.parts, key=lambda part: part[0].start or datetime.min.replace(tzinfo=UTC))
    groups = groupby(ordered, key=lambda part: (figures.kind(part[0]), figures.source(part[0])))
    return [_stretch(parts, kind, source, within=(start, end)) for (kind, source), parts in groups]


def _stretch(
    parts: "Iterable[tuple[CarbonIntensity, float]]", kind: str, source: str, *, within: tuple[datetime, datetime]
) -> Stretch:
    values = list(parts)
    joules = sum(share for _, share in values)
    kwh = units.kwh(joules)
    grams = sum(units.grams(share, value.grams_per_kwh) for value, share in values)
    return Stretch(
        max(values[0][0].start or within[0], within[0]),
        min(values[-1][0].end or within[1], within[1]),
        grams / kwh if kwh else values[0][0].grams_per_kwh,
        joules,
        kind,
        source,
    )
