"""RAPL: the energy counters of Intel and AMD processors, by powercap or by perf events."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Backend, Context, DeviceKind, Registration, SettingsError, hookimpl

INTERFACES = ("auto", "powercap", "perf")


@dataclass(frozen=True, slots=True)
class RaplSettings:
    """Where and how to read RAPL.

    `root` is where sysfs is mounted (`/host/sys` for a host's tree in a container). `interface` is `powercap`, `perf` or
    `auto`, the better of the two that answers. `psys` reads the platform counter, and that alone: it overlaps all others.
    `proc` is where processors are named.
    """

    root: Path = Path("/sys")
    interface: str = "auto"
    psys: bool = False
    proc: Path = Path("/proc")

    def __post_init__(self) -> None:
        if self.interface not in INTERFACES:
            raise SettingsError(f"rapl: interface={self.interface!r} is none of {', '.join(INTERFACES)}")


def _backend(context: Context) -> Backend:
    from carbonsdk.backends.rapl.backend import RaplBackend

    return RaplBackend(context.settings, log=context.log)


@hookimpl
def carbonsdk_backends() -> Iterable[Registration[Backend]]:
    """Register RAPL."""
    return [
        Registration(
            name="rapl",
            factory=_backend,
            settings=RaplSettings,
            preference=100,
            inline=True,
            kinds=frozenset({DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.NODE}),
            summary="energy counters of Intel and AMD processors and their memory",
        )
    ]
