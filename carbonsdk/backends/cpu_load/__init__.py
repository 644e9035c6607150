"""CPU energy estimated from load, and memory energy from capacity, where no sensor answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Backend, Context, DeviceKind, Registration, SettingsError, hookimpl


@dataclass(frozen=True, slots=True)
class CpuLoadSettings:
    """Figures of your own instead of the tables', and where the kernel tells of CPU time.

    `cpu_tdp_watts` is of all sockets together. `cpu_idle_watts` is what they draw idle, as you measured it.
    `memory_watts_per_gb` is the power of a GiB of memory. `memory_kind` (`DDR5`, `LPDDR4`) is taken in the place of what the
    firmware says, which is looked up under `run` and `sys`.
    """

    cpu_tdp_watts: float | None = None
    cpu_idle_watts: float | None = None
    memory_watts_per_gb: float | None = None
    proc: Path = Path("/proc")
    cgroup: Path = Path("/sys/fs/cgroup")
    memory_kind: str | None = None
    run: Path = Path("/run")
    sys: Path = Path("/sys")

    def __post_init__(self) -> None:
        for name in ("cpu_tdp_watts", "cpu_idle_watts", "memory_watts_per_gb"):
            watts = getattr(self, name)
            if watts is not None and not 0 <= watts < float("inf"):
                raise SettingsError(f"cpu_load: {name} is a number from 0 up, not {watts!r}")
        if self.memory_kind is not None:
            from carbonsdk.backends.cpu_load.modules import VOLTS, kind_named

            if kind_named(self.memory_kind) is None:
                raise SettingsError(f"cpu_load: memory_kind is one of {', '.join(VOLTS)}, not {self.memory_kind!r}")


def _backend(context: Context) -> Backend:
    from carbonsdk.backends.cpu_load.backend import CpuLoadBackend

    return CpuLoadBackend(context.settings, clock=context.clock)


@hookimpl
def carbonsdk_backends() -> Iterable[Registration[Backend]]:
    """Register the estimate, which every machine has and every sensor beats."""
    return [
        Registration(
            name="cpu_load",
            factory=_backend,
            settings=CpuLoadSettings,
            preference=10,
            inline=True,
            kinds=frozenset({DeviceKind.CPU, DeviceKind.MEMORY}),
            summary="CPU estimated from its load and thermal design power, memory from its capacity",
        )
    ]
