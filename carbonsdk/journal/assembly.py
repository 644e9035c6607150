"""Reports are assembled from records: the same way while the run goes on and when its journal is read years later."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any

from carbonsdk.errors import JournalError
from carbonsdk.events import RunInfo
from carbonsdk.journal.aftermath import cut_short, last_known
from carbonsdk.journal.known import Known
from carbonsdk.journal.numbers import NumberSet
from carbonsdk.journal.records import (
    DeviceFound,
    EpochEnded,
    IntensityKnown,
    Record,
    RunBegan,
    RunEnded,
    SelectionMade,
    SlotClosed,
    StateNoted,
    Use,
    Warned,
)
from carbonsdk.journal.sense import (
    is_sensible_baseline,
    is_sensible_device,
    sensible,
    sensible_intensities,
    sensible_slot,
    sensible_text,
    sensible_uses,
)
from carbonsdk.journal.shelf import EpochShelf
from carbonsdk.journal.tally import Tally
from carbonsdk.journal.union import EpochUnion
from carbonsdk.model import Device, EnergyUse, Zone
from carbonsdk.reports import Choice, EpochReport, Forecast, RunReport

_MOST_WARNINGS = 1000
_NO_READING = "no reading"


class Assembly:
    """Folds the records of one process of a run into reports, in bounded memory. Any thread may add and ask.

    Records that contradict those before them (an unknown device, a second run) are left out: a journal may be damaged. With
    `reconciled=False` the intensities of later reconciliations are left out as well, which gives the figures of the time.
    In the directory `aside` a nameless file may hold older epochs.
    """

    def __init__(self, *, reconciled: bool = True, aside: Path | None = None) -> None:
        self._lock = RLock()
        self._reconciled = reconciled
        self._tally = Tally()
        self._epochs = EpochShelf(aside=aside)
        self._numbers = NumberSet()
        self._union = EpochUnion()
        self._began: RunBegan | None = None
        self._zone: Zone | None = None
        self._selection: tuple[Choice, ...] = ()
        self._warnings: dict[str, None] = {}
        self._state: StateNoted | None = None
        self._ended = False
        self._add: dict[type, Callable[[Any], None]] = {
            RunBegan: self._add_run,
            DeviceFound: self._add_device,
            SelectionMade: self._add_selection,
            IntensityKnown: self._add_intensities,
            EpochEnded: self._add_epoch,
            SlotClosed: self._add_slot,
            StateNoted: self._add_state,
            Warned: self._add_warning,
            RunEnded: self._add_end,
        }

    def add(self, record: Record) -> None:
        """Take in a record."""
        with self._lock:
            self._add[type(record)](record)

    @property
    def run_info(self) -> RunInfo:
        """Return who and where the run is; raise JournalError before its first record."""
        return self._run.run

    @property
    def start_ns(self) -> int:
        """Return when this attempt began."""
        return self._run.start_ns

    @property
    def zone(self) -> Zone | None:
        """Return the zone that the newest intensities are of."""
        return self._zone

    @property
    def devices(self) -> tuple[Device, ...]:
        """Return the devices; a record names one by its index here."""
        return self._tally.devices

    @property
    def epochs(self) -> EpochShelf:
        """Return the newest 10,000 epochs, as they are now."""
        with self._lock:
            return self._epochs.snapshot()

    @property
    def epoch_count(self) -> int:
        """Return how many epochs have ended."""
        return self._numbers.count

    @property
    def next_number(self) -> int:
        """Return the number after the highest that has ended."""
        return self._numbers.next

    @property
    def ended(self) -> bool:
        """Say whether the attempt came to its own end."""
        return self._ended

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings, each text once."""
        with self._lock:
            return tuple(self._warnings)

    def epoch_report(self, ended: EpochEnded) -> EpochReport:
        """Return the report of an epoch, with the intensities known now."""
        return self._tally.epoch(sensible(ended, devices=len(self.devices)))

    def epochs_use(self) -> EnergyUse:
        """Return the energy of the union of the epochs."""
        uses, _ = self.epoch_uses()
        return self._tally.total(uses)

    def epoch_uses(self) -> tuple[tuple[Use, ...], float]:
        """Return each device's use over the union of the epochs, and the union's length in seconds."""
        with self._lock:
            devices, duration_s = self._union.devices()
        return tuple(device.use(index, duration_s) for index, device in sorted(devices.items())), duration_s

    def uses_of(self, state: StateNoted) -> tuple[Use, ...]:
        """Return the uses of every device, those included that a state says nothing of."""
        by_device = {use.device: use for use in sensible_uses(state.uses, devices=len(self.devices))}
        return tuple(by_device.get(index) or Use(index, 0.0, None, 0.0, 0.0, _NO_READING) for index in range(len(self.devices)))

    def report(
        self, state: StateNoted, *, run_state: str, forecast: Forecast | None = None, record: str | None = None
    ) -> RunReport:
        """Return the report of the run as it stood at `state`; `run_state` is "running", "finished" or "interrupted"."""
        with self._lock:
            known = Known(
                began=self._run,
                tally=self._tally.snapshot(),
                epochs=self._epochs.snapshot(),
                epoch_count=self.epoch_count,
                epoch_uses=self.epoch_uses()[0],
                selection=self._selection,
                warnings=tuple(self._warnings),
            )
        return known.report(state, self.uses_of(state), run_state=run_state, forecast=forecast, record=record)

    def last_known(self) -> StateNoted:
        """Return the newest state that the records tell of: the one at the end, or what the last of them add up to."""
        with self._lock:
            if self._ended and self._state is not None:
                return self._state
            return last_known(self._state or StateNoted(self.start_ns, ()), self.start_ns, self._epochs, self._tally.marks.last)

    def abandon(self) -> None:
        """Keep what is known of the epochs that were open when the process was killed, as partial ones.

        They are among the epochs from now on, but not among those that have ended.
        """
        with self._lock:
            if self._state is None or self._ended:
                return
            for epoch in self._state.open_epochs:
                if epoch.number not in self._numbers:
                    torn = sensible(cut_short(epoch, self._state.at_ns), devices=len(self.devices))
                    self._epochs.put(torn)
                    self._union.add(torn)

    @property
    def tally(self) -> Tally:
        """Return what turns uses into figures, as it is now."""
        with self._lock:
            return self._tally.snapshot()

    @property
    def selection(self) -> tuple[Choice, ...]:
        """Return what was chosen to measure with, and why not the rest."""
        return self._selection

    @property
    def epoch_numbers(self) -> list[tuple[int, int]]:
        """Return the numbers of the epochs that have ended, as stretches of (first, last + 1)."""
        with self._lock:
            return self._numbers.stretches

    @property
    def _run(self) -> RunBegan:
        if self._began is None:
            raise JournalError("the record does not say which run it is of")
        return self._began

    def _add_run(self, record: RunBegan) -> None:
        if self._began is None:
            self._began = record
            self._zone = record.zone

    def _add_device(self, record: DeviceFound) -> None:
        index = record.device_index
        if is_sensible_device(record, devices=len(self.devices)):
            self._tally.know(index, sensible_text(record.device))
            if record.baseline is not None and is_sensible_baseline(record.baseline):
                self._tally.baselines = {**self._tally.baselines, index: record.baseline}

    def _add_selection(self, record: SelectionMade) -> None:
        self._selection = record.selection

    def _add_intensities(self, record: IntensityKnown) -> None:
        if record.replaces is not None:
            if not self._reconciled:
                return
            if self._zone is not None and record.zone.key != self._zone.key:
                # Reconciled for another place.
                self._tally.forget_place()
        self._zone = record.zone
        values = sensible_intensities(record.values)
        try:
            self._tally.learn(values)
        except ValueError:
            for value in values:
                with suppress(ValueError):  # one that ends before it starts, say, costs itself alone
                    self._tally.learn([value])

    def _add_epoch(self, record: EpochEnded) -> None:
        if record.end_ns < record.start_ns:
            return
        epoch = sensible(record, devices=len(self.devices))
        if self._numbers.add(epoch.number):
            self._epochs.put(epoch)
            self._union.add(epoch)
        else:
            self._epochs.correct(epoch)
            self._union.correct(epoch)

    def _add_slot(self, record: SlotClosed) -> None:
        self._tally.marks.add(sensible_slot(record), devices=len(self.devices))

    def _add_state(self, record: StateNoted) -> None:
        newest_ns = self._state.at_ns if self._state is not None else self._began.start_ns if self._began else record.at_ns
        if not self._ended and record.at_ns >= newest_ns:
            self._state = sensible(record, devices=len(self.devices))

    def _add_warning(self, record: Warned) -> None:
        if len(self._warnings) < _MOST_WARNINGS:
            self._warnings.setdefault(record.text)

    def _add_end(self, record: RunEnded) -> None:
        self._add_state(record.state)
        self._ended = True
