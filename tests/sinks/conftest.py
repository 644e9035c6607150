"""Events of one small run, with figures that are easy to check by hand."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from carbonsdk.energy import across_devices, device_use
from carbonsdk.errors import Offline
from carbonsdk.events import (
    DevicesChosen,
    EpochFinished,
    ForecastMade,
    IntensityFound,
    PowerSampled,
    RunFinished,
    RunInfo,
    RunStarted,
    WarningRaised,
)
from carbonsdk.interfaces import Context
from carbonsdk.model import CarbonIntensity, CarbonUse, Device, DeviceKind, EnergyUse, Quality, Sensor, Zone
from carbonsdk.reports import Choice, DeviceEnergy, EpochReport, Estimate, Forecast, RunReport

START = datetime(2025, 3, 1, 12, 0, 0, tzinfo=UTC)


class SteppedClock:
    """Moves only when told."""

    def __init__(self):
        self.now_ns = 0

    def monotonic_ns(self):
        return self.now_ns

    def wall_ns(self, monotonic_ns):
        return int(START.timestamp()) * 1_000_000_000 + monotonic_ns

    def step(self, seconds):
        self.now_ns += round(seconds * 1e9)


class NoNetwork:
    def fetch_json(self, url, **_):
        raise Offline(url)

    fetch_text = fetch_json


class Story:
    """Makes the events of a run: a measured CPU and one GPU, whose power is integrated, under 400 g/kWh."""

    def __init__(self, *, planned=4, pue=1.0, rank=0, world_size=1, name="a run"):
        self.run = RunInfo(
            run_id="0123abcd",
            name=name,
            host="box",
            rank=rank,
            world_size=world_size,
            pid=4711,
            start=START,
            command="train.py",
            version="0.1.0",
            epochs_planned=planned,
            pue=pue,
        )
        self.cpu = self.device("package-0", DeviceKind.CPU, "Xeon 2.20GHz", quality=Quality.MEASURED, bias=0.01)
        self.gpu = self.device("GPU-1", DeviceKind.GPU, "A100", quality=Quality.INTEGRATED, bias=0.05)
        self.intensity = CarbonIntensity(grams_per_kwh=400.0, zone="DE", source="Ember", year=2024)
        self.epochs = []

    @staticmethod
    def device(device_id, kind, name, *, quality=Quality.MEASURED, bias=0.01, simulated=False):
        method = {Quality.MEASURED: "energy counter", Quality.ESTIMATED: "load model"}.get(quality, "power sensor")
        sensor = Sensor(method=method, quality=quality, bias=bias)
        return Device(id=device_id, kind=kind, name=name, sensor=sensor, simulated=simulated, backend="test", host="box")

    def used(self, joules_by_device):
        return tuple(
            DeviceEnergy(
                device, device_use(device, joules, coverage=1.0, noise_joules=0.0, reason=None if joules else "denied")
            )
            for device, joules in joules_by_device.items()
        )

    def carbon(self, use):
        grams = None if use.joules is None else use.joules / 3.6e6 * 400.0
        return CarbonUse(grams, self.intensity, 400.0, ((self.intensity, use.joules or 0.0),))

    def epoch(self, number, *, joules=None, duration_s=10.0, **flags):
        """Return one epoch; 1800 J of the CPU and 3600 J of the GPU unless told otherwise."""
        devices = self.used(joules or {self.cpu: 1800.0, self.gpu: 3600.0})
        energy = across_devices([each.energy for each in devices])
        start = START + timedelta(seconds=number * duration_s)
        report = EpochReport(
            number=number,
            name="epoch",
            start=start,
            end=start + timedelta(seconds=duration_s),
            duration_s=duration_s,
            energy=energy,
            devices=devices,
            carbon=self.carbon(energy),
            **flags,
        )
        self.epochs.append(report)
        return EpochFinished(self.run, report)

    def started(self):
        return RunStarted(self.run)

    def chosen(self, *devices, selection=None):
        devices = devices or (self.cpu, self.gpu)
        chosen = (Choice(backend="test", chosen=True, reason="answers", devices=tuple(each.id for each in devices)),)
        return DevicesChosen(self.run, devices, chosen if selection is None else selection)

    def found(self, **changes):
        return IntensityFound(self.run, Zone(key="DE"), replace(self.intensity, **changes))

    def forecast(self, *, joules=21_600.0, seen=1):
        whole = Estimate(joules * 1.25, joules, joules * 1.5)
        return ForecastMade(
            self.run,
            Forecast(
                epochs_seen=seen,
                epochs_total=4,
                energy_joules=whole,
                duration_s=Estimate(50.0, 45.0, 60.0),
                co2eq_grams=Estimate(joules * 1.25 / 3.6e6 * 400.0, 1.0, 5.0),
                epochs_energy_joules=Estimate(joules, joules * 0.9, joules * 1.1),
                epochs_duration_s=Estimate(40.0, 38.0, 44.0),
            ),
        )

    def sampled(self):
        return PowerSampled(self.run, START, ((self.cpu, 180.0), (self.gpu, None)))

    def warned(self, text="the sensor is tired"):
        return WarningRaised(self.run, text)

    def report(self, *, between_joules=0.0, **changes):
        """Return the report of the run: what its epochs used, and the CPU's `between_joules` between them."""
        sums = {}
        for epoch in self.epochs:
            for each in epoch.devices:
                before, joules = sums.get(each.device), each.energy.joules
                sums[each.device] = before if joules is None else (before or 0.0) + joules
        epochs_energy = across_devices([each.energy for each in self.used(sums)])
        if between_joules:
            sums[self.cpu] = sums.get(self.cpu, 0.0) + between_joules
        devices = self.used(sums)
        energy = across_devices([each.energy for each in devices])
        duration_s = sum(epoch.duration_s for epoch in self.epochs)
        return RunReport(
            **{
                "run_id": self.run.run_id,
                "name": self.run.name,
                "host": self.run.host,
                "rank": self.run.rank,
                "state": "finished",
                "start": START,
                "end": START + timedelta(seconds=duration_s),
                "duration_s": duration_s,
                "energy": energy,
                "epochs_energy": epochs_energy,
                "devices": devices,
                "carbon": self.carbon(energy),
                "epochs": tuple(self.epochs),
                "epoch_count": len(self.epochs),
                "epochs_planned": self.run.epochs_planned,
                "pue": self.run.pue,
                "record": "/records/0123abcd.jsonl",
            }
            | changes
        )

    def finished(self, **changes):
        return RunFinished(self.run, self.report(**changes))

    def whole(self):
        """Return every kind of event, in a likely order, of a run of two epochs."""
        return [
            self.started(),
            self.chosen(),
            self.found(),
            self.epoch(1),
            self.forecast(),
            self.sampled(),
            self.warned(),
            self.epoch(2),
            self.finished(),
        ]


MISSING = EnergyUse(None, Quality.MISSING, "energy counter", coverage=0.0, partial=True, reason="permission denied")


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
def story():
    return Story()


@pytest.fixture
def make_story():
    return Story


@pytest.fixture
def missing_energy():
    return MISSING


@pytest.fixture
def make_sink(clock):
    """Return a function that makes a sink as the engine does: through its registration."""
    sinks = []

    def make(module, **settings):
        (registration,) = module.carbonsdk_sinks()
        log = logging.getLogger(f"carbonsdk.sinks.{registration.name}")
        sink = registration.factory(Context(registration.settings(**settings), clock, log, NoNetwork()))
        sinks.append(sink)
        return sink

    yield make
    for sink in sinks:
        sink.close()
        sink.close()
