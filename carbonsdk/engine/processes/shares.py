"""A family of processes' share of a device's use, since the last time it was asked for."""

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from carbonsdk.clock import Clock
from carbonsdk.engine.processes import Family, Memory
from carbonsdk.errors import DeviceLost
from carbonsdk.interfaces import Backend, SupportsProcesses, SupportsShares, SupportsUsage
from carbonsdk.model import Device
from carbonsdk.units import NS_PER_S

_CPU_WINDOW_NS = NS_PER_S // 10  # CPU time is told in ticks of 10 ms
_OWED_NS = NS_PER_S  # children are looked for once a second: older time than that is none of theirs
_GPU_WINDOW_NS = NS_PER_S  # the driver samples its processes up to six times a second


class Share(Protocol):
    """What of a device's use is this family's."""

    @property
    def measure(self) -> str:
        """Say by what the device's energy is divided."""
        ...

    def now(self) -> tuple[float, bool]:
        """Return the share, from 0 to 1, and whether anything used the device at all; raise DeviceLost where it is unknown."""
        ...


class NoShare:
    """A device that cannot be divided, and why."""

    measure = "nothing"

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def now(self) -> tuple[float, bool]:
        """Raise DeviceLost with the reason."""
        raise DeviceLost(f"not attributed: {self._reason}")


class _Totals(NamedTuple):
    own: float
    all: float


class CpuShare:
    """The family's CPU time over that of all processes, the kernel's own work being one of them. Any thread may ask."""

    measure = "CPU time"

    def __init__(self, family: Family, *, clock: Clock, machine_cpu_s: Callable[[], float], running: int = 1) -> None:
        self._family, self._clock, self._machine_cpu_s = family, clock, machine_cpu_s
        self._lock = threading.RLock()
        self._since_ns = clock.monotonic_ns()
        self._before = self._totals()
        # Until the first tick there is nothing to go by but that whoever reads this runs, as do so many others.
        self._latest = (1.0 / running, True)
        self._owed_s, self._owed_until_ns = 0.0, 0  # time that came too late for its own window

    def now(self) -> tuple[float, bool]:
        """Return the share of the CPU time since the last window; in a window that is too short, that of the one before."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            if now_ns - self._since_ns >= _CPU_WINDOW_NS:
                self._take(now_ns)
            return self._latest

    def _take(self, now_ns: int) -> None:
        totals = self._totals()
        own_s = max(0.0, totals.own - self._before.own)
        all_s = max(0.0, totals.all - self._before.all)
        # A new child brings the time that it used before it was seen, so that the part can seem greater than the whole.
        if own_s > all_s:
            self._owed_until_ns = now_ns + _OWED_NS
        elif now_ns > self._owed_until_ns:
            self._owed_s = 0.0
        due_s = own_s + self._owed_s
        counted_s = min(due_s, all_s)
        self._owed_s = due_s - counted_s
        if all_s > 0:
            self._latest = (counted_s / all_s, True)
        else:  # while nothing runs, the energy is divided as before, so that the parts still add up
            self._latest = (1.0, True) if own_s > 0 else (self._latest[0], False)
        self._before, self._since_ns = totals, now_ns

    def _totals(self) -> _Totals:
        return _Totals(self._family.cpu_s(), self._machine_cpu_s())


class MemoryShare:
    """The family's memory over that of all processes. `held` is what a look of some seconds ago has found.

    `part_bytes` tells what is held of the part of the machine that the device's energy is of, where it is of a part.
    """

    def __init__(self, held: Callable[[], Memory], part_bytes: Callable[[], float] | None = None) -> None:
        self._held, self._part_bytes = held, part_bytes

    @property
    def measure(self) -> str:
        """Say by what the device's energy is divided."""
        return self._held().method

    def now(self) -> tuple[float, bool]:
        """Return the share of what is mapped."""
        held = self._held()
        whole = max(held.own_bytes, self._part_bytes() if self._part_bytes is not None else held.all_bytes)
        return (held.own_bytes / whole, True) if whole else (0.0, False)


class GpuShare:
    """The family's part of the time that processes computed on a GPU.

    While nobody computes, those that hold the GPU (have a context on it) share it equally; without any, it is nobody's.
    """

    measure = "multiprocessor time"

    def __init__(self, device: Device, backend: SupportsShares, *, family: Family, clock: Clock) -> None:
        self._device, self._backend, self._family, self._clock = device, backend, family, clock
        self._asked_ns: int | None = None
        self._latest = (0.0, False)

    def now(self) -> tuple[float, bool]:
        """Return the share since the last window of a second, asking the driver."""
        now_ns = self._clock.monotonic_ns()
        if self._asked_ns is None or now_ns - self._asked_ns >= _GPU_WINDOW_NS:
            self._asked_ns = now_ns
            self._latest = self._ask()
        return self._latest

    def _ask(self) -> tuple[float, bool]:
        if not self._family.known_to_drivers:
            raise DeviceLost("not attributed: the driver lists the host's pids, which are not those of this container")
        shares, pids = self._backend.process_shares(self._device), self._family.pids
        own, whole = sum(share for pid, share in shares.items() if pid in pids), sum(shares.values())
        if whole > 0:
            return min(1.0, own / whole), True
        holders = self._backend.process_ids(self._device) if isinstance(self._backend, SupportsProcesses) else frozenset()
        return (len(holders & pids) / len(holders) if holders else 0.0), False


def partial_use(backend: Backend, device: Device) -> Callable[[], float] | None:
    """Return the function that tells the use of the part of the machine that a backend sees; None if it sees all."""
    if isinstance(backend, SupportsUsage) and backend.usage(device) is not None:
        return lambda: backend.usage(device) or 0.0
    return None
