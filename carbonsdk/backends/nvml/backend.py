"""The NVML backend: one initialisation a run, one meter a board."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.boards import Found, attempt, found_boards
from carbonsdk.backends.nvml.driver import failure, load_pynvml, open_nvml
from carbonsdk.backends.nvml.sensors import Meter, meter_for
from carbonsdk.backends.nvml.visible import Selection, named, pci_address, visible
from carbonsdk.plugin import (
    BackendUnavailable,
    Device,
    DeviceKind,
    DeviceLost,
    GiveUp,
    PermissionDenied,
    PowerReading,
    Reading,
    RetryLater,
    SensorAbsent,
    SensorMasked,
)

_SHARED = "shared: MIG splits this board, and its sensor sees all users of it"


@dataclass(slots=True)
class _Opened:
    """What is kept of a device: its meter, and a handle, None once it has gone stale."""

    meter: Meter
    handle: Any
    sampled_us: int = 0


class NvmlBackend:
    """Energy counters or power of NVIDIA GPUs.

    A board without either stays in the list with quality "missing", so that a total over it is partial and not silently too
    small. Handles of a board that was lost, or of an NVML that other code shut down, are fetched again by UUID.
    """

    def __init__(self, settings: NvmlSettings, *, environ: Mapping[str, str], log: logging.Logger | None = None) -> None:
        self._settings = settings
        self._environ = environ
        self._log = log or logging.getLogger(__name__)
        self._nvml: Any = None
        self._opened: dict[str, _Opened] = {}
        self._pid = 0

    def open(self) -> Sequence[Device]:
        """Initialise NVML and probe every visible board by calling it."""
        self.close()
        nvml = load_pynvml()
        open_nvml(nvml)
        self._nvml, self._pid = nvml, os.getpid()
        try:
            found, withheld = found_boards(nvml)
            selection = self._select(found, withheld)
            return [self._device(each, selection.note) for each in _chosen(found, selection)]
        except nvml.NVMLError as error:
            self.close()
            raise SensorAbsent(f"NVML does not list its GPUs: {error}; see what `nvidia-smi` says") from error
        except BaseException:
            self.close()
            raise

    def read(self, device: Device) -> Reading:
        """Read the counter or the power sensor; a driver call, which can block."""
        opened = self._find(device)
        if opened.meter.take is None:
            raise DeviceLost(f"{device.name}: {opened.meter.sensor.note}")
        try:
            return opened.meter.take(self._handle(device, opened))
        except self._nvml.NVMLError as error:
            raise self._failed(error, device) from error

    def power_reading(self, device: Device) -> PowerReading | None:
        """Return the power of what `read` measures, to hold a counter against; None where nothing tells it."""
        opened = self._find(device)
        if opened.meter.power is None:
            return None
        try:
            return opened.meter.power(self._handle(device, opened))
        except self._nvml.NVMLError as error:
            raise self._failed(error, device) from error

    def process_ids(self, device: Device) -> frozenset[int]:
        """Return the pids, as the host counts them, of what computes or draws on the board."""
        nvml, opened = self._nvml, self._find(device)
        try:
            handle = self._handle(device, opened)
        except nvml.NVMLError as error:
            raise self._failed(error, device) from error
        answers = [
            attempt(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle),
            attempt(nvml, nvml.nvmlDeviceGetGraphicsRunningProcesses, handle),
        ]
        if answers == [None, None]:
            raise RetryLater(f"{device.name}: the driver does not list its processes")
        return frozenset(process.pid for answer in answers for process in answer or ())

    def process_shares(self, device: Device) -> Mapping[int, float]:
        """Return each process's share of the multiprocessors' time since the last call, where samples were taken.

        The first call looks back as far as the driver does (some seconds). Idle processes may be left out.
        """
        nvml, opened = self._nvml, self._find(device)
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(self._handle(device, opened), opened.sampled_us)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_NOT_FOUND:  # no process ran
                return {}
            raise self._failed(error, device) from error
        opened.sampled_us = max((sample.timeStamp for sample in samples), default=opened.sampled_us)
        loads: dict[int, list[float]] = {}
        for sample in samples:
            loads.setdefault(sample.pid, []).append(min(sample.smUtil, 100) / 100)
        return {pid: sum(shares) / len(shares) for pid, shares in loads.items() if pid}

    def close(self) -> None:
        """Shut NVML down as often as it was initialised here; what others initialised stays."""
        nvml, self._nvml = self._nvml, None
        self._opened = {}
        # A forked child owns no NVML: handles and locks of the parent do not survive in it.
        if nvml is None or self._pid != os.getpid():
            return
        try:
            nvml.nvmlShutdown()
        except nvml.NVMLError as error:
            self._log.debug("nvmlShutdown: %s", error)

    def _select(self, found: Sequence[Found], withheld: int) -> Selection:
        boards = [each.board for each in found]
        if not boards and withheld:
            raise PermissionDenied(
                f"this process may use none of the machine's {withheld} NVIDIA GPUs: ask the scheduler or the container for one"
            )
        if not boards:
            raise SensorAbsent("the NVIDIA driver runs but sees no GPU: see what `nvidia-smi -L` says")
        if self._settings.devices:
            return self._named(found)
        selection = visible(boards, self._environ)
        if not selection.boards:
            raise SensorMasked(
                f"{selection.hidden_by} hides all {len(boards)} GPUs from this process: change it, or name devices with the"
                ' setting `devices` of nvml (["all"] for every GPU)'
            )
        return selection

    def _named(self, found: Sequence[Found]) -> Selection:
        boards = [each.board for each in found]
        try:
            return named(boards, self._settings.devices)
        except LookupError as error:
            have = ", ".join(f"{board.index}: {board.uuid} ({board.name})" for board in boards)
            raise SensorAbsent(
                f"nvml's setting `devices` names {error.args[0]!r}, which fits not exactly one of {have}"
            ) from error

    def _device(self, found: Found, note: str | None) -> Device:
        meter = meter_for(self._nvml, found, self._settings.power)
        notes = [meter.sensor.note, _SHARED if found.board.mig else None, note]
        sensor = replace(meter.sensor, note="; ".join(filter(None, notes)) or None)
        board = found.board
        self._opened[board.uuid] = _Opened(replace(meter, sensor=sensor), found.handle)
        aliases = frozenset({pci_address(board.bus_id)} if board.bus_id else ())
        return Device(id=board.uuid, kind=DeviceKind.GPU, name=board.name, sensor=sensor, aliases=aliases)

    def _find(self, device: Device) -> _Opened:
        opened = self._opened.get(device.id)
        if opened is None:
            raise DeviceLost(f"{device.name} ({device.id}) is not open in this backend")
        return opened

    def _handle(self, device: Device, opened: _Opened) -> Any:
        if opened.handle is None:
            opened.handle = self._nvml.nvmlDeviceGetHandleByUUID(device.id.encode())
        return opened.handle

    def _failed(self, error: Any, device: Device) -> RetryLater | DeviceLost | GiveUp:
        """Return what to raise; let go of the handles that the error has spoilt."""
        if error.value == self._nvml.NVML_ERROR_UNINITIALIZED:
            return self._reopened(device)
        failed = failure(self._nvml, error, device.name)
        if isinstance(failed, DeviceLost):
            self._find(device).handle = None
        return failed

    def _reopened(self, device: Device) -> RetryLater | DeviceLost | GiveUp:
        for opened in self._opened.values():
            opened.handle = None
        try:
            open_nvml(self._nvml)
        except BackendUnavailable as error:
            return GiveUp(str(error))
        return RetryLater(f"{device.name}: other code in this process shut NVML down; it was opened again")


def _chosen(found: Sequence[Found], selection: Selection) -> Iterator[Found]:
    by_uuid = {each.board.uuid: each for each in found}
    yield from (by_uuid[board.uuid] for board in selection.boards)
