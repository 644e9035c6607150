"""What a pair of carbontracker's log files tells, as typed values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from carbonsdk import units


@dataclass(frozen=True, slots=True)
class LoggedUse:
    """A consumption as the log states it, its PUE included. `epochs` is None where the log gives no number.

    `kwh_step` is the unit of the last digit that was written of `kwh`.
    """

    epochs: int | None
    duration_s: float | None
    kwh: float | None
    grams: float | None
    equivalents: Mapping[str, float] = field(default_factory=dict)
    at: datetime | None = None
    kwh_step: float | None = None

    @property
    def rough(self) -> bool:
        """Return whether rounding may have cost the energy more than 1 %: `decimal_precision` was small, or the run short."""
        return self.kwh is not None and self.kwh_step is not None and self.kwh_step / 2 > 0.01 * self.kwh


@dataclass(frozen=True, slots=True)
class LoggedEpoch:
    """One epoch. `powers` are the mean watts of each device by component, None where the log has no figure.

    `ended` is the time that the log gives, to the second, in this machine's time zone: the files name none.
    """

    number: int
    duration_s: float
    powers: Mapping[str, tuple[float | None, ...]]
    ended: datetime | None = None

    @property
    def joules(self) -> float | None:
        """Return mean power times duration, summed over the devices that have a figure; None where none has."""
        known = [watts for powers in self.powers.values() for watts in powers if watts is not None]
        return math.fsum(known) * self.duration_s if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRun:
    """One run, from its standard log, its output log, or both.

    `program` wrote the files in carbontracker's format: carbontracker itself, or carbonsdk. `devices` are names by component.
    `averaged` names the components of several devices for which only the mean over the devices was logged; in `epochs`
    each of them has that mean. `problems` says what could not be read.
    """

    name: str
    standard_log: Path | None = None
    output_log: Path | None = None
    program: str = "carbontracker"
    version: str | None = None
    pue: float | None = None
    devices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    epochs: tuple[LoggedEpoch, ...] = ()
    averaged: frozenset[str] = frozenset()
    actual: LoggedUse | None = None
    predicted: LoggedUse | None = None
    early_stop: bool = False
    finished: bool = False
    grams_per_kwh: float | None = None
    location: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    problems: tuple[str, ...] = ()

    @property
    def joules(self) -> float | None:
        """Return the devices' energy over all epochs, without PUE: mean power times time. None where no power was logged."""
        known = [epoch.joules for epoch in self.epochs if epoch.joules is not None]
        return math.fsum(known) if known else None

    @property
    def duration_s(self) -> float:
        """Return the length of all epochs together."""
        return math.fsum(epoch.duration_s for epoch in self.epochs)

    @property
    def averaging_factor(self) -> float:
        """Return by how much the log's own consumptions are too small because they average devices; 1.0 where they do not."""
        added, logged = 0.0, 0.0
        for epoch in self.epochs:
            for component, powers in epoch.powers.items():
                joules = math.fsum(watts or 0.0 for watts in powers) * epoch.duration_s
                added += joules
                logged += joules / len(powers) if component in self.averaged else joules
        return added / logged if logged > 0 else 1.0

    @property
    def measured_kwh(self) -> float | None:
        """Return the epochs' energy with the log's PUE, or None where no power or no PUE was logged."""
        return None if self.joules is None or self.pue is None else units.kwh(self.joules) * self.pue
