"""NVIDIA GPUs, through the driver's management library."""

import os
from dataclasses import dataclass
from typing import Literal

from carbonsdk.plugin import Backend, Context, DeviceKind, Registration, hookimpl


@dataclass(frozen=True, slots=True)
class NvmlSettings:
    """Which GPUs are measured, and how where they have no energy counter.

    `devices` names them by UUID (or the beginning of one), MIG instance, PCI bus id or NVML's index; `("all",)` is every
    GPU of the machine. Empty means those that CUDA shows to this process. `power` chooses between the sensor's instant and its
    average over one second; `auto` takes what suits the model.
    """

    devices: tuple[str, ...] = ()
    power: Literal["auto", "average", "instant"] = "auto"


def _nvml(context: Context) -> Backend:
    from carbonsdk.backends.nvml.driver import require_library

    require_library()
    from carbonsdk.backends.nvml.backend import NvmlBackend

    # CUDA_VISIBLE_DEVICES and its kin are CUDA's variables, not settings of carbonsdk: what CUDA reads is read here.
    return NvmlBackend(context.settings, environ=dict(os.environ))


@hookimpl
def carbonsdk_backends() -> list[Registration[Backend]]:
    """Register the NVML backend."""
    return [
        Registration(
            name="nvml",
            factory=_nvml,
            settings=NvmlSettings,
            preference=100,
            kinds=frozenset({DeviceKind.GPU}),
            summary="NVIDIA GPUs: the driver's energy counter, else its power sensor",
        )
    ]
