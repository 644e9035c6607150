"""pynvml: the one place that imports it, opens and shuts NVML, and says what its errors mean."""

import ctypes
import sys
from typing import Any

from carbonsdk.plugin import BackendUnavailable, DeviceLost, GiveUp, PermissionDenied, RetryLater, SensorAbsent

_LOST = (
    "NVML_ERROR_GPU_IS_LOST",
    "NVML_ERROR_RESET_REQUIRED",
    "NVML_ERROR_GPU_NOT_FOUND",
    "NVML_ERROR_NOT_FOUND",
    "NVML_ERROR_INVALID_ARGUMENT",
    "NVML_ERROR_NOT_SUPPORTED",
    "NVML_ERROR_NO_PERMISSION",
)
_OVER = ("NVML_ERROR_DRIVER_NOT_LOADED", "NVML_ERROR_LIB_RM_VERSION_MISMATCH", "NVML_ERROR_LIBRARY_NOT_FOUND")
_ADVICE = {
    "NVML_ERROR_LIBRARY_NOT_FOUND": (
        "libnvidia-ml.so.1 is not on this machine: install the NVIDIA driver, or start the container with `--gpus all`"
        " (NVIDIA_DRIVER_CAPABILITIES must include `utility`)"
    ),
    "NVML_ERROR_DRIVER_NOT_LOADED": "the NVIDIA kernel driver is not loaded: load it with `modprobe nvidia` or install it",
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": (
        "the NVIDIA kernel module and library are of different versions, as after an upgrade: reboot, or reload the module"
    ),
}


def require_library() -> None:
    """Raise SensorAbsent where there is no driver: most machines have none, and are spared the import of a large module."""
    if sys.platform != "linux":
        return  # elsewhere the library has more homes than one, and pynvml knows them
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        raise SensorAbsent(_ADVICE["NVML_ERROR_LIBRARY_NOT_FOUND"]) from None


def load_pynvml() -> Any:
    """Return the module `pynvml` of nvidia-ml-py; raise SensorAbsent where it is missing or shadowed."""
    try:
        import pynvml
    except ImportError as error:
        raise SensorAbsent(f"the module pynvml cannot be imported ({error}): `pip install nvidia-ml-py`") from error
    # An old fork of the same name lacks calls and names errors otherwise.
    if not hasattr(pynvml, "_nvmlGetFunctionPointer"):
        raise SensorAbsent(
            f"an old fork of pynvml shadows NVIDIA's ({getattr(pynvml, '__file__', None)}): `pip uninstall pynvml`, then"
            " `pip install --force-reinstall nvidia-ml-py`"
        )
    return pynvml


def open_nvml(nvml: Any) -> None:
    """Initialise NVML, which counts its users; raise BackendUnavailable of the fitting kind."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise unavailable(nvml, error) from error


def unavailable(nvml: Any, error: Any) -> BackendUnavailable:
    """Return why NVML as a whole cannot be used."""
    if error.value == nvml.NVML_ERROR_NO_PERMISSION:
        return PermissionDenied(
            "the NVIDIA driver refuses this user: allow /dev/nvidiactl and /dev/nvidia* (the group `video` or `render`,"
            " or the container's device rules)"
        )
    advice = next((text for name, text in _ADVICE.items() if error.value == getattr(nvml, name)), None)
    return SensorAbsent(advice or f"NVML cannot be initialised: {explain(error)}; see what `nvidia-smi` says")


def failure(nvml: Any, error: Any, device: str) -> RetryLater | DeviceLost | GiveUp:
    """Return what an error of one reading means for the readings to come."""
    text = f"{device}: {explain(error)}"
    if _is_one_of(nvml, error, _LOST):
        return DeviceLost(text)
    if _is_one_of(nvml, error, _OVER):
        return GiveUp(f"{text}; see what `nvidia-smi` says")
    return RetryLater(text)


def explain(error: Any) -> str:
    """Return an NVMLError's text with its number, which the driver's documentation is sorted by."""
    return f"{error} (NVML error {error.value})"


def _is_one_of(nvml: Any, error: Any, names: tuple[str, ...]) -> bool:
    # Older releases of nvidia-ml-py lack some of the names.
    return any(error.value == getattr(nvml, name, None) for name in names)
