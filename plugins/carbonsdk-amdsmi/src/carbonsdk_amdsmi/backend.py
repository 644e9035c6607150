"""The AMD SMI backend."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from carbonsdk.plugin import (
    BackendUnavailable,
    Clock,
    Device,
    DeviceLost,
    GiveUp,
    Reading,
    RetryLater,
    SensorAbsent,
    SensorMasked,
)
from carbonsdk_amdsmi import AmdsmiSettings
from carbonsdk_amdsmi.boards import Board, boards
from carbonsdk_amdsmi.dies import Die, Selection, found_dies, named, visible
from carbonsdk_amdsmi.library import Status, code, explain, failure, load_amdsmi, open_amdsmi
from carbonsdk_amdsmi.trial import Trial

_SAMPLES = 10


class AmdsmiBackend:
    """Energy counters or power of AMD GPUs.

    A board that nothing is told of stays in the list with quality "missing", so that a total over it is partial. `wait` lets
    the time of the first comparison pass: opening takes that long.
    """

    def __init__(
        self, settings: AmdsmiSettings, *, clock: Clock, environ: Mapping[str, str], wait: Callable[[float], object]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._environ = environ
        self._wait = wait
        self._amdsmi: Any = None
        self._boards: dict[str, Board] = {}
        self._pid = 0

    def open(self) -> Sequence[Device]:
        """Initialise AMD SMI, choose the GPUs and try each; raise SensorAbsent, SensorMasked or PermissionDenied."""
        self.close()
        amdsmi = load_amdsmi()
        open_amdsmi(amdsmi)
        self._amdsmi, self._pid = amdsmi, os.getpid()
        try:
            dies = found_dies(amdsmi)
            selection = self._select(dies)
            made = boards(self._tried(dies), selection.dies, selection.note)
        except amdsmi.AmdSmiException as error:
            self.close()
            raise SensorAbsent(f"AMD SMI does not list its GPUs: {explain(error)}; see what `amd-smi list` says") from error
        except BaseException:
            self.close()
            raise
        self._boards = {board.device.id: board for board in made}
        return [board.device for board in made]

    def read(self, device: Device) -> Reading:
        """Read the counter or the power sensor; a driver call, which can block."""
        board = self._boards.get(device.id)
        if board is None or self._amdsmi is None:
            raise DeviceLost(f"{device.name} ({device.id}) is not open in amdsmi")
        if board.take is None:
            raise DeviceLost(f"{device.name}: {board.device.sensor.note}")
        try:
            reading = board.take(self._amdsmi, board.die)
        except self._amdsmi.AmdSmiException as error:
            raise self._failed(error, device) from error
        if reading is None:
            raise RetryLater(f"{device.name}: the driver tells no power now")
        return reading

    def close(self) -> None:
        """Shut AMD SMI down: it keeps no count of its users, so that others in the process open it again."""
        amdsmi, self._amdsmi = self._amdsmi, None
        self._boards = {}
        # A forked child owns none of the parent's handles.
        if amdsmi is None or self._pid != os.getpid():
            return
        try:
            amdsmi.amdsmi_shut_down()
        except amdsmi.AmdSmiException:
            return  # shut down by others already

    def _select(self, dies: Sequence[Die]) -> Selection:
        if not dies:
            raise SensorAbsent("the amdgpu driver runs but shows no GPU: see what `amd-smi list` says")
        if self._settings.devices:
            try:
                return named(dies, self._settings.devices)
            except LookupError as error:
                have = ", ".join(f"{number}: {die.uuid} at {die.address} ({die.name})" for number, die in enumerate(dies))
                raise SensorAbsent(f"amdsmi's setting `devices` names {error.args[0]!r}, and there are {have}") from error
        selection = visible(dies, self._environ)
        if not selection.dies:
            raise SensorMasked(
                f"{selection.hidden_by} hides all {len(dies)} GPUs from this process: change it, or name devices with the"
                ' setting `devices` of amdsmi (["all"] for every GPU)'
            )
        return selection

    def _tried(self, dies: Sequence[Die]) -> list[Trial]:
        """Return all dies' trials, which run at once: a die that is not chosen may report for one that is."""
        trials = [Trial(self._amdsmi, die, clock=self._clock) for die in dies]
        for round_number in range(_SAMPLES + 1):
            if round_number:
                self._wait(self._settings.check_s / _SAMPLES)
            for trial in trials:
                trial.sample()
        return trials

    def _failed(self, error: Any, device: Device) -> RetryLater | DeviceLost | GiveUp:
        if code(error) != Status.NOT_INIT:
            return failure(error, device.name)
        try:
            open_amdsmi(self._amdsmi)
            handles = {die.uuid: die for die in found_dies(self._amdsmi)}
        except (BackendUnavailable, self._amdsmi.AmdSmiException) as again:
            return GiveUp(explain(again))
        for identity, board in self._boards.items():
            if identity in handles:
                self._boards[identity] = Board(board.device, handles[identity], board.take)
        return RetryLater(f"{device.name}: other code in this process shut AMD SMI down; it was opened again")
