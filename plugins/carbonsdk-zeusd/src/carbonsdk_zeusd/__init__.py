"""CPU, memory and GPU energy through zeusd, a privileged daemon, for users without root."""

import os
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Backend, Context, DeviceKind, Registration, Secret, SettingsError, hookimpl

DEFAULT_SOCKET = Path("/run/zeusd/zeusd.sock")


@dataclass(frozen=True, slots=True)
class ZeusdSettings:
    """Where the daemon answers, and what of it is measured.

    `socket_path` is its Unix socket; unset is what ZEUSD_SOCK_PATH names, else the daemon's default. `token` is for a daemon
    that wants one; unset is ZEUSD_TOKEN. `gpus` names GPUs by the daemon's index or their PCI address, and `("all",)` is every
    one; empty means all, unless a variable of the GPU's runtime shows this process only some of them: then none. A request may
    take `deadline_s`. `sys` is where sysfs is mounted, which says what each RAPL zone is.
    """

    socket_path: Path | None = None
    token: Secret | None = None
    gpus: tuple[str, ...] = ()
    deadline_s: float = 2.0
    sys: Path = Path("/sys")

    def __post_init__(self) -> None:
        if not 0 < self.deadline_s <= 60:
            raise SettingsError(f"zeusd: deadline_s is more than 0 and at most 60, not {self.deadline_s!r}")


def _zeusd(context: Context) -> Backend:
    from carbonsdk_zeusd.backend import ZeusdBackend
    from carbonsdk_zeusd.daemon import Zeusd
    from carbonsdk_zeusd.unix_http import UnixHttp

    settings: ZeusdSettings = context.settings
    # These are the names that every client of the daemon goes by, not settings of carbonsdk.
    path = settings.socket_path or Path(os.environ.get("ZEUSD_SOCK_PATH") or DEFAULT_SOCKET)
    token = settings.token or Secret(os.environ.get("ZEUSD_TOKEN", ""))
    daemon = Zeusd(UnixHttp(path, token=token, deadline_s=settings.deadline_s))
    return ZeusdBackend(daemon, settings, environ=dict(os.environ))


@hookimpl
def carbonsdk_backends() -> list[Registration[Backend]]:
    """Register the daemon, below RAPL and NVML themselves: they spare the detour where they may be read."""
    return [
        Registration(
            name="zeusd",
            factory=_zeusd,
            settings=ZeusdSettings,
            preference=90,
            kinds=frozenset({DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.GPU}),
            summary="energy counters of CPUs, memory and GPUs, through the zeusd daemon's socket",
        )
    ]
