"""What a report shows of itself where it is printed, or stands at the end of a notebook's cell."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from carbonsdk.reports import SpanReport
from carbonsdk.testing import sample_events
from carbonsdk.testing.events import CPU, epoch_report

# 1 % of the CPU's 500 J and 5 % of the GPU's 2000 J are 105 J. 2500 J at 300 g/kWh are 208.3 mg.
USED = "2500 J ± 110, integrated, simulated, in 10.0 s, 208.3 mg CO2eq"


@pytest.fixture
def epoch():
    return replace(epoch_report(0, (500.0, 2000.0)), name="warm-up")


def test_an_epoch_is_a_line(epoch):
    assert str(epoch) == f"epoch 0 warm-up: {USED}"


def test_what_is_odd_about_an_epoch_stands_behind_its_name(epoch):
    assert str(replace(epoch, failed=True, provisional=True)) == f"epoch 0 warm-up (failed, provisional): {USED}"


def test_real_devices_are_not_called_simulated(epoch):
    real = replace(epoch.devices[0], device=replace(CPU, simulated=False))
    assert "simulated" not in str(replace(epoch, devices=(real,)))


def test_unknown_energy_says_why_and_claims_no_co2eq():
    assert str(epoch_report(1, (None, None))) == "epoch 1 epoch (partial): unknown: no reading, simulated, in 10.0 s"


def test_a_span_is_a_line(epoch):
    now = datetime(2026, 1, 5, tzinfo=UTC)
    span = SpanReport(
        name="validation", start=now, end=now, duration_s=10.0, energy=epoch.energy, devices=epoch.devices, carbon=epoch.carbon
    )
    assert str(span) == f"span validation: {USED}"


def test_a_run_is_a_line():
    report = sample_events()[-1].report
    assert str(report).startswith("run 20260105-120000-example (example, with a comma), finished: 2500 J ± 110, integrated")


def test_a_notebook_shows_the_line_and_repr_still_all(epoch):
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    run = sample_events()[-1].report

    assert (pretty(epoch), pretty(run)) == (str(epoch), str(run))
    assert "coverage=1.0" in repr(epoch)
