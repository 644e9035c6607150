"""What sensors do not see, by two figures of the user's."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.simulated import device

from carbonsdk import CarbonTracker
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.engine.ledger.overhead import Overhead
from carbonsdk.model import CounterReading, DeviceKind

S = 1_000_000_000
OVERHEAD = Overhead(watts=20.0, factor=0.1, bias=0.15)


def ledger_of(*curves, overhead=OVERHEAD, simulated=()):
    """Devices with their joules at each second; the overhead comes after the first."""
    ledger = Ledger(S)
    for number, joules in enumerate(curves):
        ledger.open_account(device(f"package-{number}", simulated=number in simulated), 0)
        if number == 0:
            ledger.open_overhead(overhead, overhead.device(host="here", simulated=False), 0)
        index = len(ledger.accounts) - 1 if number else 0
        for second, each in enumerate(joules):
            ledger.record(index, Stamped(second * S, CounterReading(float(each))))
    return ledger


def overhead_of(ledger, start_s, end_s):
    return ledger.uses(ledger.marks(round(start_s * S)), ledger.marks(round(end_s * S)))[1]


def test_the_overhead_is_a_fixed_power_and_a_factor_of_all_devices():
    ledger = ledger_of([0, 100, 200, 400], [0, 50, 100, 200])
    # 2 s × 20 W + 10 % of (300 + 150) J.
    assert overhead_of(ledger, 1, 3).joules == pytest.approx(40.0 + 45.0)
    assert overhead_of(ledger, 1, 3).coverage == 1.0


def test_between_readings_it_follows_the_other_curves():
    ledger = ledger_of([0, 100, 200, 400])
    assert overhead_of(ledger, 2, 2.5).joules == pytest.approx(10.0 + 10.0)


def test_spans_have_their_overhead_from_its_beginning_on():
    ledger = Ledger(S)
    ledger.open_account(device("package-0"), 0)
    ledger.open_account(device("package-1"), 0)
    ledger.open_overhead(OVERHEAD, OVERHEAD.device(host="here", simulated=False), S)
    for second, (one, other) in enumerate([(0, 0), (100, 50), (200, 100), (400, 200)]):
        ledger.record(0, Stamped(second * S, CounterReading(float(one))))
        ledger.record(1, Stamped(second * S, CounterReading(float(other))))
    first, second, overhead = ledger.rises([(0, 2 * S), (2 * S, 5 * S // 2), (0, S)])
    assert [rise[:3] for rise in overhead] == [
        (pytest.approx(0.1 * 150.0), pytest.approx(20.0 + 0.1 * 150.0), S),
        (pytest.approx(20.0 + 0.1 * 300.0), pytest.approx(10.0 + 0.1 * 150.0), S / 2),
        (pytest.approx(0.1 * 150.0), 0.0, 0),
    ]
    assert overhead[1][3] == pytest.approx(0.1 * math.hypot(first[1][3], second[1][3]))
    assert first[1][3] > 0


def test_simulated_devices_add_nothing_to_a_real_one_s_overhead():
    ledger = ledger_of([0, 100, 200, 400], [0, 1000, 2000, 3000], simulated=[1])
    assert overhead_of(ledger, 1, 3).joules == pytest.approx(40.0 + 30.0)


def test_it_is_a_device_of_its_own_that_says_what_it_is():
    made = OVERHEAD.device(host="here", simulated=False)
    assert (made.kind, made.sensor.quality.value, made.sensor.bias) == (DeviceKind.OTHER, "estimated", 0.15)
    assert made.sensor.method == "20 W + 0.1 × the other devices, as given"


def test_two_readings_of_a_meter_give_the_two_figures():
    # Idle: the meter says 95 W where sensors see 50 W. At work: 370 W and 300 W. The guide's two formulas:
    factor = (370.0 - 95.0) / (300.0 - 50.0) - 1
    watts = 95.0 - 50.0 * (1 + factor)
    assert (watts, factor) == (pytest.approx(40.0), pytest.approx(0.1))
    ledger = ledger_of([0, 300], overhead=Overhead(watts=watts, factor=factor))
    assert 300.0 + overhead_of(ledger, 0, 1).joules == pytest.approx(370.0)


@given(st.lists(st.floats(0.0, 2.9), min_size=2, max_size=6).map(sorted))
def test_stretches_of_the_overhead_add_up_to_the_whole(edges):
    ledger = ledger_of([0, 100, 250, 400], [0, 10, 10, 70])
    parts = [overhead_of(ledger, start, end).joules for start, end in pairwise(edges)]
    assert sum(part for part in parts if part) == pytest.approx(
        overhead_of(ledger, edges[0], edges[-1]).joules or 0.0, abs=1e-6
    )


def replayed(tmp_path, **settings):
    common = {"verbose": 0, "offline": True, "zone": "DE", "state_dir": tmp_path}
    return CarbonTracker(backends={"replay": {"watts": {"cpu": 100.0}}}, **common | settings)


def test_a_run_has_its_overhead_from_its_first_device_on(tmp_path):
    with replayed(tmp_path, overhead_watts=50.0, overhead_factor=0.2) as tracker:
        tracker.await_devices()
        with tracker.epoch() as epoch, tracker.span("part"):
            sum(range(10**6))
    cpu, overhead = epoch.report.devices
    assert overhead.device.name == "Platform overhead"
    assert overhead.energy.joules == pytest.approx(50.0 * epoch.report.duration_s + 0.2 * cpu.energy.joules, rel=1e-3)
    assert epoch.report.energy.joules == pytest.approx(cpu.energy.joules + overhead.energy.joules)
    (span,) = epoch.report.spans
    assert span.energy.joules == pytest.approx((100.0 + 50.0 + 0.2 * 100.0) * span.duration_s, rel=1e-3)
    assert tracker.report().energy.joules >= epoch.report.energy.joules


def test_a_run_of_gpus_alone_has_no_overhead(tmp_path):
    with replayed(tmp_path, overhead_watts=50.0, components="gpu") as tracker:
        tracker.await_devices()
    assert tracker.report().devices == ()


def test_of_a_process_only_the_factor_counts(tmp_path):
    with replayed(tmp_path, overhead_watts=50.0, overhead_factor=0.2, scope="process") as tracker:
        tracker.await_devices()
        with tracker.epoch() as epoch:
            sum(range(10**6))
    cpu, overhead = epoch.report.devices
    assert overhead.energy.joules == pytest.approx(0.2 * cpu.energy.joules, rel=1e-3)
    assert overhead.device.id.startswith("overhead/process-")
