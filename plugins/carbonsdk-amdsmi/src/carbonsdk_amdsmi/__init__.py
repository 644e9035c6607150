"""AMD GPUs, through AMD SMI."""

import os
import time
from dataclasses import dataclass

from carbonsdk.plugin import Backend, Context, DeviceKind, Registration, SettingsError, hookimpl


@dataclass(frozen=True, slots=True)
class AmdsmiSettings:
    """Which GPUs are measured, and how long their counters are tried.

    `devices` names them by UUID, PCI address or their number in PCI order; `("all",)` is every GPU of the machine. Empty means
    those that ROCm shows to this process. For `check_s` at the start each energy counter is held against power.
    """

    devices: tuple[str, ...] = ()
    check_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.check_s <= 60:
            raise SettingsError(f"amdsmi: check_s is more than 0 and at most 60, not {self.check_s!r}")


def _amdsmi(context: Context) -> Backend:
    from carbonsdk_amdsmi.backend import AmdsmiBackend

    # The variables are ROCm's, not settings of carbonsdk: what ROCm reads is read here.
    return AmdsmiBackend(context.settings, clock=context.clock, environ=dict(os.environ), wait=time.sleep)


@hookimpl
def carbonsdk_backends() -> list[Registration[Backend]]:
    """Register AMD SMI."""
    return [
        Registration(
            name="amdsmi",
            factory=_amdsmi,
            settings=AmdsmiSettings,
            preference=100,
            kinds=frozenset({DeviceKind.GPU}),
            summary="AMD GPUs: the energy counter where it agrees with the power sensor, else that",
        )
    ]
