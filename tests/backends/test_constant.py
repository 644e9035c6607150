"""Devices of constant power, by the user's own figures."""

import logging

import pytest

from carbonsdk import CarbonTracker
from carbonsdk.backends.constant import ConstantBackend, ConstantDevice, ConstantSettings, carbonsdk_backends
from carbonsdk.errors import DeviceLost, SettingsError
from carbonsdk.interfaces import Context
from carbonsdk.model import CounterReading, DeviceKind, Quality
from carbonsdk.options import configure
from carbonsdk.testing import FakeClock, check_backend


def opened(clock, *devices):
    backend = ConstantBackend(devices, clock=clock)
    return backend, backend.open()


def test_the_figure_times_the_time_is_the_energy():
    clock = FakeClock()
    backend, (fans,) = opened(clock, ConstantDevice(name="Fans", watts=35.0))
    clock.advance(10.0)
    assert backend.read(fans) == CounterReading(350.0)


def test_it_is_an_estimate_of_the_given_bias_and_real():
    _, (fans,) = opened(FakeClock(), ConstantDevice(name="Fans", watts=35.0, bias=0.2))
    assert (fans.kind, fans.sensor.quality, fans.sensor.bias, fans.simulated) == (
        DeviceKind.OTHER,
        Quality.ESTIMATED,
        0.2,
        False,
    )


def test_of_a_figure_whose_worth_is_not_told_nothing_is_claimed():
    _, (fans,) = opened(FakeClock(), ConstantDevice(name="Fans", watts=35.0))
    assert fans.sensor.bias == 1.0


def test_settings_come_as_tables():
    made = configure(ConstantSettings, {"devices": [{"name": "Disk", "watts": "7.5", "kind": "other"}]}, where="constant")
    assert made.devices == (ConstantDevice(name="Disk", watts=7.5),)


@pytest.mark.parametrize(
    "wrong",
    [{"watts": -1}, {"watts": "much"}, {"watts": 1, "bias": -0.1}, {"watts": 1, "kind": "tea"}, {"watts": 1, "name": " "}, {}],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(SettingsError):
        configure(ConstantSettings, {"devices": [{"name": "Disk", **wrong}]}, where="constant")


def test_two_devices_of_one_name_are_refused():
    with pytest.raises(SettingsError, match="two devices"):
        ConstantSettings((ConstantDevice(name="A", watts=1.0), ConstantDevice(name="A", watts=2.0)))


def test_without_a_device_it_says_what_to_give():
    with pytest.raises(SettingsError, match="devices ="):
        opened(FakeClock())


def test_a_closed_backend_reads_nothing():
    backend, (fans,) = opened(FakeClock(), ConstantDevice(name="Fans", watts=35.0))
    backend.close()
    with pytest.raises(DeviceLost):
        backend.read(fans)


def test_it_is_a_backend_like_any():
    (registration,) = carbonsdk_backends()
    settings = ConstantSettings((ConstantDevice(name="Fans", watts=35.0),))
    clock = FakeClock()
    check_backend(
        lambda: registration.factory(Context(settings=settings, clock=clock, log=logging.getLogger(), http=None)),
        between_reads=lambda: clock.advance(10.0),
    )


def test_own_figures_stand_beside_what_is_measured(tmp_path):
    backends = {"auto": {}, "constant": {"devices": [{"name": "Fans", "watts": 35, "bias": 0.2}]}}
    with CarbonTracker(backends=backends, verbose=0, offline=True, zone="DE", state_dir=tmp_path) as tracker:
        tracker.await_devices()
        with tracker.epoch() as epoch:
            sum(range(10**6))
    by_name = {each.device.name: each for each in epoch.report.devices}
    assert by_name["Fans"].energy.joules == pytest.approx(35.0 * epoch.report.duration_s, rel=0.02)
    assert len(by_name) > 1
