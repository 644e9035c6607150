"""The tables in the package, and what they answer."""

import csv
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.services import hour

import carbonsdk.intensity
from carbonsdk.intensity import static
from carbonsdk.intensity.static_tables import StaticTables
from carbonsdk.plugin import Basis, Signal, Zone
from carbonsdk.testing import check_fetcher

DATA = Path(carbonsdk.intensity.__file__).parent / "data"
BUILDER = Path(__file__).parents[2] / "docs" / "data" / "build_intensity_tables.py"
FIGURES = ["countries.csv", "cloud_regions.csv", "averages.csv"]


def rows(name):
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def ask(key, **more):
    return StaticTables().current(Zone(key=key, **more))


@pytest.mark.parametrize("year", [2021, 2026])
def test_the_tables_keep_the_promises_of_a_fetcher(year):
    check_fetcher(StaticTables, zone=Zone(key="DE"), at=datetime(year, 1, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", FIGURES)
def test_every_row_is_sane_and_says_its_year_source_and_basis(name):
    for row in rows(name):
        assert 0 < float(row["grams_per_kwh"]) < 1500, row
        assert 2015 <= int(row["year"]) <= 2026, row
        assert row["source"], row
        assert row["basis"] in {"lifecycle", "direct"}, row


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_stands_twice(name):
    keys = [(row["key"], row["basis"], row["year"]) for row in rows(name)]
    assert len(keys) == len(set(keys))


def test_the_tables_have_the_size_of_the_world():
    assert len(rows("countries.csv")) > 200
    assert len(rows("cloud_regions.csv")) > 85


def test_every_cloud_region_with_a_figure_has_a_zone():
    zones = {f"{row['provider']}/{row['region']}" for row in rows("cloud_zones.csv")}
    assert {row["key"] for row in rows("cloud_regions.csv")} <= zones


def test_every_country_of_a_time_zone_is_written_as_two_letters():
    assert all(len(row["country"]) == 2 and row["country"].isupper() for row in rows("time_zones.csv"))


def test_a_country_has_its_own_figure():
    germany = ask("DE")
    assert (germany.grams_per_kwh, germany.year, germany.basis) == (344.1, 2024, Basis.LIFECYCLE)
    assert germany.zone == "DE"
    assert germany.source == "Germany 2024, Ember and Energy Institute, via Our World in Data (CC BY 4.0)"
    assert (germany.fallback, germany.signal, germany.start, germany.end) == (False, Signal.AVERAGE, None, None)


def test_the_case_of_a_key_does_not_matter():
    assert ask("de").grams_per_kwh == 344.1


def test_the_united_kingdom_goes_by_both_its_names():
    assert ask("UK") == ask("GB")


def test_a_part_of_a_country_falls_back_on_the_country_and_says_so():
    california = ask("US-CAL-CISO")
    assert california.grams_per_kwh == 383.5
    assert california.fallback
    assert california.note == "the average of United States, for want of one of US-CAL-CISO"


def test_a_guessed_country_is_a_fallback_that_says_how_it_was_guessed():
    guessed = ask("DE", found_by="time zone", guess=True)
    assert guessed.fallback
    assert guessed.note == "the place is guessed from the time zone"


def test_a_cloud_region_wins_over_its_country():
    frankfurt = ask("DE", cloud_provider="gcp", cloud_region="europe-west3")
    assert (frankfurt.grams_per_kwh, frankfurt.basis, frankfurt.year) == (275.82, Basis.DIRECT, 2024)
    assert (frankfurt.fallback, frankfurt.note) == (False, None)  # no basis was asked for


def test_a_cloud_region_of_another_basis_than_the_one_asked_for_says_so():
    region = Zone(key="DE", cloud_provider="gcp", cloud_region="europe-west3")
    frankfurt = StaticTables(basis=Basis.LIFECYCLE).current(region)
    assert frankfurt.fallback
    assert frankfurt.note == "direct emissions, lifecycle ones are not known for it"


def test_a_cloud_region_is_no_fallback_where_direct_emissions_are_asked_for():
    ohio = StaticTables(basis=Basis.DIRECT).current(Zone(key="US", cloud_provider="aws", cloud_region="us-east-2"))
    assert (ohio.grams_per_kwh, ohio.fallback) == (440.2, False)


def test_azure_regions_are_found_as_people_and_as_machines_write_them():
    people = ask("NL", cloud_provider="azure", cloud_region="West Europe")
    machines = ask("NL", cloud_provider="azure", cloud_region="westeurope")
    assert people == machines
    assert people.grams_per_kwh == 390.0


def test_a_region_whose_published_figure_makes_no_sense_has_its_countrys():
    frankfurt = ask("DE", cloud_provider="azure", cloud_region="germanywestcentral")
    assert frankfurt.grams_per_kwh == 344.1
    assert frankfurt.note == "the average of Germany, for want of one of azure/germanywestcentral"


def test_an_unknown_region_in_an_unknown_country_has_the_providers_mean():
    somewhere = ask("WORLD", cloud_provider="gcp", cloud_region="moon-west1")
    assert somewhere.grams_per_kwh == 310.1
    assert somewhere.fallback
    assert "plain mean over 44 regions" in somewhere.note


def test_an_unknown_place_has_the_worlds_average_labelled():
    nowhere = ask("XX-NOWHERE")
    assert (nowhere.grams_per_kwh, nowhere.zone, nowhere.year) == (473.0, "WORLD", 2024)
    assert nowhere.fallback
    assert nowhere.note == "world average; no figure of XX-NOWHERE is known"


@pytest.mark.parametrize(
    ("told", "meant"),
    [("Denmark", "DK"), ("denmrk", "DK"), ("DNK", "DK"), ("eu-west-1", "IE"), ("aws:eu-west-1", "IE"), ("West Europe", "NL")],
)
def test_a_country_s_or_cloud_region_s_name_in_place_of_a_zone_is_answered_with_the_zone_s_key(told, meant):
    assert ask(told).note.endswith(f"; did you mean {meant}?")


def test_a_place_that_nobody_found_has_the_worlds_average_labelled():
    nowhere = ask("WORLD", found_by="nobody")
    assert nowhere.fallback
    assert "the place is not known" in nowhere.note


def test_the_worlds_average_follows_the_basis():
    assert StaticTables(basis=Basis.DIRECT).current(Zone(key="WORLD")).grams_per_kwh == 445.0


def test_a_country_without_a_direct_figure_answers_with_its_lifecycle_one_labelled():
    germany = StaticTables(basis=Basis.DIRECT).current(Zone(key="DE"))
    assert (germany.grams_per_kwh, germany.basis, germany.fallback) == (344.1, Basis.LIFECYCLE, True)


def test_the_hook_registers_the_tables_without_reading_them():
    (registration,) = static.carbonsdk_intensity_fetchers()
    assert (registration.name, registration.preference, registration.inline) == ("static", 10, True)


@pytest.fixture
def build(tmp_path):
    """Run a copy of the builder beside a copy of its sources, but for those given; return its folder and what it said."""
    shutil.copytree(BUILDER.parent, tmp_path / "docs" / "data")
    written = tmp_path / "carbonsdk" / "intensity" / "data"
    written.mkdir(parents=True)

    def run(**sources):
        command = [sys.executable, str(tmp_path / "docs" / "data" / BUILDER.name)]
        for name, text in sources.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
            command += [f"--{name.replace('_', '-')}", str(tmp_path / name)]
        return written, subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()

    return run


def test_the_tables_are_those_that_the_builder_makes_of_its_sources(build):
    written, _ = build(zone_tab="", tzdata="")  # those are the machine's
    for name in FIGURES:
        assert (written / name).read_bytes() == (DATA / name).read_bytes(), name


def test_the_builder_leaves_out_what_makes_no_sense(build):
    sources = {
        "countries": "alpha2,alpha3,name,year,g_per_kwh\nDE,DEU,Germany,2024,344.1\n"
        "CF,CAF,Nowhere,2022,0.0\nEH,ESH,Old,2009,666.7\n",
        "cloud_regions": "provider,region,location,g_per_kwh,year_or_source\n"
        "gcp,europe-west3,Frankfurt,275.82,2024\ngcp,europe-west9,Paris,16.30,2024\n"
        "azure,Finland Central,Helsinki,77000000.0,EEA\n",
        "years": "Entity,Code,Year,Carbon intensity of electricity - gCO2/kWh\nGermany,DEU,2023,362.9\nGermany,DEU,2024,336.4\n"
        "Germany,DEU,1990,622.2\nNamibia,NAM,2023,47.62\nAsia,,2023,589.1\nWorld,OWID_WRL,2023,483.2\nWorld,OWID_WRL,2024,471\n",
        "zone_tab": "# a comment\nDE\t+5230+01322\tEurope/Berlin\tmost of Germany\n",
        "tzdata": "# version\nL Europe/Berlin Europe/Bonn\nL Etc/UTC UTC\n",
    }
    written, said = build(**sources)
    assert said == [
        "left out: azure/finlandcentral (77000000.0 g/kWh)",
        "left out: Nowhere (0.0 g/kWh)",
        "left out: Old (of 2009)",
    ]
    countries = (written / "countries.csv").read_text(encoding="utf-8").splitlines()
    assert countries[0] == "key,name,grams_per_kwh,basis,year,source,note"
    figures = [tuple(line.split(",")[index] for index in (0, 2, 4)) for line in countries[1:]]
    assert figures == [("DE", "362.9", "2023"), ("DE", "344.1", "2024"), ("NA", "47.62", "2023")]
    assert "Europe/Bonn,DE" in (written / "time_zones.csv").read_text(encoding="utf-8")
    # (275.82 + 16.30) / 2
    averages = (written / "averages.csv").read_text(encoding="utf-8")
    assert "gcp,mean of gcp regions,146.1,direct,2024" in averages
    assert [line.split(",")[2] for line in averages.splitlines() if line.startswith("WORLD")] == ["483.2", "473.0", "445.0"]


def years(zone, start, end, **settings):
    """Return (year, grams, start, end) of each average that holds in [start, end)."""
    values = StaticTables(**settings).history(zone, start=hour(start), end=hour(end))
    return [(value.year, value.grams_per_kwh, value.start, value.end) for value in values]


def test_a_past_year_has_its_own_figure_and_holds_for_that_year_alone():
    year_2023 = (2023, 362.92, hour("2023-01-01 00:00"), hour("2024-01-01 00:00"))
    assert years(Zone(key="DE"), "2023-05-01 12:00", "2023-05-02 12:00") == [year_2023]
    assert years(Zone(key="DE"), "2023-05-01 12:00", "2024-01-01 00:00") == [year_2023]
    assert years(Zone(key="DE"), "2023-12-31 23:00", "2024-01-01 01:00") == [year_2023, (2024, 344.1, None, None)]


def test_the_newest_figure_holds_from_its_year_on_and_the_oldest_before_it():
    assert years(Zone(key="DE"), "2026-01-01 00:00", "2027-06-01 00:00") == [(2024, 344.1, None, None)]
    ((year, grams, _, end),) = years(Zone(key="DE"), "2016-06-01 00:00", "2016-06-02 00:00")
    assert (year, grams, end) == (2020, 355.61, hour("2017-01-01 00:00"))


def test_the_world_and_parts_of_countries_have_figures_by_year_too():
    assert [each[:2] for each in years(Zone(key="DK-DK1"), "2022-02-02 00:00", "2022-02-03 00:00")] == [(2022, 203.64)]
    assert [each[:2] for each in years(Zone(key="WORLD"), "2021-02-02 00:00", "2021-02-03 00:00")] == [(2021, 494.81)]


def test_what_a_table_has_of_one_year_alone_holds_always():
    region = Zone(key="DE", cloud_provider="gcp", cloud_region="europe-west3")
    ((year, grams, _, _),) = years(region, "2022-02-02 00:00", "2022-02-03 00:00")
    assert (year, grams) == (2024, 275.82)


def test_namibia_is_not_taken_for_nothing():
    assert (ask("NA").year, ask("NA").grams_per_kwh) == (2024, 48.78)


def test_no_part_of_a_key_finds_a_figure():
    assert {ask(key).zone for key in ("", "D", "DE,Germany", "gcp")} == {"WORLD"}
