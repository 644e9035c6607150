"""`carbonsdk doctor`: what can be measured here, how well, and how to measure more."""

import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carbonsdk.cli.options import given, setting_options
from carbonsdk.counted import counted, simulated
from carbonsdk.model import CarbonUse, DeviceKind

if TYPE_CHECKING:
    from carbonsdk.host import PluginHost, PluginInfo
    from carbonsdk.reports import Choice, DeviceEnergy, RunReport

_ALWAYS_THERE = (DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.GPU)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a second of measuring has shown. `missing` holds, by kind, why no backend measures it."""

    devices: "tuple[DeviceEnergy, ...]"
    seconds: float
    missing: dict[str, list[str]]
    rejected: "tuple[Choice, ...]"
    carbon: CarbonUse
    plugins: "tuple[PluginInfo, ...]"
    records: Path
    records_writable: bool
    warnings: tuple[str, ...]
    version: str
    system: str


@click.command("doctor", short_help="Say what can be measured here, how well, and how to do better.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=1.5, show_default=True, help="How long to measure.")
@setting_options("zone", "intensity", "backends", "fetchers", "locate", "offline")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(seconds: float, as_json: bool, **settings: Any) -> None:
    """Say what can be measured on this machine, by what and how well; what cannot, why, and what to do about it.

    It measures for a moment, just as a run would, and leaves no record.
    """
    findings = examine(given(settings), seconds=seconds)
    if as_json:
        import json

        click.echo(json.dumps(_as_json(findings), indent=2, ensure_ascii=False))
        return
    for title, lines in _sections(findings):
        click.echo(click.style(title, bold=True))
        for line in lines:
            click.echo(textwrap.indent(line, "    ")[2:])


def examine(settings: dict[str, Any], *, seconds: float) -> Findings:
    """Measure for some seconds and return what was found; blocks for as long."""
    import platform
    from tempfile import TemporaryDirectory

    from carbonsdk import __version__, runs
    from carbonsdk.host import PluginHost
    from carbonsdk.settings import resolve
    from carbonsdk.tracker import CarbonTracker

    in_force = resolve(settings).settings
    host = PluginHost.discover(in_force.disable_plugins)
    with TemporaryDirectory(prefix="carbonsdk-doctor-") as folder:
        # Sinks are left out: a look at the machine belongs into nobody's files.
        with CarbonTracker(**{**settings, "verbose": 0, "state_dir": folder, "sinks": (), "name": "doctor"}) as tracker:
            tracker.await_devices(5.0)
            with tracker.epoch() as epoch:
                time.sleep(seconds)
        report = tracker.report()
    records = runs.state_directory(in_force.state_dir)
    return Findings(
        devices=epoch.report.devices,
        seconds=epoch.report.duration_s,
        missing=_missing(report, host),
        rejected=tuple(choice for choice in report.selection if not choice.chosen),
        carbon=report.carbon,
        plugins=host.plugins,
        records=records,
        records_writable=_writable(records),
        warnings=report.warnings,
        version=__version__,
        system=f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}",
    )


def _missing(report: "RunReport", host: "PluginHost") -> dict[str, list[str]]:
    """Return, for each kind of device that nothing measures, what the backends that could have done it say."""
    measured = [each.device for each in report.devices if each.energy.joules is not None]
    known = {device.kind for device in measured}.union(*(device.sensor.contains for device in measured))
    told: dict[str, list[str]] = {}
    for kind in _ALWAYS_THERE:
        if kind in known:
            continue
        silent = [f"{each.device.name}: {each.energy.reason}" for each in report.devices if each.device.kind is kind]
        told[kind.value] = silent + [
            _refusal(choice)
            for choice in report.selection
            if not choice.chosen and (name := host.backends.get(choice.backend)) and kind in name.registration.kinds
        ]
    return told


def _refusal(choice: "Choice") -> str:
    return f"{choice.backend}: {choice.reason}"


def _writable(path: Path) -> bool:
    """Return whether files can be written below a directory, which may have to be made first."""
    import os

    for each in (path, *path.parents):
        with suppress(PermissionError):  # a folder that may not be entered
            if each.exists():
                return each.is_dir() and os.access(each, os.W_OK | os.X_OK)
    return False


def _sections(findings: Findings) -> Iterator[tuple[str, list[str]]]:
    from carbonsdk import figures
    from carbonsdk.totals import written_intensity

    names = figures.names(each.device for each in findings.devices)
    devices = [_device(each, name, findings.seconds) for each, name in zip(findings.devices, names, strict=True)]
    yield "Measured", [*devices, *_together(findings)] or ["nothing"]
    told = {reason for reasons in findings.missing.values() for reason in reasons}
    if findings.missing:
        yield "Not measured", _missing_lines(findings.missing)
    if others := [text for text in map(_refusal, findings.rejected) if text not in told]:
        yield "Backends not used", others
    found = findings.carbon.intensity
    yield (
        "Carbon intensity",
        [written_intensity(found, found.grams_per_kwh) if found else findings.carbon.reason or "none is known"],
    )
    yield "Plugins", [_plugin(each) for each in findings.plugins if each.reason or not each.builtin] or ["the built-in ones"]
    writable = "" if findings.records_writable else "  (not writable: runs are kept in memory alone; set state_dir)"
    yield "Records", [f"{findings.records}{writable}"]
    if findings.warnings:
        yield "Warnings", list(findings.warnings)
    yield "Version", [f"carbonsdk {findings.version}, {findings.system}"]


def _missing_lines(missing: dict[str, list[str]]) -> list[str]:
    """Return a line for each set of reasons, with all the kinds that it holds for."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for kind, reasons in missing.items():
        kinds.setdefault(tuple(reasons) or ("no backend is for it",), []).append(kind)
    return [
        "\n".join([f"{', '.join(named)}:", *why]) if len(why) > 1 else f"{', '.join(named)}: {why[0]}"
        for why, named in kinds.items()
    ]


