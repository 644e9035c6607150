"""What the tables know of a zone."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from carbonsdk.plugin import Basis, CarbonIntensity, Zone

_DATA = Path(__file__).parent / "data"
WORLD = "WORLD"
NOBODY = "nobody"  # who found a zone that nobody found
_ALIASES = {"UK": "GB", "EL": "GR"}  # what the United Kingdom and the European Union write


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of a table: an annual average, who says so, and of which year."""

    key: str
    name: str
    grams_per_kwh: float
    basis: Basis
    year: int
    source: str
    note: str


class StaticTables:
    """An `IntensityFetcher` over the tables.

    The nearest place wins: cloud region, country, provider, world. An answer is a fallback if it is of a larger place than
    the one asked for, of the other basis, or of a place that is only guessed; its note says which.
    """

    def __init__(self, basis: Basis = Basis.LIFECYCLE) -> None:
        self._basis = basis

    def covers(self, zone: Zone) -> bool:  # noqa: ARG002 - the world is always there
        """Say yes: there is the world's average at least."""
        return True

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the newest annual average of the nearest place that a table has; open in time."""
        figure, shortcoming = self._nearest(zone)
        notes = [figure.note] if figure.note else []
        if shortcoming:
            notes.append(shortcoming)
        if figure.basis != self._basis:
            notes.append(f"{figure.basis} emissions, {self._basis} ones are not known for it")
        if zone.guess:
            notes.append(f"the place is guessed from the {zone.found_by}")
        return CarbonIntensity(
            grams_per_kwh=figure.grams_per_kwh,
            zone=figure.key,
            source=f"{figure.name} {figure.year}, {figure.source}",
            basis=figure.basis,
            year=figure.year,
            fallback=bool(shortcoming) or figure.basis != self._basis or zone.guess,
            note="; ".join(notes) or None,
        )

    def _nearest(self, zone: Zone) -> tuple[Figure, str | None]:
        """Return a figure, and in what it falls short of what was asked."""
        region = _region_key(zone)
        if region and (figure := self._of("cloud_regions.csv", region)):
            return figure, None
        key = _ALIASES.get(zone.key.upper(), zone.key.upper())
        head = zone.country or key
        wanted = region or key
        if country := self._of("countries.csv", _ALIASES.get(head, head)):
            return country, None if country.key == wanted else f"the average of {country.name}, for want of one of {wanted}"
        if zone.cloud_provider and (mean := self._of("averages.csv", zone.cloud_provider.lower())):
            return mean, f"the mean of the provider's regions, for want of one of {region or 'this one'}"
        world = self._of("averages.csv", WORLD)
        if world is None:
            raise LookupError(f"{_DATA / 'averages.csv'} has no row {WORLD}: install carbonsdk anew")
        if zone.found_by == NOBODY:
            return world, "the place is not known"
        return world, None if key == WORLD else f"the world's average, for want of one of {wanted}{_hint(zone.key)}"

    def _of(self, table: str, key: str) -> Figure | None:
        """Return the newest figure of the basis asked for, else the newest."""
        found = _tables(table).get(key, ())
        return max(found, key=lambda figure: (figure.basis == self._basis, figure.year), default=None)


def _region_key(zone: Zone) -> str | None:
    if not (zone.cloud_provider and zone.cloud_region):
        return None
    # Azure shows people "West Europe" and machines "westeurope".
    return f"{zone.cloud_provider.lower()}/{zone.cloud_region.lower().replace(' ', '')}"


def _hint(key: str) -> str:
    """Return which zones were perhaps meant by a country's or a cloud region's name, or by another code of a country."""
    from difflib import get_close_matches

    told = key.strip().casefold()
    region = told.replace(" ", "").replace(":", "/").rpartition("/")[2]
    meant = [row["zone"] for row in table("cloud_zones.csv") if row["region"] == region]
    if not meant:
        names = {figures[-1].name.casefold(): code for code, figures in _tables("countries.csv").items()}
        meant = [names[name] for name in get_close_matches(told, names, 1, 0.8)]
        meant = meant or get_close_matches(told.upper(), names.values(), 2, 0.8)
    return f"; did you mean {' or '.join(dict.fromkeys(meant))}?" if meant else ""


@cache
def _tables(name: str) -> Mapping[str, tuple[Figure, ...]]:
    figures: dict[str, tuple[Figure, ...]] = {}
    for figure in _figures(name):
        figures[figure.key] = (*figures.get(figure.key, ()), figure)
    return figures


def _figures(name: str) -> Iterator[Figure]:
    for row in table(name):
        yield Figure(
            row["key"],
            row["name"],
            float(row["grams_per_kwh"]),
            Basis(row["basis"]),
            int(row["year"]),
            row["source"],
            row["note"],
        )


def table(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one of the package's tables."""
    with (_DATA / name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
