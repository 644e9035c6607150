"""What the epochs of a run used, and what all of them are forecast to use: the figures of carbontracker's messages.

A PUE that the user gave is part of them, as it is there; it is 1.0 unless given.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from carbonsdk import units
from carbonsdk.counted import simulated
from carbonsdk.events import RunInfo
from carbonsdk.model import Quality
from carbonsdk.reports import EpochReport, Forecast, RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """Time, energy and CO2eq of so many epochs (None: of a run without any).

    `low_` and `high_` bound what is a forecast; `quality` and `uncertainty_joules` are of what was used.
    """

    epochs: int | None
    duration_s: float
    joules: float | None
    grams: float | None
    pue: float
    quality: Quality | None = None
    simulated: bool = False
    uncertainty_joules: float | None = None
    partial: bool = False
    reason: str | None = None
    low_joules: float | None = None
    high_joules: float | None = None
    low_grams: float | None = None
    high_grams: float | None = None

    @property
    def kwh(self) -> float | None:
        """Return the energy in kilowatt-hours, or None."""
        return None if self.joules is None else units.kwh(self.joules)


@dataclass(slots=True)
class EpochTally:
    """Sums over the epochs of a run; a report holds only the newest 10,000 of them."""

    count: int = 0
    duration_s: float = 0.0
    joules: float = 0.0
    grams: float = 0.0
    grams_known: bool = True

    def add(self, epoch: EpochReport) -> None:
        """Add one epoch."""
        self.count += 1
        self.duration_s += epoch.duration_s
        self.joules += epoch.energy.joules or 0.0
        self.grams += epoch.co2eq_grams or 0.0
        # An epoch without energy has no grams to be missed; one without intensity has.
        self.grams_known = self.grams_known and (epoch.co2eq_grams is not None or epoch.energy.joules is None)


def actual(report: RunReport, seen: EpochTally) -> Consumption:
    """Return what the epochs used, or the whole run where it had none; `seen` serves where the report lacks old epochs."""
    use = report.epochs_energy if report.epoch_count else report.energy
    duration_s, grams = report.duration_s, report.co2eq_grams
    if report.epoch_count:
        sums = _tally(report.epochs) if len(report.epochs) == report.epoch_count else seen
        # Overlapping epochs: their union is no longer than the run, and its energy counts once.
        duration_s = min(sums.duration_s, report.duration_s) if report.duration_s > 0 else sums.duration_s
        grams = _share(sums.grams if sums.grams_known else None, part=use.joules, whole=sums.joules)
    return Consumption(
        epochs=report.epoch_count or None,
        duration_s=duration_s,
        joules=None if use.joules is None else use.joules * report.pue,
        grams=None if grams is None else grams * report.pue,
        pue=report.pue,
        quality=use.quality,
        simulated=simulated(report.devices),
        uncertainty_joules=None if use.uncertainty_joules is None else use.uncertainty_joules * report.pue,
        partial=use.partial,
        reason=use.reason,
    )


def predicted(run: RunInfo, forecast: Forecast) -> Consumption:
    """Return what all epochs are forecast to use; the run's CO2eq is shared out by energy, each bound by the energy's own."""
    energy, whole, co2eq = forecast.epochs_energy_joules, forecast.energy_joules, forecast.co2eq_grams
    low = grams = high = None
    if co2eq is not None:
        grams = _share(co2eq.value, part=energy.value * run.pue, whole=whole.value)
        low = _share(co2eq.low, part=energy.low * run.pue, whole=whole.low)
        high = _share(co2eq.high, part=energy.high * run.pue, whole=whole.high)
    return Consumption(
        epochs=forecast.epochs_total,
        duration_s=forecast.epochs_duration_s.value,
        joules=energy.value * run.pue,
        grams=grams,
        pue=run.pue,
        low_grams=low,
        high_grams=high,
        low_joules=energy.low * run.pue,
        high_joules=energy.high * run.pue,
    )


def intensity_of(consumption: Consumption) -> float | None:
    """Return the mean grams per kilowatt-hour that a consumption fell under."""
    if consumption.grams is None or not consumption.kwh:
        return None
    return consumption.grams / consumption.kwh


def _tally(epochs: Iterable[EpochReport]) -> EpochTally:
    tally = EpochTally()
    for epoch in epochs:
        tally.add(epoch)
    return tally


def _share(grams: float | None, *, part: float | None, whole: float) -> float | None:
    if grams is None or part is None or not math.isfinite(grams):
        return None
    return grams * part / whole if whole > 0 else grams
