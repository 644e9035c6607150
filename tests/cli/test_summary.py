"""The summary tells the whole of a report, and owns up to what is not known."""

from dataclasses import replace
from datetime import UTC, datetime

import click
import pytest

from carbonsdk.cli import summary
from carbonsdk.model import CarbonIntensity, CarbonUse, Device, DeviceKind, EnergyUse, Quality, Sensor
from carbonsdk.reports import DeviceEnergy, RunReport

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# 3600 J are 1 Wh; 5 % of it are 180 J, or 0.05 Wh.
WATT_HOUR = EnergyUse(3600.0, Quality.ESTIMATED, "load curve", bias_joules=180.0, by_quality={Quality.ESTIMATED: 3600.0})
UNKNOWN = EnergyUse(None, Quality.MISSING, "none", coverage=0.0, partial=True, reason="permission denied")
WORLD = CarbonIntensity(grams_per_kwh=445.0, zone="WORLD", source="Ember", year=2024, fallback=True)
CPU = Device(
    id="cpu", kind=DeviceKind.CPU, name="Xeon", sensor=Sensor(method="load curve", quality=Quality.ESTIMATED, bias=0.05)
)
REPORT = RunReport(
    run_id="r1",
    name="demo",
    host="h",
    rank=0,
    state="finished",
    start=WHEN,
    end=WHEN,
    duration_s=90.0,
    energy=WATT_HOUR,
    epochs_energy=WATT_HOUR,
    devices=(DeviceEnergy(CPU, WATT_HOUR),),
    carbon=CarbonUse(0.445, WORLD, 445.0),
    epoch_count=2,
    record="/runs/r1.jsonl",
)


def told(report):
    return [click.unstyle(line).strip() for line in summary.lines(report)]


def test_a_report_is_told_line_by_line():
    assert told(REPORT) == [
        "time      1 min 30 s, 2 epochs with 1.000 Wh",
        "energy    1.000 Wh ± 0.05, estimated",
        "devices   cpu Xeon: 1.000 Wh ± 0.05, estimated by load curve",
        "CO2eq     445.0 mg at 445 gCO2eq/kWh (WORLD, 2024, lifecycle, fallback; Ember)",
        "record    /runs/r1.jsonl",
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"energy": UNKNOWN}, "energy    unknown: permission denied"),
        (
            {"energy": replace(WATT_HOUR, partial=True, coverage=0.5, reason="gpu: lost")},
            "energy    1.000 Wh ± 0.05, estimated, 50.0% of the time observed, partial (gpu: lost)",
        ),
        ({"carbon": CarbonUse(None, reason="the energy is unknown")}, "CO2eq     unknown: the energy is unknown"),
        ({"pue": 1.5}, "facility  1.500 Wh, with a PUE of 1.5"),
        ({"warnings": ("the disk is full",)}, "warnings  the disk is full"),
        ({"epoch_count": 0}, "time      1 min 30 s"),
        (
            {"devices": (DeviceEnergy(replace(CPU, simulated=True), WATT_HOUR),)},
            "devices   cpu Xeon: 1.000 Wh ± 0.05, estimated by load curve, simulated",
        ),
    ],
)
def test_what_is_out_of_the_ordinary_is_told(change, line):
    assert line in told(replace(REPORT, **change))
