"""List the boards that NVML sees, whatever state each is in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from carbonsdk.backends.nvml.driver import explain
from carbonsdk.backends.nvml.visible import Board


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A board, its handle, and what keeps it from being used, if anything does."""

    board: Board
    handle: Any
    architecture: int | None = None
    problem: str | None = None


def found_boards(nvml: Any) -> tuple[list[Found], int]:
    """Return the boards in NVML's order, and how many more this process may not use.

    A device that the cgroup withholds is counted by NVML but refused with "no permission"; CUDA does not see it either.
    """
    found: list[Found] = []
    withheld = 0
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_NO_PERMISSION:
                withheld += 1
            else:
                found.append(_broken(index, error))
        else:
            found.append(_describe(nvml, handle, len(found)))
    return _with_speeds(nvml, found), withheld


def _broken(index: int, error: Any) -> Found:
    board = Board(index=index, uuid=f"index-{index}", name=f"GPU {index}")
    return Found(board=board, handle=None, problem=explain(error))


def _describe(nvml: Any, handle: Any, index: int) -> Found:
    pci = attempt(nvml, nvml.nvmlDeviceGetPciInfo, handle)
    bus_id = decoded(pci.busId) if pci is not None else ""
    mig = attempt(nvml, nvml.nvmlDeviceGetMigMode, handle)
    enabled = bool(mig and mig[0])
    board = Board(
        index=index,
        uuid=_text(nvml, nvml.nvmlDeviceGetUUID, handle) or bus_id or f"index-{index}",
        bus_id=bus_id,
        name=_text(nvml, nvml.nvmlDeviceGetName, handle) or "NVIDIA GPU",
        mig=enabled,
        instances=tuple(_instances(nvml, handle)) if enabled else (),
    )
    return Found(board=board, handle=handle, architecture=attempt(nvml, nvml.nvmlDeviceGetArchitecture, handle))


def _instances(nvml: Any, handle: Any) -> Iterator[str]:
    for index in range(attempt(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        instance = attempt(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        uuid = None if instance is None else _text(nvml, nvml.nvmlDeviceGetUUID, instance)
        if uuid:
            yield uuid


def _with_speeds(nvml: Any, found: list[Found]) -> list[Found]:
    """Add what CUDA's order depends on, where boards differ."""
    if len({each.board.name for each in found}) <= 1:
        return found
    return [replace(each, board=replace(each.board, speed=_speed(nvml, each.handle))) for each in found]


def _speed(nvml: Any, handle: Any) -> float:
    if handle is None:
        return 0.0
    cores = attempt(nvml, nvml.nvmlDeviceGetNumGpuCores, handle) or 0
    return float(cores * (attempt(nvml, nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_SM) or 0))


def attempt(nvml: Any, call: Callable[..., Any], *args: Any) -> Any:
    """Return what a call answers, or None where this board or driver does not."""
    try:
        return call(*args)
    except nvml.NVMLError:
        return None


def _text(nvml: Any, call: Callable[[Any], str | bytes], handle: Any) -> str:
    try:
        value = attempt(nvml, call, handle) or b""
    except UnicodeDecodeError as error:  # pynvml decodes strictly; the exception holds the driver's bytes
        value = error.object
    return decoded(value)


def decoded(value: str | bytes) -> str:
    """Return a text of the driver's, whatever its bytes; what cannot be printed becomes a replacement character."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return "".join(each if each.isprintable() else "\ufffd" for each in text.strip("\0 "))
