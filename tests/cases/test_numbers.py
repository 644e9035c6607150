"""Numbers: units go there and back, and devices of one index are two devices."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.simulated import Simulated, device, offer

import carbonsdk as ct
from carbonsdk import units
from carbonsdk.model import DeviceKind
from carbonsdk.testing.profile import Profile

AMOUNTS = st.floats(0, 1e15, allow_subnormal=False)


@given(AMOUNTS)
def test_joules_go_to_kilowatt_hours_and_back(joules):
    assert units.joules(units.kwh(joules)) == pytest.approx(joules, rel=1e-15)


@given(st.integers(0, 2**62))
def test_nanoseconds_go_to_seconds_and_back_within_what_a_float_holds(nanoseconds):
    assert abs(units.nanoseconds(units.seconds(nanoseconds)) - nanoseconds) <= max(1, math.ulp(nanoseconds))


def test_a_kilowatt_hour_at_400_grams_is_400_grams():
    assert units.grams(3_600_000.0, 400.0) == 400.0


def test_gpus_of_two_makers_that_are_both_number_0_are_two(sessions):
    # What names a device is its UUID or its place on the bus; a number would be the same for both.
    def gpu(name, watts):
        return Simulated(sessions.clock, {device(name, DeviceKind.GPU): Profile.constant(watts)})

    session = sessions.make(offer("nvml", gpu("GPU-5f1c", 300.0)), offer("amdsmi", gpu("0000:03:00.0", 200.0)))
    sessions.tick(session, 10)
    report = session.stop()
    assert sorted((each.device.backend, each.energy.joules) for each in report.devices) == [
        ("amdsmi", pytest.approx(2_000)),
        ("nvml", pytest.approx(3_000)),
    ]


ODD = [math.nan, math.inf, -math.inf, -5.0, 12_572_969.0, 1e308]


@pytest.mark.parametrize("power", [False, True], ids=["counter", "power"])
@pytest.mark.parametrize("odd", ODD)
def test_one_reading_that_cannot_be_true_poisons_nothing(sessions, odd, power):
    # 12,572,969 W was once seen.
    class Odd(Simulated):
        def read(self, which):
            reading = super().read(which)
            return type(reading)(odd) if sessions.clock.monotonic_ns() == odd_at_ns else reading

    backend = Odd(sessions.clock, {device(): Profile.constant(100.0)}, power=power)
    odd_at_ns = sessions.clock.monotonic_ns() + units.nanoseconds(5.0)
    session = sessions.make(offer("odd", backend))
    with session.epoch("", None) as epoch:
        for _ in range(10):
            sessions.tick(session)
    report = session.stop()
    # 10 s at 100 W; what a step up and its step back hide is 2 s of them, and the coverage says so.
    for told in (epoch.report, report, ct.runs.load(session.plan.record)):
        assert told.energy.joules == pytest.approx(1_000 * told.energy.coverage)
        assert 0.8 <= told.energy.coverage <= 1.0
        json.dumps(told.to_dict(), allow_nan=False)
