"""The totals tell the whole of a report, and own up to what is not known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from carbonsdk.model import Basis, CarbonIntensity, CarbonUse, Device, DeviceKind, EnergyUse, Quality, Sensor, Signal
from carbonsdk.reports import DeviceEnergy, RunReport
from carbonsdk.totals import line, totals

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


def test_a_report_is_told_line_by_line():
    assert totals(REPORT, interpretable=False).splitlines() == [
        "total: 2 epochs in 1 min 30 s",
        "  energy     1.000 Wh ± 0.050, estimated",
        "  CO2eq      445.0 mg",
        "  intensity  445 gCO2eq/kWh, WORLD, Ember, 2024, lifecycle, fallback",
        "  covered    100.0% of the time",
        "  record     /runs/r1.jsonl",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"energy": UNKNOWN}, "  energy     unknown: permission denied"),
        ({"energy": UNKNOWN, "carbon": CarbonUse(None)}, "  CO2eq      unknown: the energy is unknown"),
        ({"carbon": CarbonUse(None, reason="no zone")}, "  CO2eq      unknown: no zone"),
        ({"pue": 1.5}, "  facility   1.500 Wh at a PUE of 1.5"),
        (
            {"pue": 1.5, "pue_source": "Google, fleet average, 2024"},
            "  facility   1.500 Wh at a PUE of 1.5 (Google, fleet average, 2024)",
        ),
        ({"epoch_count": 0}, "total: run in 1 min 30 s"),
        ({"epochs_planned": 5}, "total: 2 epochs of 5 in 1 min 30 s"),
        (
            {"devices": (DeviceEnergy(replace(CPU, simulated=True), WATT_HOUR),)},
            "  energy     1.000 Wh ± 0.050, estimated, simulated",
        ),
        ({"devices": (DeviceEnergy(CPU, UNKNOWN),)}, "  missing    Xeon: permission denied"),
        (
            {"carbon": CarbonUse(0.445, replace(WORLD, signal=Signal.MARGINAL), 445.0)},
            "  intensity  445 gCO2eq/kWh, WORLD, Ember, 2024, lifecycle, fallback, marginal",
        ),
    ],
)
def test_what_is_out_of_the_ordinary_is_told(change, told):
    assert told in totals(replace(REPORT, **change), interpretable=False).splitlines()


def test_a_text_of_two_lines_stands_in_one_column():
    assert line("not used", "rapl: denied\nname a group") == "  not used   rapl: denied\n             name a group"


def test_equal_boards_are_told_together():
    boards = [replace(CPU, id=f"GPU-{number}", name="A100", kind=DeviceKind.GPU) for number in range(3)]
    uses = [(CPU, WATT_HOUR), *((board, WATT_HOUR) for board in boards[:2]), (boards[2], UNKNOWN)]
    whole = replace(WATT_HOUR, joules=3 * 3600.0)
    report = replace(REPORT, energy=whole, devices=tuple(DeviceEnergy(*each) for each in uses))
    told = totals(report, interpretable=False)
    assert "  of which   Xeon 1.000 Wh (33%), 2 × A100 2.000 Wh (67%), A100 unknown\n" in told


@pytest.mark.parametrize(
    ("basis", "told"),
    [(Basis.LIFECYCLE, "(mean of 2 values)"), (Basis.DIRECT, "(mean of 2 values, 25% of the energy under direct ones)")],
)
def test_a_mean_over_both_bases_says_so(basis, told):
    other = replace(WORLD, grams_per_kwh=45.0, year=None, basis=basis)
    parts = ((WORLD, 2700.0), (other, 900.0))
    mean = totals(replace(REPORT, carbon=CarbonUse(0.345, WORLD, 345.0, parts)), interpretable=False)
    assert f"  intensity  345 gCO2eq/kWh, WORLD, Ember, 2024, lifecycle, fallback {told}\n" in mean


def test_a_marginal_figure_stands_beside_the_average_and_in_no_sum():
    marginal = replace(WORLD, grams_per_kwh=890.0, source="WattTime", year=None, signal=Signal.MARGINAL, fallback=False)
    told = totals(replace(REPORT, marginal=CarbonUse(0.89, marginal, 890.0)), interpretable=False).splitlines()
    assert "  CO2eq      445.0 mg" in told
    assert "  marginal   890.0 mg at 890 gCO2eq/kWh, WORLD, WattTime, lifecycle, marginal; in no other figure" in told


def test_how_much_was_settled_live_and_a_stand_in_is_told():
    hour = timedelta(hours=1)
    live = replace(WORLD, year=None, fallback=False, start=WHEN, end=WHEN + hour)
    parts = ((replace(live, settled=True), 1800.0), (replace(live, estimated=True), 360.0), (live, 720.0), (WORLD, 720.0))
    told = totals(replace(REPORT, carbon=CarbonUse(0.445, live, 445.0, parts)), interpretable=False)
    assert "  values     50% settled; 20% live; 20% average, fallback; 10% estimated\n" in told


@pytest.mark.parametrize("value", [WORLD, replace(WORLD, own=True, fallback=False, start=WHEN, end=WHEN)])
def test_what_has_one_average_or_is_the_users_own_has_no_kinds(value):
    assert "  values" not in totals(
        replace(REPORT, carbon=CarbonUse(0.445, value, 445.0, ((value, 3600.0),))), interpretable=False
    )


def test_many_waits_for_one_sensor_are_told_once():
    waits = "; ".join(f"the sensor answered after 0.0{number} s" for number in range(41, 61))
    late = replace(WATT_HOUR, partial=True, reason=f"{waits}; the device was lost")

    text = totals(replace(REPORT, devices=(DeviceEnergy(CPU, late),)), interpretable=False)

    assert (
        "  missing    Xeon: the sensor answered after 0.041 s; 19 times more after such a wait; the device was lost\n" in text
    )
