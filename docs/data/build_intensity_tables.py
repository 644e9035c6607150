"""Write the tables in `carbonsdk/intensity/data` from the files that they are made of.

    python docs/data/build_intensity_tables.py

The figures' sources are the files beside this one, the time zones' are the machine's; options name others. `countries.csv` has
alpha2, alpha3, name, year, g_per_kwh: Our World in Data's "carbon intensity of electricity", the newest year of each country.
Other years, and countries that it lacks, come from `carbon-intensity-electricity.csv`, which has the columns of Our World in
Data's own download. `cloud_regions.csv` has provider, region, location, g_per_kwh, year_or_source. What makes no sense is left
out, and said so on standard error. `cloud_zones.csv` is kept by hand.
"""

import argparse
import csv
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from statistics import fmean

TABLES = Path(__file__).resolve().parents[2] / "carbonsdk" / "intensity" / "data"
HERE = Path(__file__).parent
SOURCES = {
    "--countries": HERE / "countries.csv",
    "--years": HERE / "carbon-intensity-electricity.csv",
    "--cloud-regions": HERE / "cloud_regions.csv",
    "--zone-tab": Path("/usr/share/zoneinfo/zone.tab"),
    "--tzdata": Path("/usr/share/zoneinfo/tzdata.zi"),
}
COLUMNS = ("key", "name", "grams_per_kwh", "basis", "year", "source", "note")
MOST_GRAMS_PER_KWH = 1500.0  # burning lignite in an old plant is about 1,200; more is a slip of units
OLDEST_YEAR = 2015

Row = dict[str, object]

OWID = "Ember and Energy Institute, via Our World in Data (CC BY 4.0)"
CCF = "compiled by Cloud Carbon Footprint (Apache-2.0)"
# Cloud Carbon Footprint's methodology of 2021 names eGRID2019 and carbonfootprint.com's list "for 2020 electricity"; it says
# of all its factors that they are of years before 2020. The later rows of the EEA's are of its edition of 2021.
CLOUD_SOURCES = {
    "2024": ("Google Cloud region table 2024 (Apache-2.0)", 2024),
    "EPA": (f"US EPA eGRID2019, by NERC region, {CCF}", 2019),
    "EEA": (f"European Environment Agency, {CCF}", 2019),
    "EMA Singapore": (f"Energy Market Authority of Singapore, {CCF}", 2019),
    "carbonfootprint.com": (f"carbonfootprint.com, {CCF}", 2020),
}
LATER = {"azure/francecentral": 2021, "azure/belgiumcentral": 2021, "azure/swedencentral": 2021}
INFERRED = {"EEA", "EMA Singapore"}
WORLD: tuple[Row, ...] = (
    {
        "key": "WORLD",
        "name": "World",
        "grams_per_kwh": 473.0,
        "basis": "lifecycle",
        "year": 2024,
        "source": "Ember, Global Electricity Review 2025",
        "note": "world average",
    },
    {
        "key": "WORLD",
        "name": "World",
        "grams_per_kwh": 445.0,
        "basis": "direct",
        "year": 2024,
        "source": "IEA, Electricity 2025",
        "note": "world average",
    },
)
# Of these Our World in Data has figures and `countries.csv` has none: "NA" is easily read as nothing.
FURTHER = {"NAM": "NA", "OWID_KOS": "XK", "OWID_WRL": "WORLD"}
# Old names that tzdata points across a border.
ALIASES_ABROAD = {
    "Africa/Asmera": "ER",
    "Africa/Timbuktu": "ML",
    "America/Coral_Harbour": "CA",
    "America/Virgin": "VI",
    "Antarctica/South_Pole": "AQ",
    "Atlantic/Jan_Mayen": "SJ",
    "Iceland": "IS",
    "Pacific/Ponape": "FM",
    "Pacific/Truk": "FM",
    "Pacific/Yap": "FM",
}


def countries(path: Path) -> Iterator[Row]:
    """Yield a row a country; leave out what is 0 (a rounding of almost nothing) or older than the oldest year."""
    for row in _rows(path):
        grams, year = float(row["g_per_kwh"]), int(row["year"])
        if _sane(row["name"], grams) and (year >= OLDEST_YEAR or _left_out(row["name"], f"of {year}")):
            yield {
                "key": row["alpha2"],
                "name": row["name"],
                "grams_per_kwh": grams,
                "basis": "lifecycle",
                "year": year,
                "source": OWID,
                "note": "",
            }


