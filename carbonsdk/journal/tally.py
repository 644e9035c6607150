"""From the uses in a record to the figures of a report."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

from carbonsdk import units
from carbonsdk.clock import utc
from carbonsdk.energy import across_devices, device_use
from carbonsdk.footprint import Energy, Timeline, carbon_use
from carbonsdk.journal.marks import Marks
from carbonsdk.journal.records import EpochEnded, SpanUse, StateNoted, Use
from carbonsdk.journal.resting import Resting, above_idle
from carbonsdk.journal.sense import sensible_joules
from carbonsdk.model import CarbonIntensity, CarbonUse, Device, EnergyUse, Signal
from carbonsdk.reports import AboveIdle, Baseline, DeviceEnergy, EpochReport, SpanTotal

Kept = TypeVar("Kept")

# Cutting a curve at a slot is quick beside what a row of a report takes.
_STEPS_A_ROW, _STEPS_A_PIECE = 16, 4


class Tally:
    """The devices, curves and intensities of one process of a run, and what any uses of them come to."""

    __slots__ = ("_real", "baselines", "devices", "marginal", "marks", "timeline")

    def __init__(self) -> None:
        self.devices: tuple[Device, ...] = ()
        self._real = 0
        self.baselines: Mapping[int, Baseline] = {}
        self.marks = Marks()
        self.timeline = Timeline()
        self.marginal: Timeline | None = None

    def snapshot(self) -> "Tally":
        """Return a tally whose figures no later device or intensity changes."""
        twin = copy.copy(self)
        twin.timeline = self.timeline.snapshot()
        twin.marginal = None if self.marginal is None else self.marginal.snapshot()
        return twin

    def know(self, index: int, device: Device) -> None:
        """Take in a device, the next one or one in the place of another."""
        before = self.devices[index : index + 1]
        self._real += (not device.simulated) - sum(not each.simulated for each in before)
        self.devices = (*self.devices[:index], device, *self.devices[index + 1 :])

    def counted(self, index: int) -> bool:
        """Return whether a device is part of totals: simulated ones are so only where there is no real one."""
        return not self._real or not self.devices[index].simulated

    def energies(self, uses: Iterable[Use]) -> tuple[DeviceEnergy, ...]:
        """Return what each device used, the simulated ones too."""
        return tuple(DeviceEnergy(self.devices[use.device], self._energy(use)) for use in uses)

    def total(self, uses: Iterable[Use]) -> EnergyUse:
        """Return what all devices used that count."""
        return across_devices([self._energy(use) for use in uses if self.counted(use.device)])

    def carbon(self, start_ns: int, end_ns: int, uses: Iterable[Use]) -> CarbonUse:
        """Return the CO2eq of what all devices used that count."""
        return carbon_use(self._cut(start_ns, end_ns, uses), self.timeline)

    def marginal_carbon(self, start_ns: int, end_ns: int, uses: Iterable[Use]) -> CarbonUse | None:
        """Return the same under marginal intensities, or None where no service gives them."""
        return None if self.marginal is None else carbon_use(self._cut(start_ns, end_ns, uses), self.marginal)

    def learn(self, values: Sequence[CarbonIntensity]) -> None:
        """Take in intensities, those of each signal into its own timeline; raise ValueError for one that makes no sense."""
        marginal = [value for value in values if value.signal is Signal.MARGINAL]
        if marginal and self.marginal is None:
            self.marginal = Timeline(signal=Signal.MARGINAL)
        for timeline, mine in (
            (self.timeline, [value for value in values if value.signal is Signal.AVERAGE]),
            (self.marginal, marginal),
        ):
            if timeline is not None:
                timeline.add(mine)

    def forget_place(self) -> None:
        """Drop all intensities: nothing that was known of one place holds in another."""
        self.timeline, self.marginal = Timeline(), None

    def boundaries(self, start_ns: int, end_ns: int) -> list[int]:
        """Return the instants inside (start_ns, end_ns) at which an intensity of either signal changes, in order."""
        timelines = (self.timeline, self.marginal)
        return sorted({at for each in timelines if each is not None for at in each.boundaries(start_ns, end_ns)})

    def above_idle(self, uses: Iterable[Use], duration_s: float) -> AboveIdle | None:
        """Return what all devices used that count, beyond their idle power."""
        return above_idle(self.resting(use, duration_s) for use in uses if self.counted(use.device))

    def machine_joules(self, state: StateNoted) -> float | None:
        """Return what the devices that count used in all, where a process's part of it is counted."""
        known = sensible_joules(state.machine_joules[: len(self.devices)])
        return math.fsum(known) if known else None

    def resting(self, use: Use, duration_s: float) -> Resting:
        """Return what a device used beside what it would have used at rest."""
        baseline = self.baselines.get(use.device)
        return Resting(self.devices[use.device].name, use.joules, use.coverage * duration_s, baseline)

    @property
    def told(self) -> int:
        """Return how many rows the slots and intensities come to, each counted once."""
        timelines = (self.timeline, self.marginal)
        changes = sum(len(each) for each in timelines if each is not None)
        return changes + len(self.marks) * (len(self.devices) + _STEPS_A_PIECE) // _STEPS_A_ROW

    def detail(self, start_ns: int, end_ns: int, uses: int) -> int:
        """Return how much more than its uses and spans the report of an interval takes, in as many rows."""
        timelines = (self.timeline, self.marginal)
        changes = sum(each.changes(start_ns, end_ns) for each in timelines if each is not None)
        return changes + self.marks.within(start_ns, end_ns) * (uses + _STEPS_A_PIECE) // _STEPS_A_ROW

    def epoch(self, ended: EpochEnded) -> EpochReport:
        """Return the report of an epoch."""
        return EpochReport(
            number=ended.number,
            name=ended.name,
            start=utc(ended.start_ns),
            end=utc(ended.end_ns),
            duration_s=units.seconds(ended.end_ns - ended.start_ns),
            energy=self.total(ended.uses),
            devices=self.energies(ended.uses),
            carbon=self.carbon(ended.start_ns, ended.end_ns, ended.uses),
            marginal=self.marginal_carbon(ended.start_ns, ended.end_ns, ended.uses),
            spans=self.spans(ended.spans),
            failed=ended.failed,
            partial=ended.partial,
            provisional=ended.provisional,
            reason=ended.reason,
            above_idle=self.above_idle(ended.uses, units.seconds(ended.end_ns - ended.start_ns)),
        )

    def spans(self, spans: Iterable[SpanUse]) -> tuple[SpanTotal, ...]:
        """Return the totals of spans by name."""
        return tuple(
            SpanTotal(
                name=span.name,
                count=span.times,
                duration_s=units.seconds(span.duration_ns),
                energy=self.total(span.uses),
            )
            for span in spans
        )

    def _cut(self, start_ns: int, end_ns: int, uses: Iterable[Use]) -> Energy:
        return self.marks.cut(start_ns, end_ns, [use for use in uses if self.counted(use.device)])

    def _energy(self, use: Use) -> EnergyUse:
        return device_use(
            self.devices[use.device], use.joules, coverage=use.coverage, noise_joules=use.noise_joules, reason=use.reason
        )


class EpochReports(Sequence[EpochReport]):
    """The reports of a run's epochs, each made when it is asked for: ten thousand would hold up `stop()`."""

    __slots__ = ("_kept", "_report_of")

    def __init__(self, kept: Sequence[Kept], report_of: Callable[[Kept], EpochReport]) -> None:
        self._kept: Sequence[Any] = kept
        self._report_of: Callable[[Any], EpochReport] = report_of

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[EpochReport]:
        return map(self._report_of, self._kept)

    @overload
    def __getitem__(self, index: int) -> EpochReport: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[EpochReport, ...]: ...
    def __getitem__(self, index: int | slice) -> EpochReport | tuple[EpochReport, ...]:
        found = self._kept[index]
        return tuple(map(self._report_of, found)) if isinstance(index, slice) else self._report_of(found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<{len(self)} epoch reports>"

    def __reduce__(self) -> Any:
        return (tuple, (list(self),))
