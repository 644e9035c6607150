"""What sinks hear of, in the order it happens. All frozen."""

from dataclasses import dataclass
from datetime import datetime

from carbonsdk.model import CarbonIntensity, Device, Zone
from carbonsdk.reports import Choice, EpochReport, Forecast, RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """Who and where a run is. `command` is the program's name, never its arguments. `sink` options are not in here.

    `scope` says whose energy is counted: the "machine"'s, or that of a "process" and its children. `pue_source` is who says
    that the PUE is so, None for the factor of 1 that nobody gave. `life` tells the process from others that have its `pid` at
    another time or elsewhere, where the system says so.
    """

    run_id: str
    name: str | None
    host: str
    rank: int
    world_size: int
    pid: int
    start: datetime
    command: str
    version: str
    epochs_planned: int | None
    pue: float = 1.0
    attempt: int = 1
    scope: str = "machine"
    pue_source: str | None = None
    life: str | None = None


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run has begun; nothing is known of its devices yet."""

    run: RunInfo


@dataclass(frozen=True, slots=True)
class DevicesChosen:
    """The backends have answered (once more, if one came late): these devices are measured from now on."""

    run: RunInfo
    devices: tuple[Device, ...]
    selection: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class IntensityFound:
    """A better intensity is known for a part of the run; its `signal` says whether it is the average or the marginal one."""

    run: RunInfo
    zone: Zone
    intensity: CarbonIntensity


@dataclass(frozen=True, slots=True)
class EpochFinished:
    """An epoch has ended."""

    run: RunInfo
    report: EpochReport


@dataclass(frozen=True, slots=True)
class EpochCorrected:
    """A provisional epoch's figures are final now."""

    run: RunInfo
    report: EpochReport


@dataclass(frozen=True, slots=True)
class ForecastMade:
    """There is a new forecast of the whole run."""

    run: RunInfo
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class PowerSampled:
    """Mean watts of each device since the previous sample; None where the device did not answer."""

    run: RunInfo
    moment: datetime
    watts: tuple[tuple[Device, float | None], ...]


@dataclass(frozen=True, slots=True)
class WarningRaised:
    """Something is worth a person's attention; each text comes once a run."""

    run: RunInfo
    text: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run has ended."""

    run: RunInfo
    report: RunReport


Event = (
    RunStarted
    | DevicesChosen
    | IntensityFound
    | EpochFinished
    | EpochCorrected
    | ForecastMade
    | PowerSampled
    | WarningRaised
    | RunFinished
)
