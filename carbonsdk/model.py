"""The values that everything else passes around: devices, readings, energy, intensity, zones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from carbonsdk import units


class DeviceKind(StrEnum):
    """What sort of hardware a device is."""

    CPU = "cpu"
    MEMORY = "memory"
    GPU = "gpu"
    SOC = "soc"  # CPU and GPU on one chip, under one sensor
    NODE = "node"  # a whole machine
    OTHER = "other"


class Quality(StrEnum):
    """Where joules come from, best first."""

    MEASURED = "measured"  # a hardware energy counter
    INTEGRATED = "integrated"  # a power sensor, integrated over time
    ESTIMATED = "estimated"  # a model
    MISSING = "missing"  # nothing is known

    @property
    def rank(self) -> int:
        """Return 0 for the best quality, 3 for the worst."""
        return _RANKS[self]


_RANKS = {quality: rank for rank, quality in enumerate(Quality)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """How a device is measured, and how well.

    `bias` is the half-width of a 95 % interval of the relative error that does not average out. `refresh_s` is the time
    between two updates of the sensor (0 where it is continuous). `max_watts` is more than the device can draw: a step that
    implies more is a fault. `contains` names kinds whose energy this device's already holds. `note` is for people.
    """

    method: str
    quality: Quality
    bias: float
    refresh_s: float = 0.0
    max_watts: float | None = None
    contains: frozenset[DeviceKind] = frozenset()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One thing that is measured.

    `id` is stable over reboots (UUID, PCI address, `package-0`) and unique within its backend on its host; `aliases` are other
    names of the same thing, by which two backends that see one device are told to. The engine fills in `backend` and `host`.
    """

    id: str
    kind: DeviceKind
    name: str
    sensor: Sensor
    simulated: bool = False
    aliases: frozenset[str] = frozenset()
    backend: str = ""
    host: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells this device from every other of a fleet."""
        return (self.host, self.backend, self.id)


@dataclass(frozen=True, slots=True)
class CounterReading:
    """Joules since some fixed instant; the counter starts again at 0 when it would reach `wraps_at_joules`."""

    joules: float
    wraps_at_joules: float | None = None


@dataclass(frozen=True, slots=True)
class PowerReading:
    """Watts now, or averaged over the last `window_s` seconds."""

    watts: float
    window_s: float = 0.0


Reading = CounterReading | PowerReading


@dataclass(frozen=True, slots=True)
class EnergyUse:
    """Energy over an interval, and how good that figure is.

    `joules` is None where nothing is known, and `reason` says why. `coverage` is the share of the interval really observed.
    `bias_joules` adds linearly, `noise_joules` in quadrature, when uses are added up; both are half-widths of a 95 %
    interval. `partial` says that something that should be in the figure is missing from it. `by_quality` gives the
    joules of each quality.
    """

    derived: ClassVar = ("kwh", "uncertainty_joules")

    joules: float | None
    quality: Quality
    method: str
    coverage: float = 1.0
    bias_joules: float = 0.0
    noise_joules: float = 0.0
    partial: bool = False
    reason: str | None = None
    by_quality: Mapping[Quality, float] = field(default_factory=dict)

    @property
    def kwh(self) -> float | None:
        """Return the energy in kilowatt-hours, or None."""
        return None if self.joules is None else units.kwh(self.joules)

    @property
    def uncertainty_joules(self) -> float | None:
        """Return the half-width of a 95 % interval in joules, or None where the energy is unknown."""
        return None if self.joules is None else math.hypot(self.bias_joules, self.noise_joules)


class Basis(StrEnum):
    """Which emissions an intensity counts."""

    LIFECYCLE = "lifecycle"  # gCO2eq, upstream and construction included
    DIRECT = "direct"  # gCO2 of combustion at the plant


class Signal(StrEnum):
    """Which power plants an intensity is of."""

    AVERAGE = "average"  # all that feed the grid
    MARGINAL = "marginal"  # those that would supply one more kilowatt-hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A grid area, by its Electricity Maps key (`DK-DK1`, `US-CAL-CISO`, `DE`; `WORLD` for nowhere in particular).

    A locator may know more than the key: coordinates, a cloud provider's region, a postcode. `found_by` names who found
    the zone, `guess` says that it is a guess.
    """

    key: str
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    cloud_provider: str | None = None
    cloud_region: str | None = None
    postcode: str | None = None
    found_by: str = "call"
    guess: bool = False

    @property
    def label(self) -> str:
        """Return what to call the place: its key, or its name where no grid is known of it."""
        return self.name or self.key if self.key == "WORLD" else self.key

    @property
    def country(self) -> str | None:
        """Return the ISO 3166 alpha-2 code that the key begins with, or None for the world."""
        head = self.key.partition("-")[0].upper()
        return head if len(head) == 2 and head.isalpha() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonIntensity:
    """Grams of CO2eq per kilowatt-hour for a zone over an interval.

    `start` and `end` are aware; None is open. `source` is who says so, for people and for citing. `year` is the year that
    an annual average is of. `estimated` says that the source modelled the value where it had no measurement, `forecast` that
    it was made before its interval, `settled` that the source will not revise it, `fallback` that something better was asked
    for and not to be had, `own` that the user gave the figure, which nothing then replaces.
    """

    grams_per_kwh: float
    zone: str
    source: str
    basis: Basis = Basis.LIFECYCLE
    signal: Signal = Signal.AVERAGE
    start: datetime | None = None
    end: datetime | None = None
    year: int | None = None
    estimated: bool = False
    forecast: bool = False
    fallback: bool = False
    settled: bool = False
    own: bool = False
    fetched_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CarbonUse:
    """CO2eq of an energy use: grams, and the intensities that made them.

    `grams` is None where energy or intensity is unknown. `intensity` is the one that most of the energy fell under, `parts`
    are all of them with the joules that fell under each, in order of time. `grams_per_kwh` is their mean by energy.
    """

    grams: float | None
    intensity: CarbonIntensity | None = None
    grams_per_kwh: float | None = None
    parts: Sequence[tuple[CarbonIntensity, float]] = ()
    reason: str | None = None


_Written = dict[int, tuple[Device, dict[str, Any]]]  # by the device's id, which is its own for as long as it is held here


def jsonable(value: Any) -> Any:
    """Return `value` as what `json` can write: dataclasses as objects, enums and times as strings, NaN as null.

    A dataclass gives its fields, and the properties that its class names in `derived`. A device is one and the same dict
    wherever it stands: the report of a long run names each of its devices ten thousand times.
    """
    return _jsonable(value, {})


def _jsonable(value: Any, devices: _Written) -> Any:
    match value:
        case StrEnum():
            return value.value
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(_jsonable(key, devices)): _jsonable(item, devices) for key, item in value.items()}
        case tuple() | list() | Sequence():
            return [_jsonable(item, devices) for item in value]
        case frozenset() | set():
            return sorted(_jsonable(item, devices) for item in value)
        case _ if is_dataclass(value):
            return _object(value, devices)
        case _:
            return str(value)


def _object(value: Any, devices: _Written) -> dict[str, Any]:
    if id(value) in devices:
        return devices[id(value)][1]
    names = (*(each.name for each in fields(value)), *getattr(value, "derived", ()))
    written = {name: _jsonable(getattr(value, name), devices) for name in names}
    if isinstance(value, Device):
        devices[id(value)] = (value, written)
    return written