def other_years(path: Path, codes: Mapping[str, str], known: Collection[tuple[str, int]]) -> Iterator[Row]:
    """Yield a row a country and year that is not `known`; `codes` are the countries' two letters by their three."""
    for row in _rows(path):
        code, year = codes.get(row["Code"]), int(row["Year"])
        grams = float(row[next(reversed(row))])
        if code and year >= OLDEST_YEAR and (code, year) not in known and _sane(f"{row['Entity']} {year}", grams):
            yield {
                "key": code,
                "name": row["Entity"],
                "grams_per_kwh": grams,
                "basis": "lifecycle",
                "year": year,
                "source": OWID,
                "note": "world average" if code == "WORLD" else "",
            }


def cloud_regions(path: Path) -> Iterator[Row]:
    """Yield a row a region. Google's figure is of operational emissions, so all of them are direct."""
    for row in _rows(path):
        source, year = CLOUD_SOURCES[row["year_or_source"]]
        region = row["region"].lower().replace(" ", "")  # Azure's metadata says "westeurope"
        key = f"{row['provider']}/{region}"
        if _sane(key, grams := float(row["g_per_kwh"])):
            yield {
                "key": key,
                "name": row["location"],
                "grams_per_kwh": grams,
                "basis": "direct",
                "year": LATER.get(key, year),
                "source": source,
                "note": "the year is inferred" if row["year_or_source"] in INFERRED else "",
            }


def providers(regions: Iterable[Row]) -> Iterator[Row]:
    """Yield the plain mean over each provider's regions, for a region that is not in the table."""
    by_provider: dict[str, list[Row]] = {}
    for row in regions:
        by_provider.setdefault(str(row["key"]).partition("/")[0], []).append(row)
    for provider, rows in by_provider.items():
        years = sorted({int(str(row["year"])) for row in rows})
        yield {
            "key": provider,
            "name": f"mean of {provider} regions",
            "grams_per_kwh": round(fmean(float(str(row["grams_per_kwh"])) for row in rows), 1),
            "basis": "direct",
            "year": years[-1],
            "source": "; ".join(dict.fromkeys(str(row["source"]).removesuffix(f", {CCF}") for row in rows)),
            "note": f"plain mean over {len(rows)} regions, of {' to '.join(dict.fromkeys(map(str, (years[0], years[-1]))))}",
        }


def time_zones(zone_tab: Path, tzdata: Path) -> Iterator[Row]:
    """Yield the country of every IANA time zone that has one, old names included."""
    country_of = {fields[2]: fields[0] for fields in _fields(zone_tab, "\t") if not fields[0].startswith("#")}
    links = ((fields[2], fields[1]) for fields in _fields(tzdata, " ") if fields[0] == "L")
    aliases = {alias: country_of[target] for alias, target in links if target in country_of and alias not in country_of}
    for name, country in sorted((country_of | aliases | ALIASES_ABROAD).items()):
        yield {"time_zone": name, "country": country}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _fields(path: Path, separator: str) -> Iterator[list[str]]:
    yield from (line.split(separator) for line in path.read_text(encoding="utf-8").splitlines() if line)


def _sane(what: str, grams: float) -> bool:
    return 0 < grams < MOST_GRAMS_PER_KWH or _left_out(what, f"{grams} g/kWh")


def _left_out(what: str, why: str) -> bool:
    sys.stderr.write(f"left out: {what} ({why})\n")
    return False


def _write(name: str, columns: Iterable[str], rows: Iterable[Row]) -> None:
    with (TABLES / name).open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Read the sources that the command line names, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for option, source in SOURCES.items():
        parser.add_argument(option, type=Path, default=source)
    sources = parser.parse_args()
    regions = list(cloud_regions(sources.cloud_regions))
    newest = list(countries(sources.countries))
    codes = {row["alpha3"]: row["alpha2"] for row in _rows(sources.countries)} | FURTHER
    known = {(str(row["key"]), int(str(row["year"]))) for row in (*newest, *WORLD)}
    others = list(other_years(sources.years, codes, known))
    places = [row for row in (*newest, *others) if row["key"] != "WORLD"]
    _write("countries.csv", COLUMNS, sorted(places, key=lambda row: (str(row["key"]), row["year"])))
    _write("cloud_regions.csv", COLUMNS, regions)
    world = sorted((*WORLD, *(row for row in others if row["key"] == "WORLD")), key=lambda row: str(row["year"]))
    _write("averages.csv", COLUMNS, (*providers(regions), *world))
    _write("time_zones.csv", ("time_zone", "country"), time_zones(sources.zone_tab, sources.tzdata))


if __name__ == "__main__":
    main()
