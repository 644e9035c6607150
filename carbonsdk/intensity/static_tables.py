"""What the tables know of a zone."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
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
    """An `IntensityFetcher` over the tables, with the averages of past years.

    The nearest place wins: cloud region, country, provider, world. An answer is a fallback if it is of a larger place than
    the one asked for, of a basis that was not asked for, or of a place that is only guessed; its note says which. Where no
    basis was asked for lifecycle comes first.
    """

    def __init__(self, basis: Basis | None = None) -> None:
        self._asked = basis
        self._basis = basis or Basis.LIFECYCLE

    def covers(self, zone: Zone) -> bool:  # noqa: ARG002 - the world is always there
        """Say yes: there is the world's average at least."""
        return True

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the newest annual average of the nearest place that a table has; open in time."""
        return self._value(zone, *self._nearest(zone))

    def history(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return the average of each year that [start, end) touches: the newest is open in time, and so holds from then on.

        A year that a table lacks has the figure of the one nearest to it.
        """
        newest = self.current(zone)
        first, last = start.astimezone(UTC).year, (end - timedelta.resolution).astimezone(UTC).year
        values = [
            replace(self._value(zone, *self._nearest(zone, year)), start=_new_year(year), end=_new_year(year + 1))
            for year in range(first, min(last + 1, newest.year or first))
        ]
        return values if values and last < (newest.year or first) else [*values, newest]

    def _value(self, zone: Zone, figure: Figure, shortcoming: str | None) -> CarbonIntensity:
        notes = [figure.note] if figure.note else []
        if shortcoming:
            notes.append(shortcoming)
        other = self._asked is not None and figure.basis != self._asked
        if other:
            notes.append(f"{figure.basis} emissions, {self._asked} ones are not known for it")
        if zone.guess:
            notes.append(f"the place is guessed from the {zone.found_by}")
        return CarbonIntensity(
            grams_per_kwh=figure.grams_per_kwh,
            zone=figure.key,
            source=f"{figure.name} {figure.year}, {figure.source}",
            basis=figure.basis,
            year=figure.year,
            fallback=bool(shortcoming) or other or zone.guess,
            note="; ".join(notes) or None,
        )

    def _nearest(self, zone: Zone, year: int | None = None) -> tuple[Figure, str | None]:
        """Return a figure, of a year or else the newest, and in what it falls short of what was asked."""
        region = _region_key(zone)
        if region and (figure := self._of("cloud_regions.csv", region, year)):
            return figure, None
        key = _ALIASES.get(zone.key.upper(), zone.key.upper())
        head = zone.country or key
        wanted = region or (zone.label if key == WORLD else key)
        if country := self._of("countries.csv", _ALIASES.get(head, head), year):
            return country, None if country.key == wanted else f"the average of {country.name}, for want of one of {wanted}"
        if zone.cloud_provider and (mean := self._of("averages.csv", zone.cloud_provider.lower(), year)):
            return mean, f"the mean of the provider's regions, for want of one of {region or 'this one'}"
        world = self._of("averages.csv", WORLD, year)
        if world is None:
            raise LookupError(f"{_DATA / 'averages.csv'} has no row {WORLD}: install carbonsdk anew")
        if zone.found_by == NOBODY:
            return world, "the place is not known"
        return world, None if wanted == WORLD else f"no figure of {zone.label} is known{_hint(zone)}"

    def _of(self, table: str, key: str, year: int | None) -> Figure | None:
        """Return the figure nearest to a year, else the newest; one of the preferred basis if there is any."""

        def worth(figure: Figure) -> tuple[bool, int, int]:
            return figure.basis == self._basis, 0 if year is None else -abs(figure.year - year), figure.year

        return max(_figures(table, key), key=worth, default=None)


def _region_key(zone: Zone) -> str | None:
    if not (zone.cloud_provider and zone.cloud_region):
        return None
    # Azure shows people "West Europe" and machines "westeurope".
    return f"{zone.cloud_provider.lower()}/{zone.cloud_region.lower().replace(' ', '')}"


def _hint(zone: Zone) -> str:
    """Return which zones were perhaps meant by a country's or a cloud region's name, or by another code of a country."""
    if zone.latitude is not None:
        return "; it takes electricitymaps, with a token, to find the grid of coordinates"
    from difflib import get_close_matches

    told = zone.key.strip().casefold()
    region = told.replace(" ", "").replace(":", "/").rpartition("/")[2]
    meant = [row["zone"] for row in table("cloud_zones.csv") if row["region"] == region]
    if not meant:
        names = {row["name"].casefold(): row["key"] for row in table("countries.csv")}
        meant = [names[name] for name in get_close_matches(told, names, 1, 0.8)]
        meant = meant or get_close_matches(told.upper(), names.values(), 2, 0.8)
    return f"; did you mean {' or '.join(dict.fromkeys(meant))}?" if meant else ""


@cache
def _figures(name: str, key: str) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            row["key"],
            row["name"],
            float(row["grams_per_kwh"]),
            Basis(row["basis"]),
            int(row["year"]),
            row["source"],
            row["note"],
        )
        for row in table(name, key)
        if row["key"] == key
    )


def table(name: str, key: str | None = None) -> Iterator[dict[str, str]]:
    """Yield the rows of one of the package's tables, or those alone that begin with a key."""
    with (_DATA / name).open(encoding="utf-8", newline="") as lines:
        header = next(lines)
        # Reading a thousand rows for the five of a country would take a short run's time.
        yield from csv.DictReader([header, *(line for line in lines if key is None or line.startswith(f"{key},"))])


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
