"""One event of every kind, with figures that fit together, for the tests of sinks."""

from datetime import UTC, datetime, timedelta

from carbonsdk import units
from carbonsdk.energy import across_devices, device_use
from carbonsdk.events import (
    DevicesChosen,
    EpochCorrected,
    EpochFinished,
    Event,
    ForecastMade,
    IntensityFound,
    PowerSampled,
    RunFinished,
    RunInfo,
    RunStarted,
    WarningRaised,
)
from carbonsdk.model import CarbonIntensity, CarbonUse, Device, DeviceKind, Quality, Sensor, Zone
from carbonsdk.reports import Choice, DeviceEnergy, EpochReport, Estimate, Forecast, RunReport, SpanTotal

_START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
_EPOCH_S = 10.0
_GRAMS_PER_KWH = 300.0

CPU = Device(
    id="package-0",
    kind=DeviceKind.CPU,
    name="Example CPU",
    sensor=Sensor(method="counter", quality=Quality.MEASURED, bias=0.01, max_watts=300.0),
    simulated=True,
    backend="simulated",
    host="node-1",
)
GPU = Device(
    id="GPU-0",
    kind=DeviceKind.GPU,
    name="Example GPU",
    sensor=Sensor(method="power sensor", quality=Quality.INTEGRATED, bias=0.05, refresh_s=0.1, max_watts=700.0),
    simulated=True,
    backend="simulated",
    host="node-1",
)
RUN = RunInfo(
    run_id="20260105-120000-example",
    name="example, with a comma",
    host="node-1",
    rank=0,
    world_size=1,
    pid=4711,
    start=_START,
    command="train.py",
    version="0.0.0",
    epochs_planned=3,
)
ZONE = Zone(key="DK-DK1", name="West Denmark", found_by="test")
INTENSITY = CarbonIntensity(
    grams_per_kwh=_GRAMS_PER_KWH,
    zone=ZONE.key,
    source="an example",
    start=_START,
    end=_START + timedelta(hours=1),
    fetched_at=_START,
)
CHOICES = (
    Choice(backend="simulated", chosen=True, reason="it answered", devices=(CPU.id, GPU.id)),
    Choice(backend="rapl", chosen=False, reason="no powercap tree on this machine"),
)


def sample_events() -> tuple[Event, ...]:
    """Return one run of two epochs as a sink hears of it, in order: the second epoch knows nothing of its energy.

    An epoch takes 10 s. The CPU draws 50 W and the GPU 200 W in the first, so that it uses 2500 J. The intensity is
    300 gCO2eq/kWh.
    """
    first = epoch_report(0, (500.0, 2000.0))
    unknown = epoch_report(1, (None, None))
    return (
        RunStarted(RUN),
        WarningRaised(RUN, "no sensor measures the memory; its energy is not counted"),
        DevicesChosen(RUN, (CPU, GPU), CHOICES),
        IntensityFound(RUN, ZONE, INTENSITY),
        PowerSampled(RUN, _START + timedelta(seconds=1), ((CPU, 50.0), (GPU, None))),
        EpochFinished(RUN, first),
        ForecastMade(RUN, _forecast()),
        EpochFinished(RUN, unknown),
        EpochCorrected(RUN, unknown),
        RunFinished(RUN, _run_report(first, unknown)),
    )


def epoch_report(number: int, joules: tuple[float | None, float | None]) -> EpochReport:
    """Return the report of an epoch in which the CPU and the GPU used these joules."""
    devices = tuple(
        DeviceEnergy(device, device_use(device, used, coverage=1.0, noise_joules=0.5, reason=None))
        for device, used in zip((CPU, GPU), joules, strict=True)
    )
    energy = across_devices([each.energy for each in devices])
    start = _START + timedelta(seconds=number * _EPOCH_S)
    return EpochReport(
        number=number,
        name="epoch",
        start=start,
        end=start + timedelta(seconds=_EPOCH_S),
        duration_s=_EPOCH_S,
        energy=energy,
        devices=devices,
        carbon=_carbon(energy.joules),
        spans=(SpanTotal(name="validation", count=2, duration_s=1.5, energy=energy),),
        partial=energy.partial,
        reason=energy.reason,
    )


def _carbon(joules: float | None) -> CarbonUse:
    if joules is None:
        return CarbonUse(None, INTENSITY, reason="the energy is unknown")
    return CarbonUse(units.grams(joules, _GRAMS_PER_KWH), INTENSITY, _GRAMS_PER_KWH, ((INTENSITY, joules),))


def _forecast() -> Forecast:
    duration_s, joules = Estimate(30.0, 28.0, 33.0), Estimate(7500.0, 7000.0, 8200.0)
    return Forecast(
        epochs_seen=1,
        epochs_total=3,
        energy_joules=joules,
        duration_s=duration_s,
        co2eq_grams=Estimate(*(units.grams(each, _GRAMS_PER_KWH) for each in (joules.value, joules.low, joules.high))),
        epochs_energy_joules=joules,
        epochs_duration_s=duration_s,
        reason="one epoch was seen",
    )


def _run_report(*epochs: EpochReport) -> RunReport:
    energy = across_devices([epoch.energy for epoch in epochs])
    return RunReport(
        run_id=RUN.run_id,
        name=RUN.name,
        host=RUN.host,
        rank=RUN.rank,
        state="finished",
        start=_START,
        end=epochs[-1].end,
        duration_s=_EPOCH_S * len(epochs),
        energy=energy,
        epochs_energy=energy,
        devices=epochs[0].devices,
        carbon=_carbon(energy.joules),
        epochs=epochs,
        epoch_count=len(epochs),
        epochs_planned=RUN.epochs_planned,
        forecast=_forecast(),
        selection=CHOICES,
        warnings=("no sensor measures the memory; its energy is not counted",),
    )
