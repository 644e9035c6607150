"""Idle powers: kept, found again, and measured."""

from datetime import UTC, datetime, timedelta

import pytest
from support.simulated import device

from carbonsdk.engine.baselines import Baseline, baseline_path, keep, load
from carbonsdk.engine.idle import measure_idle, verdicts
from carbonsdk.errors import CarbonSDKError
from carbonsdk.model import CarbonUse, EnergyUse, Quality
from carbonsdk.reports import DeviceEnergy, EpochReport

CPU = device("package-0", backend="rapl", host="alpha")
OTHER = device("package-1", backend="rapl", host="alpha")

ROW = '{"schema": 1, "devices": [{"host": "a", "backend": "b", "id": "c", "watts": %s, "seconds": 60, "measured_at": "%s"}]}'


def idle(watts, **more):
    return Baseline(watts=watts, seconds=60.0, measured_at=datetime(2026, 11, 1, 9, tzinfo=UTC), **more)


def test_what_is_kept_is_found_again(tmp_path):
    assert keep([(CPU, idle(31.25, busy=True))], tmp_path) == tmp_path / "baselines.json"
    assert load(tmp_path).of(CPU) == idle(31.25, busy=True)
    assert load(tmp_path).of(OTHER) is None


def test_a_device_is_that_of_its_host_and_backend(tmp_path):
    keep([(CPU, idle(31.0))], tmp_path)
    known = load(tmp_path)
    assert known.of(device("package-0", backend="rapl", host="beta")) is None
    assert known.of(device("package-0", backend="zeusd", host="alpha")) is None


def test_a_simulated_device_has_no_idle_power(tmp_path):
    keep([(CPU, idle(31.0))], tmp_path)
    assert load(tmp_path).of(device("package-0", backend="rapl", host="alpha", simulated=True)) is None


def test_a_newer_figure_takes_the_place_of_the_older_and_leaves_other_devices(tmp_path):
    keep([(CPU, idle(31.0)), (OTHER, idle(29.0))], tmp_path)
    keep([(CPU, idle(35.0))], tmp_path)
    known = load(tmp_path)
    assert (known.of(CPU).watts, known.of(OTHER).watts) == (35.0, 29.0)
    assert [path.name for path in tmp_path.iterdir()] == ["baselines.json"]


def test_where_nothing_was_measured_nothing_is_known_and_nothing_is_wrong(tmp_path):
    assert load(tmp_path).of(CPU) is None
    assert load(tmp_path).problem is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schema": 2, "devices": []}',
        '{"schema": 1, "devices": [{"host": "alpha"}]}',
        ROW % ("-1", "2026-11-01T09:00:00+00:00"),
        ROW % ("1", "2026-11-01T09:00:00"),
    ],
)
def test_a_file_that_says_nothing_is_told_of_and_costs_no_run(tmp_path, text):
    baseline_path(tmp_path).write_text(text)
    known = load(tmp_path)
    assert known.of(CPU) is None
    assert "measure again" in known.problem


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CarbonSDKError, match="state_dir"):
        keep([(CPU, idle(31.0))], tmp_path / "file")


def slice_of(joules, noise_joules, *, seconds=0.1):
    use = EnergyUse(joules, Quality.MEASURED, "counter", bias_joules=0.06 * joules, noise_joules=noise_joules)
    start = datetime(2026, 11, 1, 9, tzinfo=UTC)
    devices = (DeviceEnergy(OTHER, use),)
    times = {"start": start, "end": start + timedelta(seconds=seconds), "duration_s": seconds}
    return EpochReport(number=1, name="idle", **times, energy=use, devices=devices, carbon=CarbonUse(None))


def replayed(*devices):
    return {"backends": {"replay": {"devices": devices}}, "update_interval": 0.05}


def test_the_idle_power_is_energy_over_time():
    (found,) = measure_idle(replayed({"kind": "cpu", "watts": 42.0}), seconds=0.5)
    assert found.baseline.watts == pytest.approx(42.0, rel=0.02)
    assert found.baseline.seconds == pytest.approx(0.5, rel=0.3)


@pytest.mark.parametrize(("noise_joules", "moved"), [(0.5, True), (2.5, False)])
def test_a_sensor_that_answers_seldom_is_not_blamed_on_the_machine(noise_joules, moved):
    # Slices of 0.1 s at 40 W and at 80 W: 4 and 8 J. With 2.5 J of doubt either may have been between 5.5 and 6.5 J.
    slices = [slice_of(4.0, noise_joules), slice_of(8.0, noise_joules)]
    (found,) = verdicts(slices, {})
    assert found.baseline.watts == pytest.approx(60.0)
    assert any("its power moved" in text for text in found.objections) is moved


def test_a_power_that_moves_is_not_called_idle():
    ramp = {"kind": "gpu", "profile": [[0, 10], [1, 210]]}
    (found,) = measure_idle(replayed(ramp), seconds=0.5)
    assert any("its power moved between" in text for text in found.objections)
    assert found.baseline.busy
