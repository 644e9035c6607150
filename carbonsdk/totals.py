"""The totals of a run as lines of text, with what qualifies them."""

import math
from collections.abc import Iterable, Iterator

from carbonsdk import figures
from carbonsdk.counted import counted, simulated
from carbonsdk.equivalents import equivalents
from carbonsdk.model import CarbonIntensity, CarbonUse, Signal
from carbonsdk.reports import AboveIdle, DeviceEnergy, RunReport

# Below this share of the run, what lies between epochs is not worth a line.
_WORTH_A_LINE = 0.001

_LATE = "the sensor answered after "


def totals(report: RunReport, *, interpretable: bool) -> str:
    """Return the lines as one text; `interpretable` adds what the CO2eq compares to."""
    return "\n".join([_heading(report), *(line(name, text) for name, text in _rows(report, interpretable=interpretable))])


def line(name: str, text: str) -> str:
    """Return a line of the block; what follows a line break in its text stands below it."""
    return f"  {name:<10} {text}".replace("\n", f"\n{'':13}")


def written_intensity(intensity: CarbonIntensity, grams_per_kwh: float) -> str:
    """Write an intensity with its zone, source, year and basis, and what makes it less than it could be."""
    marks = [word for word in ("fallback", "estimated", "forecast") if getattr(intensity, word)]
    if intensity.signal is Signal.MARGINAL:
        marks.append(Signal.MARGINAL.value)
    told = [intensity.zone, figures.source(intensity), intensity.basis.value, *marks]
    return ", ".join([f"{grams_per_kwh:.4g} gCO2eq/kWh", *filter(None, told)])


def _heading(report: RunReport) -> str:
    count = report.epoch_count
    what = figures.epochs(count) if count else "run"
    if report.epochs_planned is not None and count < report.epochs_planned:
        what += f" of {report.epochs_planned}"
    return f"total: {what} in {figures.duration(report.duration_s)}"


def _rows(report: RunReport, *, interpretable: bool) -> Iterator[tuple[str, str]]:
    use = report.energy
    yield "energy", figures.measured_energy(use) + (", simulated" if simulated(report.devices) else "")
    if report.scope == "process":
        yield "scope", _scope(report)
    if report.pue != 1.0 and report.facility_joules is not None:
        said = f" ({report.pue_source})" if report.pue_source else ""
        yield "facility", f"{figures.energy(report.facility_joules)} at a PUE of {report.pue:g}{said}"
    parts = counted(report.devices)
    if len(parts) > 1:
        yield "of which", ", ".join(_parts(parts, use.joules))
    if report.above_idle is not None:
        yield "above idle", _above_idle(report.above_idle)
    between = (use.joules or 0.0) - (report.epochs_energy.joules or 0.0)
    if report.epoch_count and use.joules and between > _WORTH_A_LINE * use.joules:
        yield "between", f"{figures.energy(between)} of it outside the epochs"
    yield "CO2eq", figures.mass(report.co2eq_grams) + ("" if report.co2eq_grams is not None else _why(report))
    yield from _intensity_rows(report)
    if interpretable and report.co2eq_grams:
        yield "as much as", ", ".join(each.text for each in equivalents(report.co2eq_grams))
    yield "covered", f"{use.coverage:.1%} of the time"
    for text in _missing(report):
        yield "missing", text
    if report.record:
        yield "record", report.record


def _scope(report: RunReport) -> str:
    if report.machine_joules is None:
        return "this process and its children"
    return f"this process and its children, of {figures.energy(report.machine_joules)} that the machine used"


def _intensity_rows(report: RunReport) -> Iterator[tuple[str, str]]:
    if report.intensity is not None:
        changes = _changes(report.carbon, report.intensity)
        mean = report.carbon.grams_per_kwh or report.intensity.grams_per_kwh
        yield "intensity", written_intensity(report.intensity, mean) + changes
        if kinds := _kinds(report.carbon):
            yield "values", kinds
    if report.marginal is not None:
        yield "marginal", _marginal(report.marginal)


