"""The texts of carbontracker's log files, kept within what its own parser (release 2.4.7) can read.

That parser wants equivalents after every consumption, a number or `nan` before every unit, exactly one power line a
component and epoch, digits without an exponent, and no full stop inside a device's name.
"""

from collections.abc import Sequence

from carbonsdk.equivalents import equivalents
from carbonsdk.figures import plain
from carbonsdk.model import Device
from carbonsdk.reports import EpochReport
from carbonsdk.sinks._carbontracker_words import by_component, clock_time, label
from carbonsdk.sinks._consumption import Consumption


def components(devices: Sequence[Device]) -> str:
    """Return the sentence that names the devices of each component."""
    parts = [
        f"{name.upper()} with device(s) {', '.join(_name(device) for device in members)}."
        for name, members in by_component(devices).items()
    ]
    return " ".join(["The following components were found:", *parts])


def device_watts(report: EpochReport, devices: Sequence[Device]) -> dict[str, list[float | None]]:
    """Return the mean watts over the epoch of each of the devices, by component, in the order of the components' sentence."""
    joules = {each.device.key: each.energy.joules for each in report.devices}
    return {
        name: [_watts(joules.get(device.key), report) for device in members] for name, members in by_component(devices).items()
    }


def power(watts: Sequence[float | None]) -> str:
    """Return the devices' watts as carbontracker writes them: one is a number, several are a list.

    A list whose first device is unknown is `None`: the parser reads the first number, and rejects a whole directory over a
    line without one.
    """
    if not watts or watts[0] is None:
        return "None"
    return plain(watts[0], digits=9) if len(watts) == 1 else all_watts(watts)


def all_watts(watts: Sequence[float | None]) -> str:
    """Return a list for readers who know unknown devices, `nan`, from idle ones."""
    return f"[{' '.join('nan' if each is None else plain(each, digits=9) for each in watts)}]"


def consumption(used: Consumption, *, description: str, precision: int) -> str:
    """Return the block of one consumption; its energy must be known."""
    grams = "nan" if used.grams is None else f"{used.grams:.{precision}f}"
    # One word is all that the parser passes over.
    sort = "simulated" if used.simulated else used.quality.value if used.quality else "forecast"
    lines = [
        f"\n{description}",
        f"Time:\t{clock_time(used.duration_s)}",
        f"Energy:\t{used.kwh:.{precision}f} kWh ({sort})",
        f"CO2eq:\t{grams} g",
        "This is equivalent to:",
        *(f"{each.amount:.{precision}f} {each.unit}" for each in equivalents(used.grams)),
    ]
    return "\n\t".join(lines)


def _watts(joules: float | None, report: EpochReport) -> float | None:
    return None if joules is None or report.duration_s <= 0 else joules / report.duration_s


def _name(device: Device) -> str:
    # The parser ends a name at its first full stop, and divides names at commas.
    return " ".join(label(device).replace(".", "_").replace(",", ";").split())
