"""What a fake GPU is, draws and does wrong, and how the fake library is told of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from carbonsdk.testing.profile import Profile


class Architecture(IntEnum):
    """NVML's numbers for the chip generations."""

    PASCAL = 4
    VOLTA = 5
    TURING = 6
    AMPERE = 7
    ADA = 8
    HOPPER = 9
    BLACKWELL = 10


class NvmlCode(IntEnum):
    """NVML's return codes that drivers have been seen to give."""

    SUCCESS = 0
    UNINITIALIZED = 1
    INVALID_ARGUMENT = 2
    NOT_SUPPORTED = 3
    NO_PERMISSION = 4
    NOT_FOUND = 6
    DRIVER_NOT_LOADED = 9
    TIMEOUT = 10
    GPU_IS_LOST = 15
    RESET_REQUIRED = 16
    LIB_RM_VERSION_MISMATCH = 18
    UNKNOWN = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one call while the clock is in [start_s, end_s), the first `times` times (0: every time).

    `call` is NVML's function without its version suffix (`nvmlDeviceGetPowerUsage`), `field:186` for one field value, or `*`.
    The call first hangs for `hang_s` of real time, then fails with `code`, or else answers `value` in its own unit.
    """

    call: str
    start_s: float = 0.0
    end_s: float = math.inf
    times: int = 0
    code: NvmlCode = NvmlCode.SUCCESS
    hang_s: float = 0.0
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeProcess:
    """A process on a GPU; `sm_percent` is its share of the streaming multiprocessors."""

    pid: int
    graphics: bool = False
    used_bytes: int = 1 << 30
    sm_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeGpu:
    """One board, and the power that it draws.

    The energy counter moves every `counter_step_s`; `counter_scale` makes it disagree with the power sensor, and at each of
    `counter_resets_s` it starts again at 0. The power sensor is renewed every `power_step_s` and shows the mean of the
    `power_window_s` before that (0: the instant). `power_usage` is what `nvmlDeviceGetPowerUsage` gives; `average` and
    `instant` say whether field values 185 and 186 answer. `module` is the power of a whole Grace-Hopper module, which the
    counter then counts. `mig` is None where the board knows no MIG, else the UUIDs of its instances.
    """

    uuid: str
    profile: Profile
    name: str | bytes = "NVIDIA H100 80GB HBM3"
    bus_id: str = "00000000:01:00.0"
    architecture: int = Architecture.HOPPER
    limit_watts: float | None = 700.0
    counter: bool = True
    counter_step_s: float = 0.1
    counter_offset_joules: float = 0.0
    counter_scale: float = 1.0
    counter_resets_s: tuple[float, ...] = ()
    power_usage: Literal["average", "instant"] | None = "average"
    average: bool = True
    instant: bool = True
    power_step_s: float = 0.0
    power_window_s: float = 0.0
    module: Profile | None = None
    module_limit_watts: float = 1000.0
    mig: tuple[str, ...] | None = None
    cores: int = 0
    clock_mhz: int = 0
    processes: tuple[FakeProcess, ...] = ()
    faults: tuple[Fault, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the description that the library reads."""
        name = self.name if isinstance(self.name, bytes) else self.name.encode()
        usage = {None: 0, "instant": 1, "average": 2}[self.power_usage]
        limits_mw = [round(watts * 1000) for watts in (self.limit_watts or 0.0, self.module_limit_watts)]
        yield "gpu"
        yield f"uuid {self.uuid}"
        yield f"bus {self.bus_id}"
        yield f"name {name.hex()}"
        yield f"chip {int(self.architecture)} {limits_mw[0]} {self.cores} {self.clock_mhz} {limits_mw[1]}"
        yield f"counter {self.counter:d} {self.counter_step_s!r} {self.counter_offset_joules!r} {self.counter_scale!r}"
        yield f"power {usage} {self.average:d} {self.instant:d} {self.power_step_s!r} {self.power_window_s!r}"
        yield f"mig_mode {-1 if self.mig is None else 1}"
        yield from _curves("curve", self.profile)
        if self.module is not None:
            yield from _curves("module", self.module)
        yield from (f"mig {uuid}" for uuid in self.mig or ())
        yield from (f"reset {at_s!r}" for at_s in self.counter_resets_s)
        yield from (f"process {each.pid} {each.graphics:d} {each.used_bytes} {each.sm_percent}" for each in self.processes)
        yield from map(_fault, self.faults)


def _curves(key: str, profile: Profile) -> Iterator[str]:
    for curve in profile.curves:
        points = " ".join(f"{t_s!r} {watts!r}" for t_s, watts in zip(curve.times, curve.values, strict=True))
        yield f"{key} {curve.repeat:d} {len(curve.times)} {points}"


def _fault(fault: Fault) -> str:
    value = "0 0" if fault.value is None else f"1 {fault.value}"
    return f"fault {fault.call} {fault.start_s!r} {fault.end_s!r} {fault.times} {fault.hang_s!r} {int(fault.code)} {value}"