def _changes(carbon: CarbonUse, main: CarbonIntensity) -> str:
    """Say that an intensity is the mean of several, and how much of the energy fell under those of the other basis."""
    if len(carbon.parts) < 2:
        return ""
    other = {value.basis for value, _ in carbon.parts} - {main.basis}
    joules = math.fsum(share for _, share in carbon.parts)
    theirs = math.fsum(share for value, share in carbon.parts if value.basis in other)
    mixed = f", {theirs / joules:.0%} of the energy under {other.pop()} ones" if other and joules else ""
    return f" (mean of {len(carbon.parts)} values{mixed})"


def _kinds(carbon: CarbonUse) -> str:
    """Say how much of the energy fell under values that are settled, live and so on; nothing where no service gave any."""
    joules: dict[str, float] = {}
    for value, share in carbon.parts:
        kind = figures.kind(value)
        joules[kind] = joules.get(kind, 0.0) + share
    whole = sum(joules.values())
    if set(joules) <= {"own"} or not whole or all(kind.startswith("average") for kind in joules):
        return ""
    ordered = sorted(joules.items(), key=lambda each: -each[1])
    return "; ".join(f"{share / whole:.0%} {kind}" for kind, share in ordered)


def _marginal(use: CarbonUse) -> str:
    if use.grams is None or use.intensity is None:
        return f"unknown: {use.reason or 'no marginal intensity is known'}"
    mean = use.grams_per_kwh if use.grams_per_kwh is not None else use.intensity.grams_per_kwh
    text = f"{figures.mass(use.grams)} at {written_intensity(use.intensity, mean)}; in no other figure"
    return f"{text} ({use.reason})" if use.reason else text


def _above_idle(net: AboveIdle) -> str:
    text = f"{figures.energy(net.joules)}, {figures.energy(net.idle_joules)} at rest"
    rested = "with the machine not at rest, on" if net.busy else "on"
    text += f" (idle power measured {rested} {net.measured_at:%Y-%m-%d})"
    return f"{text}, without {', '.join(net.without)}" if net.without else text


def _parts(devices: Iterable[DeviceEnergy], whole: float | None) -> Iterator[str]:
    """Yield each device's part; those of one name, as eight equal boards are, together."""
    alike: dict[tuple[str, bool], list[float | None]] = {}
    for each in devices:
        alike.setdefault((each.device.name, each.energy.joules is None), []).append(each.energy.joules)
    for (name, unknown), joules in alike.items():
        count = f"{len(joules)} × " if len(joules) > 1 else ""
        yield f"{count}{name} {_part(None if unknown else math.fsum(filter(None, joules)), whole)}"


def _part(joules: float | None, whole: float | None) -> str:
    if joules is None or not whole:
        return figures.energy(joules)
    return f"{figures.energy(joules)} ({joules / whole:.0%})"


def _missing(report: RunReport) -> list[str]:
    """Return what the total lacks: devices with a reason, or the reason of the whole."""
    names: dict[str, list[str]] = {}
    for each in counted(report.devices):
        # What coverage alone leaves out is told by its own line.
        if each.energy.partial and (each.energy.joules is None or each.energy.reason):
            names.setdefault(each.energy.reason or "no reading", []).append(each.device.name)
    if report.energy.partial and not names:
        return [report.energy.reason or "a part of the run was not observed"]
    return [f"{', '.join(dict.fromkeys(devices))}: {_folded(reason)}" for reason, devices in names.items()]


def _folded(reason: str) -> str:
    """Return a reason without the waits for a sensor of all attempts and processes but the first."""
    parts = reason.split("; ")
    late = [part for part in parts if part.startswith(_LATE)]
    if len(late) < 3:
        return reason
    return "; ".join([late[0], f"{len(late) - 1} times more after such a wait", *(part for part in parts if part not in late)])


def _why(report: RunReport) -> str:
    if report.energy.joules is None:
        return ": the energy is unknown"
    return f": {report.carbon.reason or 'no intensity is known'}"
