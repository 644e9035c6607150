"""The devices that the daemon's lists stand for, each once."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from carbonsdk.plugin import CounterReading, Device, DeviceKind, PowerReading, Quality, Reading, Sensor, SensorAbsent
from carbonsdk_zeusd.daemon import Gpu, Zeusd

PACKAGE_BIAS = 0.1
"""The daemon does not say whose processor it is: of what carbonsdk's rapl states for Intel (5 %) and AMD (10 %), the wider."""

DRAM_BIAS = 0.2
NVIDIA_BIAS = 0.062
"""The largest published steady error of a board (RTX 2080 Ti; Yang, Adamek and Armour, arXiv:2312.02741), for all of them."""

OTHER_BIAS = 0.1  # AMD publishes none: wider, to be careful.

RAPL_REFRESH_S = 0.000976  # Intel SDM, volume 3B, 15.10
GPU_REFRESH_S = 0.1
_MAX_WATTS = {DeviceKind.CPU: 1500.0, DeviceKind.MEMORY: 750.0, DeviceKind.GPU: 3000.0}

_PACKAGE = re.compile(r"package-(\d+)(?:-die-\d+)?")
_DUAL_DIE = re.compile(r"\bMI250X?\b")
_LIMITS = (
    "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "NVIDIA_VISIBLE_DEVICES",
)
_NO_LIMIT = {"NVIDIA_VISIBLE_DEVICES": ("", "all", "void")}


@dataclass(frozen=True, slots=True)
class Offered:
    """A device, and how to ask for its reading now; None is the daemon's null."""

    device: Device
    take: Callable[[], Reading | None]


def packages(daemon: Zeusd, zones: Sequence[tuple[int, bool]], sys: Path) -> list[Offered]:
    """Return the packages and their memory.

    The daemon counts every top-level zone as a CPU, `psys` among them, which overlaps the packages. The zones' names may be
    read by everybody, unlike their counters, so that they tell.
    """
    offered = []
    for zone, has_dram in zones:
        name = _zone_name(sys, zone)
        match = _PACKAGE.fullmatch(name or f"package-{zone}")
        if match is None:
            continue
        note = None if name else "taken for a package: nothing here says what this RAPL zone is"
        suffix = match[0].removeprefix("package-")
        parts: list[tuple[Literal["cpu", "dram"], DeviceKind, str, str]] = [
            ("cpu", DeviceKind.CPU, match[0], f"CPU package {suffix}")
        ]
        if has_dram:
            parts.append(("dram", DeviceKind.MEMORY, f"dram-{suffix}", f"Memory of package {suffix}"))
        for part, kind, identity, label in parts:
            sensor = Sensor(
                method="RAPL through zeusd",
                quality=Quality.MEASURED,
                bias=PACKAGE_BIAS if kind is DeviceKind.CPU else DRAM_BIAS,
                refresh_s=RAPL_REFRESH_S,
                max_watts=_MAX_WATTS[kind],
                note=note,
            )
            device = Device(id=identity, kind=kind, name=label, sensor=sensor)
            offered.append(Offered(device, _counter(partial(daemon.zone_joules, zone, part))))
    return offered


def gpus(
    daemon: Zeusd, found: Sequence[Gpu], named: Sequence[str], environ: Mapping[str, str]
) -> tuple[list[Offered], str | None]:
    """Return the GPUs to be measured, and the variable that hides them, where one does.

    The daemon sees all of the machine's, whoever may use them. An MI250 shows each of its two dies as a GPU of its own, and
    tells the power of both with the even one (zeusd's documentation, "AMD GPU").
    """
    if named:
        chosen = list(found) if "all" in named else [_named(found, name) for name in named]
    else:
        limit = next((name for name in _LIMITS if name in environ and environ[name] not in _NO_LIMIT.get(name, ())), None)
        if limit is not None:
            return [], limit if found else None
        chosen = list(found)
    by_index = {gpu.index: gpu for gpu in found}
    boards = (by_index.get(gpu.index - 1, gpu) if _is_second_die(gpu) else gpu for gpu in chosen)
    return [_board(daemon, gpu) for gpu in dict.fromkeys(boards)], None


def _board(daemon: Zeusd, gpu: Gpu) -> Offered:
    sensor = Sensor(
        method="GPU energy counter through zeusd",
        quality=Quality.MEASURED,
        bias=NVIDIA_BIAS if "NVIDIA" in gpu.name else OTHER_BIAS,
        refresh_s=GPU_REFRESH_S,
        max_watts=_MAX_WATTS[DeviceKind.GPU],
        note="shared: this is the power of both dies of its board" if _DUAL_DIE.search(gpu.name) else None,
    )
    take = _counter(partial(daemon.gpu_joules, gpu.index))
    if not gpu.counted:
        sensor = replace(sensor, method="GPU power through zeusd", quality=Quality.INTEGRATED)
        take = _power(partial(daemon.gpu_watts, gpu.index))
    # nvml and amdsmi know the board by this address as well, so that it is measured by one of them.
    aliases = frozenset({gpu.pci_address})
    return Offered(Device(id=gpu.pci_address, kind=DeviceKind.GPU, name=gpu.name, sensor=sensor, aliases=aliases), take)


def _counter(ask: Callable[[], float | None]) -> Callable[[], Reading | None]:
    def take() -> Reading | None:
        joules = ask()
        return None if joules is None else CounterReading(joules)

    return take


def _power(ask: Callable[[], float | None]) -> Callable[[], Reading | None]:
    def take() -> Reading | None:
        watts = ask()
        return None if watts is None else PowerReading(watts)

    return take


def _zone_name(sys: Path, zone: int) -> str | None:
    try:
        return (
            (sys / "class" / "powercap" / f"intel-rapl:{zone}" / "name").read_text(encoding="ascii", errors="replace").strip()
        )
    except OSError:
        return None


def _named(found: Sequence[Gpu], name: str) -> Gpu:
    for gpu in found:
        if name.lower() in (str(gpu.index), gpu.pci_address):
            return gpu
    have = ", ".join(f"{gpu.index}: {gpu.pci_address} ({gpu.name})" for gpu in found) or "none"
    raise SensorAbsent(f"zeusd's setting `gpus` names {name!r}, and the daemon has {have}")


def _is_second_die(gpu: Gpu) -> bool:
    return gpu.index % 2 == 1 and _DUAL_DIE.search(gpu.name) is not None
