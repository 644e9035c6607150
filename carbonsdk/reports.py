"""The reports of epochs, spans and runs, and the forecast. All are frozen and can be written as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from carbonsdk.model import CarbonIntensity, CarbonUse, Device, EnergyUse, jsonable


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The idle power of a device: its mean over `seconds`. `busy` says that something ran meanwhile: it may be too high."""

    watts: float
    seconds: float
    measured_at: datetime
    busy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AboveIdle:
    """What an interval used beyond what its devices draw at rest.

    `joules` are net: the energy less `idle_joules`, those of the idle power over the time observed. They are of the devices
    whose idle power is known; those in `without` are in neither figure. Noise can put them below 0. `measured_at` is when the
    oldest of the idle powers was measured, `busy` says that the machine was not really at rest then.
    """

    joules: float
    idle_joules: float
    measured_at: datetime
    without: tuple[str, ...] = ()
    busy: bool = False


@dataclass(frozen=True, slots=True)
class DeviceEnergy:
    """The energy of one device over an interval."""

    device: Device
    energy: EnergyUse

    @property
    def kind(self) -> str:
        """Return the device's kind as a string."""
        return self.device.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTotal:
    """All spans of one name inside an epoch, or outside any: count, time and energy. A span inside another counts in both."""

    name: str
    count: int
    duration_s: float
    energy: EnergyUse


