"""The style of the decorator and the command line: one line an epoch, totals at the end."""

from carbonsdk import figures
from carbonsdk.clock import Clock
from carbonsdk.counted import counted, simulated
from carbonsdk.events import (
    DevicesChosen,
    EpochCorrected,
    EpochFinished,
    Event,
    ForecastMade,
    IntensityFound,
    RunFinished,
    WarningRaised,
)
from carbonsdk.model import CarbonIntensity, Device
from carbonsdk.reports import EpochReport, Forecast
from carbonsdk.sinks.console import ConsoleSettings
from carbonsdk.sinks.console._pace import Pace, note
from carbonsdk.sinks.console._refusals import refusals
from carbonsdk.sinks.console._stream import Stream
from carbonsdk.totals import line, totals, written_intensity

_MORE = 2
_FULL_COVERAGE = 0.999


class Lines:
    """Writes plain lines."""

    def __init__(self, stream: Stream, *, settings: ConsoleSettings, clock: Clock) -> None:
        self._stream = stream
        self._settings = settings
        self._pace = Pace(clock)
        self._devices: tuple[Device, ...] | None = None
        self._forecast_shown = False

    def handle(self, event: Event) -> None:
        """Write what the event tells, if anything."""
        if self._settings.verbose < 1:
            return
        match event:
            case DevicesChosen():
                self._choice(event)
            case EpochFinished(_, report):
                self._epoch(report)
            case ForecastMade(_, forecast):
                self._forecast(forecast)
            case RunFinished(_, report):
                self._held_back()
                # At verbose 2 they were shown as they came.
                warnings = report.warnings if self._settings.verbose < _MORE else ()
                told = (
                    totals(report, interpretable=self._settings.interpretable),
                    *(line("warning", each) for each in warnings),
                )
                self._stream.write("\n".join(told))
            case _ if self._settings.verbose >= _MORE:
                self._detail(event)

    def close(self) -> None:
        """Do nothing: the stream is not ours to close."""

    def _choice(self, event: DevicesChosen) -> None:
        if event.devices == self._devices:
            return
        self._devices = event.devices
        if event.devices:
            self._stream.write(f"carbonsdk measures {', '.join(_described(device) for device in event.devices)}")
        else:
            self._stream.write(f"carbonsdk can measure nothing here:{refusals(event.selection, margin='  ')}")

    def _epoch(self, report: EpochReport) -> None:
        held = self._pace.admit()
        if held is None:
            return
        if held:
            self._stream.write(note(held))
        self._stream.write(epoch_line(report))

    def _held_back(self) -> None:
        held = self._pace.rest()
        if held:
            self._stream.write(note(held))

    def _forecast(self, forecast: Forecast) -> None:
        over = forecast.epochs_seen >= forecast.epochs_total
        if over or (self._forecast_shown and self._settings.verbose < _MORE):
            return
        self._forecast_shown = True
        self._stream.write(forecast_line(forecast))

    def _detail(self, event: Event) -> None:
        match event:
            case EpochCorrected(_, report):
                self._stream.write(f"{epoch_line(report)} (corrected)")
            case IntensityFound(_, zone, intensity):
                self._stream.write(f"intensity in {zone.name or zone.key}: {_intensity(intensity)}")
            case WarningRaised(_, text):
                self._stream.write(f"warning: {text}")


def epoch_line(report: EpochReport) -> str:
    """Return number, duration, energy with its uncertainty and quality, CO2eq, and what is odd about the epoch."""
    name = f"epoch {report.number}" if report.name in {"", "epoch"} else f"epoch {report.number} {report.name}"
    told = f"{name:<10} {figures.duration(report.duration_s):>11}  {figures.measured_energy(report.energy)}"
    if report.co2eq_grams is not None:
        told += f"  {figures.mass(report.co2eq_grams)} CO2eq"
    odd = _oddities(report)
    return f"{told}  [{', '.join(odd)}]" if odd else told


def forecast_line(forecast: Forecast) -> str:
    """Return what the whole run is forecast to take."""
    energy, grams = forecast.energy_joules, forecast.co2eq_grams
    span = f"{figures.energy(energy.low)} to {figures.energy(energy.high)} at {energy.level:.0%}"
    told = f"forecast for {figures.epochs(forecast.epochs_total)}: {figures.energy(energy.value)} ({span}), "
    told += figures.duration(forecast.duration_s.value)
    return f"{told}, {figures.mass(grams.value)} CO2eq" if grams else told


def _oddities(report: EpochReport) -> list[str]:
    odd = [word for word in ("failed", "partial", "provisional") if getattr(report, word)]
    if simulated(report.devices):
        odd.append("simulated")
    missing = [each.device.name for each in counted(report.devices) if each.energy.joules is None]
    if missing and report.energy.joules is not None:
        odd.append(f"without {', '.join(missing)}")
    elif report.energy.joules is not None and report.energy.coverage < _FULL_COVERAGE:
        odd.append(f"{report.energy.coverage:.0%} covered")
    return odd


def _described(device: Device) -> str:
    simulated = "simulated, " if device.simulated else ""
    return f"{device.name} ({simulated}{device.sensor.quality.value} by {device.sensor.method})"


def _intensity(intensity: CarbonIntensity) -> str:
    return written_intensity(intensity, intensity.grams_per_kwh)
