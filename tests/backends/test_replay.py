"""Replay: profiles from settings and files, along the engine's clock."""

import json

import pytest

from carbonsdk.backends.replay import carbonsdk_backends
from carbonsdk.plugin import CounterReading, DeviceKind, DeviceLost, PowerReading, Quality, SettingsError
from carbonsdk.testing import check_backend


@pytest.fixture
def replay(make):
    return lambda **settings: make("replay", **settings)


def readings(backend):
    return {device.id: backend.read(device) for device in backend.open()}


def joules_after(seconds, *, backend, clock):
    devices = backend.open()
    clock.advance(seconds)
    return {device.id: backend.read(device).joules for device in devices}


def profile_file(tmp_path, content, name="profile.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("watts", [{"cpu": 65, "gpu": 250.0}, "cpu=65,gpu=250", " cpu = 65 , GPU=2.5e2 "])
def test_constant_watts_come_as_a_mapping_or_as_text(replay, clock, watts):
    assert joules_after(4.0, backend=replay(watts=watts), clock=clock) == {"cpu-0": 260.0, "gpu-0": 1000.0}


def test_devices_are_named_and_numbered_by_kind(replay, clock):
    backend = replay(
        devices=(
            {"kind": "gpu", "name": "A100", "watts": 300},
            {"kind": "gpu", "name": "A100", "watts": 100},
            {"kind": "cpu", "name": "Xeon Gold", "watts": 120},
        )
    )

    assert [(device.id, device.kind, device.name) for device in backend.open()] == [
        ("gpu-0", DeviceKind.GPU, "A100"),
        ("gpu-1", DeviceKind.GPU, "A100"),
        ("cpu-0", DeviceKind.CPU, "Xeon Gold"),
    ]
    assert joules_after(2.0, backend=backend, clock=clock) == {"gpu-0": 600.0, "gpu-1": 200.0, "cpu-0": 240.0}


def test_every_device_says_that_it_is_simulated(replay):
    (constant,) = replay(watts="cpu=5").open()
    (recorded,) = replay(devices=({"kind": "cpu", "profile": [[0, 5]]},)).open()

    assert constant.simulated
    assert recorded.simulated
    assert (constant.sensor.quality, recorded.sensor.quality) == (Quality.ESTIMATED, Quality.MEASURED)


def test_a_json_profile_is_integrated_exactly(replay, clock, tmp_path):
    path = profile_file(tmp_path, {"devices": [{"kind": "gpu", "name": "T4", "profile": [[0, 10], [10, 70]]}]})

    # Half-way up the ramp it drew (10 + 40) / 2 W for 5 s.
    assert joules_after(5.0, backend=replay(path=path), clock=clock) == {"gpu-0": 125.0}


def test_steps_hold_and_repeat(replay, clock, tmp_path):
    device = {"kind": "cpu", "profile": [[0, 10], [1, 30], [2, 0]], "shape": "steps", "repeat": True}
    path = profile_file(tmp_path, {"devices": [device]})

    assert joules_after(5.0, backend=replay(path=path), clock=clock) == {"cpu-0": 2 * 40.0 + 10.0}


def test_a_file_of_a_spreadsheet_begins_with_a_byte_order_mark(replay, tmp_path):
    path = profile_file(tmp_path, "\ufeffseconds,kind,name,watts\n0,gpu,A100,60\n", "a.csv")

    assert [device.name for device in replay(path=path).open()] == ["A100"]


def test_a_csv_profile_has_a_line_a_point(replay, clock, tmp_path):
    text = "seconds,kind,name,watts\n0,cpu,Xeon,100\n0,gpu,T4,20\n2,cpu,Xeon,100\n2,gpu,T4,40\n"
    backend = replay(path=profile_file(tmp_path, text, "run 1.csv"))

    assert joules_after(2.0, backend=backend, clock=clock) == {"cpu-0": 200.0, "gpu-0": 60.0}


def test_a_power_sensor_shows_watts(replay, clock):
    backend = replay(devices=({"kind": "gpu", "profile": [[0, 0], [10, 100]]},), sensor="power")
    (device,) = backend.open()
    clock.advance(2.5)

    assert backend.read(device) == PowerReading(25.0)
    assert device.sensor.quality is Quality.INTEGRATED


def test_time_starts_at_open_and_anew_at_each(replay, clock):
    backend = replay(watts="cpu=10")
    clock.advance(100.0)
    assert readings(backend) == {"cpu-0": CounterReading(0.0)}

    clock.advance(1.0)
    assert readings(backend) == {"cpu-0": CounterReading(0.0)}


def test_a_closed_backend_has_lost_its_devices(replay):
    backend = replay(watts="cpu=10")
    backend.close()
    (device,) = backend.open()
    backend.close()

    with pytest.raises(DeviceLost):
        backend.read(device)


@pytest.mark.parametrize("sensor", ["counter", "power"])
def test_it_keeps_the_contract_of_a_backend(replay, clock, sensor):
    check_backend(lambda: replay(watts="cpu=65,gpu=250", sensor=sensor), between_reads=lambda: clock.advance(1.0))


def test_it_is_used_only_when_named():
    (registration,) = carbonsdk_backends()

    assert (registration.automatic, registration.inline) == (False, True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "nothing to replay"),
        ({"watts": "cpu"}, "number from 0 up"),
        ({"watts": "cpu=-5"}, "number from 0 up"),
        ({"watts": "cpu=nan"}, "number from 0 up"),
        ({"watts": "toaster=5"}, "none of cpu, memory"),
        ({"sensor": "magic", "watts": "cpu=5"}, "counter, power"),
        ({"devices": ({"kind": "cpu"},)}, "either watts or a profile"),
        ({"devices": ({"kind": "cpu", "watt": 5},)}, "unknown key watt"),
        ({"devices": ({"kind": "cpu", "profile": []},)}, "in order of time"),
        ({"devices": ({"kind": "cpu", "profile": [[1, 5], [0, 5]]},)}, "in order of time"),
        ({"devices": ({"kind": "cpu", "profile": [[0, 5]], "shape": "cubic"},)}, "neither linear nor steps"),
        ({"devices": ({"id": "a", "watts": 5}, {"id": "a", "watts": 5})}, "two devices have the id a"),
        ({"devices": (5,)}, "a device is an object"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_reason(replay, settings, message):
    with pytest.raises(SettingsError, match=message):
        replay(**settings)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "[]", "no list of devices"),
        ("a.csv", "seconds,watts\n0,5\n", "lacks the column kind, name"),
        ("a.csv", "seconds,kind,name,watts\nx,cpu,a,5\n", "in order of time"),
    ],
)
def test_files_that_make_no_sense_are_refused_by_name(replay, tmp_path, name, text, message):
    with pytest.raises(SettingsError, match=message) as caught:
        replay(path=profile_file(tmp_path, text, name))

    assert name in str(caught.value)


def test_a_file_that_is_not_there_is_refused(replay, tmp_path):
    with pytest.raises(SettingsError, match="cannot read"):
        replay(path=tmp_path / "none.json")
