"""A run's report as a person reads it at the end of a command."""

from collections.abc import Iterator

import click

from carbonsdk import figures
from carbonsdk.model import CarbonIntensity, CarbonUse, EnergyUse
from carbonsdk.reports import DeviceEnergy, RunReport

_LABEL_WIDTH = 10


def lines(report: RunReport) -> Iterator[str]:
    """Yield the lines: how long, how much, by what, which intensity, where the record lies."""
    yield _line("time", f"{figures.duration(report.duration_s)}{_epochs(report)}")
    yield _line("energy", _energy(report.energy))
    for index, each in enumerate(report.devices):
        yield _line("" if index else "devices", _device(each))
    yield _line("CO2eq", _carbon(report.carbon))
    if report.pue != 1.0:
        yield _line("facility", f"{figures.energy(report.facility_joules)}, with a PUE of {report.pue:g}")
    for index, warning in enumerate(report.warnings):
        yield _line("" if index else "warnings", warning)
    if report.record:
        yield _line("record", report.record)


def show(report: RunReport, *, title: str, err: bool = False) -> None:
    """Write a title and the lines to the terminal."""
    click.echo(click.style(title, bold=True), err=err)
    for line in lines(report):
        click.echo(line, err=err)


def intensity_text(intensity: CarbonIntensity) -> str:
    """Write an intensity with all that says what it is: `445 gCO2eq/kWh (WORLD, 2024, lifecycle; Ember)`."""
    kind = [intensity.zone, *([str(intensity.year)] if intensity.year else []), intensity.basis.value]
    flags = [name for name in ("estimated", "forecast", "fallback") if getattr(intensity, name)]
    marginal = ["marginal"] if intensity.signal.value == "marginal" else []
    return f"{intensity.grams_per_kwh:.4g} gCO2eq/kWh ({', '.join([*kind, *marginal, *flags])}; {intensity.source})"


def _line(label: str, text: str) -> str:
    return f"  {click.style(label.ljust(_LABEL_WIDTH), dim=True)}{text}"


def _epochs(report: RunReport) -> str:
    if not report.epoch_count:
        return ""
    energy = figures.energy(report.epochs_energy.joules)
    return f", {report.epoch_count} epoch{'s' if report.epoch_count > 1 else ''} with {energy}"


def _energy(use: EnergyUse) -> str:
    text = figures.measured_energy(use)
    if use.joules is None:
        return text
    if use.coverage < 0.9995:
        text += f", {use.coverage:.1%} of the time observed"
    return f"{text}, partial ({use.reason or 'a part is missing'})" if use.partial else text


def _device(each: DeviceEnergy) -> str:
    simulated = ", simulated" if each.device.simulated else ""
    return f"{each.kind} {each.device.name}: {figures.measured_energy(each.energy)} by {each.energy.method}{simulated}"


def _carbon(use: CarbonUse) -> str:
    if use.grams is None or use.intensity is None:
        return f"unknown: {use.reason or 'no intensity is known'}"
    parts = f", the largest of {len(use.parts)} parts" if len(use.parts) > 1 else ""
    return f"{figures.mass(use.grams)} at {intensity_text(use.intensity)}{parts}"
