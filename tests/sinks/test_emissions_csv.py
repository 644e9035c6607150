import csv
from datetime import datetime

import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.model import DeviceKind, Quality, Zone
from carbonsdk.sinks import emissions_csv

# The layout as its readers know it, restated here so that a slip in the code is seen.
LAYOUT = (
    "timestamp,project_name,run_id,experiment_id,duration,emissions,emissions_rate,cpu_power,gpu_power,ram_power,"
    "cpu_energy,gpu_energy,ram_energy,energy_consumed,water_consumed,country_name,country_iso_code,region,cloud_provider,"
    "cloud_region,os,python_version,codecarbon_version,cpu_count,cpu_model,gpu_count,gpu_model,longitude,latitude,"
    "ram_total_size,tracking_mode,cpu_utilization_percent,gpu_utilization_percent,ram_utilization_percent,ram_used_gb,"
    "on_cloud,pue,wue"
)


def run(sink, *events):
    for event in events:
        sink.handle(event)


def only_row(path):
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    return row


def test_a_path_must_be_given(make_sink):
    with pytest.raises(SettingsError, match="set its `path`"):
        make_sink(emissions_csv)


def test_the_columns_are_the_38_that_readers_expect(tmp_path, make_sink, story):
    path = tmp_path / "emissions.csv"
    story.epoch(1)

    run(make_sink(emissions_csv, path=path), story.finished())

    header, _ = path.read_text().splitlines()
    assert header == LAYOUT
    assert len(header.split(",")) == 38


def test_a_run_is_a_row_in_kwh_watts_seconds_and_kilograms(tmp_path, make_sink, story):
    path = tmp_path / "emissions.csv"

    run(make_sink(emissions_csv, path=path, experiment_id="7"), story.found(), story.epoch(1), story.finished())

    row = only_row(path)
    # 1800 J of CPU and 3600 J of GPU in 10 s, at 400 g/kWh.
    assert (row["cpu_energy"], row["gpu_energy"], row["ram_energy"]) == ("0.0005", "0.001", "")
    assert (row["cpu_power"], row["gpu_power"], row["energy_consumed"]) == ("180", "360", "0.0015")
    assert (row["duration"], row["emissions"], row["emissions_rate"]) == ("10", "0.0006", "0.00006")
    assert (row["project_name"], row["run_id"], row["experiment_id"]) == ("a run", "0123abcd", "7")
    assert (row["region"], row["gpu_model"], row["gpu_count"], row["pue"]) == ("DE", "1 x A100", "1", "1")
    assert row["water_consumed"] == row["country_iso_code"] == row["on_cloud"] == ""
    datetime.strptime(row["timestamp"], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - the layout has no zone


@pytest.mark.parametrize(("simulated", "told"), [(False, "estimated"), (True, "simulated")])
def test_what_the_energy_is_stands_behind_the_version(tmp_path, make_sink, story, simulated, told):
    path = tmp_path / "emissions.csv"
    device = story.device("cpu", DeviceKind.CPU, "Xeon", quality=Quality.ESTIMATED, simulated=simulated)

    run(make_sink(emissions_csv, path=path), story.epoch(1, joules={device: 3600.0}), story.finished())

    assert only_row(path)["codecarbon_version"] == f"carbonsdk 0.1.0, energy {told}"


def test_a_pue_is_part_of_energy_and_emissions(tmp_path, make_sink, make_story):
    path, story = tmp_path / "emissions.csv", make_story(pue=2.0)

    run(make_sink(emissions_csv, path=path), story.epoch(1), story.finished())

    row = only_row(path)
    assert (row["energy_consumed"], row["emissions"], row["cpu_power"]) == ("0.003", "0.0012", "180")


def test_a_cloud_region_is_named(tmp_path, make_sink, story):
    path = tmp_path / "emissions.csv"
    found = story.found()
    zone = Zone(key="DK-DK1", cloud_provider="gcp", cloud_region="europe-north1", latitude=56.0, longitude=9.0)

    run(make_sink(emissions_csv, path=path), type(found)(story.run, zone, found.intensity), story.epoch(1), story.finished())

    row = only_row(path)
    assert (row["cloud_provider"], row["cloud_region"], row["on_cloud"]) == ("gcp", "europe-north1", "Y")
    assert (row["region"], row["latitude"], row["longitude"]) == ("DK-DK1", "56", "9")


def test_unknown_energy_is_empty(tmp_path, make_sink, story):
    path = tmp_path / "emissions.csv"

    run(make_sink(emissions_csv, path=path), story.epoch(1, joules={story.cpu: None}), story.finished())

    row = only_row(path)
    assert row["energy_consumed"] == row["emissions"] == row["cpu_energy"] == row["cpu_power"] == ""


def test_an_older_file_of_fewer_columns_stays_as_it_is(tmp_path, make_sink, story):
    older = tmp_path / "emissions.csv"
    older.write_text("timestamp,emissions\n2020-01-01T00:00:00,1\n")
    story.epoch(1)

    run(make_sink(emissions_csv, path=older), story.finished())

    assert older.read_text() == "timestamp,emissions\n2020-01-01T00:00:00,1\n"
    assert only_row(tmp_path / "emissions-2.csv")["run_id"] == "0123abcd"
