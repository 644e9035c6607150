"""What a journal is made of. The engine emits these, the writer stores them, reports are assembled from them.

Times are Unix nanoseconds on the process's anchored clock, so that differences are those of the monotonic clock. A device is
named by its index in the order of `DeviceFound` records. Cumulative joules count from the run's start.
"""

from typing import NamedTuple

from carbonsdk.events import RunInfo
from carbonsdk.model import CarbonIntensity, Device, Zone
from carbonsdk.reports import Baseline, Choice


class Use(NamedTuple):
    """One device over one interval.

    `start_joules` is the device's cumulative curve at the start; `joules` what it rose by, None if unknown. The bias follows
    from the device's sensor. `reason` says why joules are missing or incomplete.
    """

    device: int
    start_joules: float
    joules: float | None
    coverage: float = 1.0
    noise_joules: float = 0.0
    reason: str | None = None


class SpanUse(NamedTuple):
    """All spans of one name inside an epoch, or outside any."""

    name: str
    times: int
    duration_ns: int
    uses: tuple[Use, ...]


class RunBegan(NamedTuple):
    """The first record of every attempt."""

    run: RunInfo
    start_ns: int
    zone: Zone | None = None


class DeviceFound(NamedTuple):
    """A device is measured from `since_ns` on. `baseline` is its idle power, where that was measured before."""

    device_index: int
    device: Device
    since_ns: int
    baseline: Baseline | None = None


class SelectionMade(NamedTuple):
    """What was chosen to measure with, and why not the rest. The newest holds."""

    selection: tuple[Choice, ...]


class IntensityKnown(NamedTuple):
    """Intensities for the run's timeline. `replaces` names the reconciliation that made them, if one did."""

    zone: Zone
    values: tuple[CarbonIntensity, ...]
    replaces: str | None = None


class EpochEnded(NamedTuple):
    """An epoch. A later record of the same number corrects the earlier.

    `closes` says that no other epoch was open when it ended, so that a stretch of overlapping epochs is complete.
    """

    number: int
    name: str
    start_ns: int
    end_ns: int
    uses: tuple[Use, ...]
    spans: tuple[SpanUse, ...] = ()
    failed: bool = False
    partial: bool = False
    provisional: bool = False
    reason: str | None = None
    closes: bool = True


class SlotClosed(NamedTuple):
    """Cumulative joules at an instant: every 5 minutes of wall time, and where the intensity changes."""

    at_ns: int
    cumulative_joules: tuple[float | None, ...]


class OpenEpoch(NamedTuple):
    """An epoch that had not ended when a state was noted."""

    number: int
    name: str
    start_ns: int
    uses: tuple[Use, ...]


class StateNoted(NamedTuple):
    """Where the whole run stood at an instant: every 60 s, and at the end.

    `uses` are of the whole attempt so far; `spans` those outside any epoch. Where a process's part is counted,
    `machine_joules` is what each device used in all.
    """

    at_ns: int
    uses: tuple[Use, ...]
    open_epochs: tuple[OpenEpoch, ...] = ()
    spans: tuple[SpanUse, ...] = ()
    machine_joules: tuple[float | None, ...] = ()


class Warned(NamedTuple):
    """A warning was given."""

    at_ns: int
    text: str


class RunEnded(NamedTuple):
    """The last record of an attempt that came to its end."""

    state: StateNoted


Record = RunBegan | DeviceFound | SelectionMade | IntensityKnown | EpochEnded | SlotClosed | StateNoted | Warned | RunEnded