def _in_notebook(report: object, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - IPython's way to ask
    # Each report has it by itself: IPython asks the class alone that has the `__repr__`, which is every dataclass.
    printer.text(str(report))


class _IntervalReport:
    """What the reports of spans, epochs and runs have in common."""

    __slots__ = ()
    derived: ClassVar[tuple[str, ...]] = ("co2eq_grams", "average_watts")

    energy: EnergyUse
    devices: tuple[DeviceEnergy, ...]
    carbon: CarbonUse
    duration_s: float
    above_idle: AboveIdle | None

    def __str__(self) -> str:
        from carbonsdk import figures

        made_up = bool(self.devices) and all(each.device.simulated for each in self.devices)
        energy = figures.measured_energy(self.energy) + (", simulated" if made_up else "")
        told = f"{self._title()}: {energy}, in {figures.duration(self.duration_s)}"
        return told if self.co2eq_grams is None else f"{told}, {figures.mass(self.co2eq_grams)} CO2eq"

    def _title(self) -> str:
        raise NotImplementedError

    @property
    def net_joules(self) -> float | None:
        """Return the joules above idle, or None where no idle power was measured (`carbonsdk baseline` does that)."""
        return None if self.above_idle is None else self.above_idle.joules

    @property
    def co2eq_grams(self) -> float | None:
        """Return the grams of CO2eq, or None where energy or intensity is unknown."""
        return self.carbon.grams

    @property
    def intensity(self) -> CarbonIntensity | None:
        """Return the carbon intensity that most of the energy fell under."""
        return self.carbon.intensity

    @property
    def average_watts(self) -> float | None:
        """Return the mean power: energy divided by duration, or None where the energy is unknown or the duration is 0."""
        joules = self.energy.joules
        return None if joules is None or self.duration_s <= 0 else joules / self.duration_s

    def to_dict(self) -> dict[str, Any]:
        """Return the report as values that `json` can write: its fields by name, and the figures derived from them."""
        written: dict[str, Any] = jsonable(self)
        return written


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanReport(_IntervalReport):
    """One span: a named interval of a run. `start` and `end` are aware UTC."""

    name: str
    start: datetime
    end: datetime
    duration_s: float
    energy: EnergyUse
    devices: tuple[DeviceEnergy, ...]
    carbon: CarbonUse
    provisional: bool = False
    reason: str | None = None
    above_idle: AboveIdle | None = None

    _repr_pretty_ = _in_notebook

    def _title(self) -> str:
        return f"span {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport(_IntervalReport):
    """One epoch: a numbered span. `start` and `end` are aware UTC.

    `failed`: the body raised. `partial`: the epoch did not come to its own end, or was not measured from end to end.
    `provisional`: a reading was still out when it ended, and a correction will follow in the record. `reason` says why.
    `marginal` is what the same energy comes to under marginal intensities, where a service gives them; it is in no sum with
    `carbon`.
    """

    number: int
    name: str
    start: datetime
    end: datetime
    duration_s: float
    energy: EnergyUse
    devices: tuple[DeviceEnergy, ...]
    carbon: CarbonUse
    spans: tuple[SpanTotal, ...] = ()
    failed: bool = False
    partial: bool = False
    provisional: bool = False
    reason: str | None = None
    above_idle: AboveIdle | None = None
    marginal: CarbonUse | None = None

    _repr_pretty_ = _in_notebook

    def _title(self) -> str:
        marks = [word for word in ("failed", "partial", "provisional") if getattr(self, word)]
        number = str(self.number) if self.number >= 0 else ""  # one that is not measured has none
        return " ".join(filter(None, ["epoch", number, self.name, f"({', '.join(marks)})" if marks else ""]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A forecast quantity: the most likely value, and the interval it lies in with probability `level`."""

    value: float
    low: float
    high: float
    level: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Energy, time and CO2eq of the whole run, seen from the epochs so far.

    `energy_joules`, `duration_s` and `co2eq_grams` hold what was used already. `epochs_energy_joules` and
    `epochs_duration_s` are of the epochs alone, without what lies between them. `co2eq_grams` is None where no intensity
    is known. `reason` says what the forecast rests on, or why it is wide.
    """

    epochs_seen: int
    epochs_total: int
    energy_joules: Estimate
    duration_s: Estimate
    co2eq_grams: Estimate | None
    epochs_energy_joules: Estimate
    epochs_duration_s: Estimate
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the forecast as values that `json` can write, its fields by name."""
        written: dict[str, Any] = jsonable(self)
        return written


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Whether a backend was chosen to measure with, why or why not, and the names of the devices that it measures."""

    backend: str
    chosen: bool
    reason: str
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport(_IntervalReport):
    """A whole run, as far as it has come.

    `energy` is of the run from its start to `end`, gaps between epochs included; `epochs_energy` is of the union of the
    epochs. `epochs` holds the newest 10,000 (of a record that tells too much, fewer: see `warnings`); `epoch_count` counts all
    that have ended. `state` is "running", "finished" or "interrupted". `facility_joules` are `energy` times the PUE;
    `pue_source` says where that is from, if one was given. `marginal` is what the same energy comes to under marginal
    intensities, where a service gives them. With the `scope` "process" all figures are this process's and its children's, and
    `machine_joules` is what their devices used in all; it is None for the "machine", for a run of several processes,
    and where nothing was read.
    """

    derived: ClassVar = (*_IntervalReport.derived, "facility_joules")

    run_id: str
    name: str | None
    host: str
    rank: int
    state: str
    start: datetime
    end: datetime
    duration_s: float
    energy: EnergyUse
    epochs_energy: EnergyUse
    devices: tuple[DeviceEnergy, ...]
    carbon: CarbonUse
    epochs: Sequence[EpochReport] = ()
    epoch_count: int = 0
    epochs_planned: int | None = None
    spans: tuple[SpanTotal, ...] = ()
    forecast: Forecast | None = None
    selection: tuple[Choice, ...] = ()
    warnings: tuple[str, ...] = ()
    pue: float = 1.0
    attempts: int = 1
    record: str | None = None
    above_idle: AboveIdle | None = None
    scope: str = "machine"
    machine_joules: float | None = None
    pue_source: str | None = None
    marginal: CarbonUse | None = None

    _repr_pretty_ = _in_notebook

    def _title(self) -> str:
        name = f" ({self.name})" if self.name else ""
        return f"run {self.run_id}{name}, {self.state}"

    @property
    def facility_joules(self) -> float | None:
        """Return the energy at the facility's meter: the devices' times the PUE."""
        return None if self.energy.joules is None else self.energy.joules * self.pue
