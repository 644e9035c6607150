"""The messages that carbontracker's users know."""

from carbonsdk import figures
from carbonsdk.clock import Clock
from carbonsdk.equivalents import equivalents
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
from carbonsdk.model import CarbonIntensity, Signal
from carbonsdk.reports import EpochReport, Forecast, RunReport
from carbonsdk.sinks._carbontracker_words import by_component, clock_time, label
from carbonsdk.sinks._consumption import Consumption, EpochTally, actual, intensity_of, predicted
from carbonsdk.sinks.console import ConsoleSettings
from carbonsdk.sinks.console._pace import Pace, note
from carbonsdk.sinks.console._refusals import refusals
from carbonsdk.sinks.console._stream import Stream

_MORE = 2
_MARGIN = "\t"

_CERTAIN = 0.0005
"""A doubt below this share is none that a person could read."""


class KnownMessages:
    """Writes components, warnings, the first forecast and the actual consumption; with `verbose` 2 all that happens between."""

    def __init__(self, stream: Stream, *, settings: ConsoleSettings, clock: Clock) -> None:
        self._stream = stream
        self._settings = settings
        self._pace = Pace(clock)
        self._tally = EpochTally()
        self._provisional: dict[int, int] = {}
        self._components: str | None = None
        self._forecast_shown = False

    def handle(self, event: Event) -> None:
        """Write what the event tells, if anything."""
        if isinstance(event, EpochFinished):
            self._tally.add(event.report)
            if event.report.provisional:
                # carbontracker counts epochs from 1, whatever their own numbers are.
                self._provisional[event.report.number] = self._tally.count
        if self._settings.verbose < 1:
            return
        match event:
            case DevicesChosen():
                self._found(event)
            case ForecastMade(run, forecast) if not self._forecast_shown or self._wants_another(forecast):
                self._forecast_shown = True
                self._consumed(f"Predicted consumption for {forecast.epochs_total} epoch(s):", predicted(run, forecast))
            case RunFinished(_, report):
                self._finished(report)
            case WarningRaised(_, text):
                self._say(f"WARNING - {text}")
            case _ if self._settings.verbose >= _MORE:
                self._detail(event)

    def close(self) -> None:
        """Do nothing: the stream is not ours to close."""

    def _wants_another(self, forecast: Forecast) -> bool:
        return self._settings.verbose >= _MORE and forecast.epochs_seen < forecast.epochs_total

    def _say(self, text: str) -> None:
        self._stream.write(f"CarbonTracker: {text}")

    def _found(self, event: DevicesChosen) -> None:
        text = components_text(event)
        if text != self._components:
            self._components = text
            self._say(text)

    def _finished(self, report: RunReport) -> None:
        held = self._pace.rest()
        if held:
            self._say(note(held))
        consumption = actual(report, self._tally)
        mean, intensity = intensity_of(consumption), report.intensity
        if mean is not None and intensity is not None:
            where = _where(intensity.zone, intensity)
            self._say(f"Average carbon intensity during training was {mean:.2f} gCO2eq/kWh{where}")
        counted = self._settings.epochs_before_pred != 0 and consumption.epochs is not None
        self._consumed(f"Actual consumption{f' for {consumption.epochs} epoch(s)' if counted else ''}:", consumption)
        self._say("Finished monitoring.")

    def _consumed(self, description: str, consumption: Consumption) -> None:
        lines = [
            f"\n{description}",
            f"Time:\t{clock_time(consumption.duration_s)}",
            f"Energy:\t{self._energy(consumption)}",
            f"CO2eq:\t{self._grams(consumption)}",
        ]
        if self._settings.interpretable and consumption.grams is not None:
            precision = self._settings.decimal_precision
            lines.append("This is equivalent to:")
            lines += [f"{each.amount:.{precision}f} {each.unit}" for each in equivalents(consumption.grams)]
        self._say(f"\n{_MARGIN}".join(lines))

    def _energy(self, consumption: Consumption) -> str:
        if consumption.kwh is None:
            return f"unknown: {consumption.reason or 'nothing was measured'}"
        remarks = _remarks(consumption)
        return f"{consumption.kwh:.{self._settings.decimal_precision}f} kWh" + (f" ({', '.join(remarks)})" if remarks else "")

    def _grams(self, consumption: Consumption) -> str:
        if consumption.grams is None:
            return "unknown"
        remark = _span(consumption.low_grams, consumption.grams, consumption.high_grams)
        return f"{consumption.grams:.{self._settings.decimal_precision}f} g" + (f" ({remark})" if remark else "")

    def _detail(self, event: Event) -> None:
        match event:
            case EpochFinished(_, report):
                held = self._pace.admit()
                if held:
                    self._say(note(held))
                if held is not None:
                    self._say(self._epoch(report, number=self._tally.count))
            case EpochCorrected(_, report):
                number = self._provisional.pop(report.number, report.number)
                self._say(f"{self._epoch(report, number=number)} Corrected.")
            case IntensityFound(_, zone, intensity) if intensity.signal is Signal.AVERAGE:
                self._say(f"Current carbon intensity is {intensity.grams_per_kwh:.2f} gCO2eq/kWh{_where(zone.key, intensity)}")

    def _epoch(self, report: EpochReport, *, number: int) -> str:
        precision = self._settings.decimal_precision
        text = f"Epoch {number}: {clock_time(report.duration_s, hundredths=True)}, "
        if report.energy.kwh is None:
            return f"{text}energy unknown: {report.energy.reason or 'nothing was measured'}."
        text += f"{report.energy.kwh:.{precision}f} kWh ({report.energy.quality.value})"
        return f"{text}, {report.co2eq_grams:.{precision}f} g." if report.co2eq_grams is not None else f"{text}."


def components_text(event: DevicesChosen) -> str:
    """Return carbontracker's sentence on what is measured, or why nothing is."""
    parts = [
        f"{name.upper()} with device(s) {', '.join(label(device) for device in devices)}."
        for name, devices in by_component(event.devices).items()
    ]
    if parts:
        return " ".join(["The following components were found:", *parts])
    return f"No components were found that can be measured:{refusals(event.selection, margin=_MARGIN)}"


def _where(zone: str, intensity: CarbonIntensity) -> str:
    doubt = f" ({intensity.note or 'a fallback'})" if intensity.fallback else ""
    return f" at detected location: {zone}. Source: {figures.source(intensity)}{doubt}."


def _remarks(consumption: Consumption) -> list[str]:
    remarks = ["simulated"] if consumption.simulated else []
    if consumption.quality is not None:
        remarks.append(consumption.quality.value)
    if (doubt := _doubt(consumption)) >= _CERTAIN:
        remarks.append(f"±{figures.doubt(100 * doubt)}%")
    if consumption.partial:
        remarks.append("incomplete")
    forecast = _span(consumption.low_joules, consumption.joules, consumption.high_joules)
    if forecast:
        remarks.append(forecast)
    if consumption.pue != 1.0:
        remarks.append(f"PUE of {consumption.pue:g} included")
    return remarks


def _doubt(consumption: Consumption) -> float:
    return (consumption.uncertainty_joules or 0.0) / consumption.joules if consumption.joules else 0.0


def _span(low: float | None, value: float | None, high: float | None) -> str | None:
    """Return how far a forecast may be off, as far as a person could read it; None for what is no forecast."""
    if low is None or high is None or value is None:
        return None
    widest = max(high - value, value - low) / value if value else 0.0
    if widest < _CERTAIN:
        return "a forecast"
    digits = 1 if widest < 0.01 else 0
    return f"a forecast, {low / value - 1:+z.{digits}%} to {high / value - 1:+z.{digits}%}"
