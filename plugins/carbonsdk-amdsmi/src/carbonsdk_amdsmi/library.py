"""AMD SMI: the one place that imports its Python module, opens it, and says what its errors mean."""

import ctypes
import importlib
import importlib.util
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any

from carbonsdk.plugin import BackendUnavailable, DeviceLost, GiveUp, PermissionDenied, RetryLater, SensorAbsent

LIBRARY = "libamd_smi.so"
_ROCM = Path("/opt/rocm")
_MATCHING = "`pip install /opt/rocm/share/amd_smi` has the one of this machine's ROCm"


class Status(IntEnum):
    """The statuses that are told apart here, as `amdsmi.h` numbers them."""

    NOT_SUPPORTED = 2
    TIMEOUT = 8
    RETRY = 9
    NO_PERM = 10
    INTERRUPT = 11
    IO = 12
    FILE_ERROR = 14
    BUSY = 30
    NOT_FOUND = 31
    NOT_INIT = 32
    DRIVER_NOT_LOADED = 34
    NO_DATA = 40
    NO_DRV = 51


_PASSING = {Status.TIMEOUT, Status.RETRY, Status.INTERRUPT, Status.IO, Status.BUSY, Status.NO_DATA}
_NO_DRIVER = {Status.DRIVER_NOT_LOADED, Status.NO_DRV}


def load_amdsmi() -> Any:
    """Return the module `amdsmi`; raise SensorAbsent where it or its library is missing, or they do not fit each other."""
    if "amdsmi" not in sys.modules:
        found = importlib.util.find_spec("amdsmi")
        if found is None or found.origin is None:
            raise SensorAbsent(f"the Python module amdsmi is not installed: {_MATCHING}")
        # Without its library the module prints to stdout as it is imported, and fails in the middle.
        if not any(_loads(place) for place in _places(Path(found.origin).parent)):
            raise SensorAbsent(
                f"{LIBRARY} is not on this machine: install the package amd-smi-lib or ROCm, and set ROCM_PATH if it is not in"
                f" {_ROCM}"
            )
    try:
        return importlib.import_module("amdsmi")
    except (ImportError, AttributeError, KeyError, OSError) as error:
        raise SensorAbsent(f"the Python module amdsmi and {LIBRARY} do not fit each other ({error}): {_MATCHING}") from error


def open_amdsmi(amdsmi: Any) -> None:
    """Initialise AMD SMI for GPUs; raise BackendUnavailable of the fitting kind."""
    try:
        amdsmi.amdsmi_init()
    except amdsmi.AmdSmiException as error:
        raise _unavailable(error) from error


def code(error: Any) -> int | None:
    """Return the status in an error of the module, where it carries one."""
    return getattr(error, "err_code", None)


def explain(error: Any) -> str:
    """Return an error's text in a line."""
    return " ".join(str(error).split())


def failure(error: Any, device: str) -> RetryLater | DeviceLost | GiveUp:
    """Return what an error of one reading means for the readings to come."""
    text = f"{device}: {explain(error)}"
    status = code(error)
    if status is None or status in _PASSING:
        return RetryLater(text)
    if status in _NO_DRIVER:
        return GiveUp(f"{text}; see what `amd-smi list` says")
    return DeviceLost(text)


def _unavailable(error: Any) -> BackendUnavailable:
    status = code(error)
    if status == Status.NO_PERM:
        return PermissionDenied(
            "the amdgpu driver refuses this user: allow /dev/kfd and /dev/dri/* (the groups `render` and `video`, or"
            " `--device=/dev/kfd --device=/dev/dri` of the container)"
        )
    if status in _NO_DRIVER:
        return SensorAbsent("the amdgpu driver is not loaded: load it with `modprobe amdgpu` or install it")
    return SensorAbsent(f"AMD SMI cannot be initialised: {explain(error)}; see what `amd-smi list` says")


def _places(package: Path) -> list[str]:
    """Return where the module looks for its library, in its order (amdsmi_wrapper.py, 6.0 to 7.0)."""
    own = os.environ.get("ROCM_HOME") or os.environ.get("ROCM_PATH")
    named = [str(Path(own) / "lib" / LIBRARY)] if own else []
    return [*named, LIBRARY, str(package / LIBRARY), str(Path(os.environ.get("ROCM_PATH") or _ROCM) / "lib" / LIBRARY)]


def _loads(place: str) -> bool:
    try:
        ctypes.CDLL(place)
    except OSError:
        return False
    return True