def _device(each: "DeviceEnergy", name: str, seconds: float) -> str:
    device, energy = each.device, each.energy
    name = f"{each.kind:<7} {name}"
    watts = _watts(each, seconds)
    if watts is None:
        return f"{name}: unknown: {energy.reason}"
    note = f"; {device.sensor.note}" if device.sensor.note else ""
    backend = f" ({device.backend})" if device.backend else ""
    made_up = "simulated, " if device.simulated else ""
    return (
        f"{name}: {watts:.3g} W, {made_up}{energy.quality.value} by {energy.method}{backend}, "
        f"±{device.sensor.bias:.0%}, {energy.coverage:.0%} of the time observed{note}"
    )


def _watts(each: "DeviceEnergy", seconds: float) -> float | None:
    joules, coverage = each.energy.joules, each.energy.coverage
    return joules / (seconds * coverage) if joules is not None and coverage else None


def _together(findings: Findings) -> list[str]:
    from carbonsdk.energy import across_devices

    known = [(watts, each) for each in counted(findings.devices) if (watts := _watts(each, findings.seconds)) is not None]
    if len(known) < 2:
        return []
    use = across_devices([each.energy for _, each in known])
    doubt = (use.uncertainty_joules or 0.0) / use.joules if use.joules else 0.0
    made_up = "simulated, " if simulated(findings.devices) else ""
    return [f"together: {sum(watts for watts, _ in known):.3g} W, {made_up}{use.quality.value}, ±{doubt:.0%}"]


def _plugin(info: "PluginInfo") -> str:
    return f"{info}: {info.state}{f': {info.reason}' if info.reason else ''}"


def _as_json(findings: Findings) -> dict[str, Any]:
    from carbonsdk.model import jsonable

    written: dict[str, Any] = jsonable(findings)
    return written
