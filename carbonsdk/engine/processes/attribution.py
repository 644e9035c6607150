"""This process's part of the machine's energy.

A process has no meter. What it used is a share of what each device used, and the share changes all the time, so it is a
factor of the *steps* of a device's curve: between two readings the curve rises by `share × joules`, with the share of just that
time. Wraps, gaps, faults and integration stay where they are for the machine; epochs, spans and CO2eq come out as always. The
shares of all processes add up to one, hence their energies to the machine's.

The share is CPU time over that of all processes (cpu, soc), proportional set size over all that is mapped (memory), time on
the multiprocessors over that of all processes (gpu). Nothing of the kind is known of whole nodes and of other devices.

There are two policies, and no right one. `including_idle` divides all of the energy by activity: who is alone on an idle
machine is charged the machine. `active` divides only what exceeds the idle power that `carbonsdk baseline` has measured: the
rest is the machine's own, whoever runs on it. Σ processes (+ what is idle) = machine, step by step.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from carbonsdk.clock import Clock
from carbonsdk.engine.baselines import Baseline, Baselines
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.ledger.accounting import Part
from carbonsdk.engine.processes import Family, Memory
from carbonsdk.engine.processes.shares import CpuShare, GpuShare, MemoryShare, NoShare, Share, partial_use
from carbonsdk.interfaces import Backend, SupportsShares
from carbonsdk.model import Device, DeviceKind, Quality
from carbonsdk.units import NS_PER_S

ACTIVE, INCLUDING_IDLE = "active", "including_idle"

SHARE_BIAS = 0.5
"""Half-width of a 95 % interval of the share, relative to it.

Seconds of CPU time are not equal: on the machines of `benchmarks/load_curve.py` a package drew up to 2.9 times as much in
one way of loading as in another at the same load (19 of 20 pairs), and two processes of which one draws r times as much are
each (r - 1) / (r + 1) of their equal shares away from the truth. The same is taken to hold of memory and GPUs.
"""

_NO_BASELINE = (
    "no idle power of it is known, above which a process is active; measure it with `carbonsdk baseline`, or choose"
    f' share_policy="{INCLUDING_IDLE}"'
)
_REFRESH_NS = NS_PER_S
_MEMORY_NS = 5 * NS_PER_S
_SPARING = 100  # looking through all processes may take this part of the time


class Attribution:
    """Divides each device's energy by a family of processes' share of its use.

    `refresh` looks through all processes, which may take milliseconds, and is for a thread that nobody waits for.
    """

    def __init__(self, policy: str, *, family: Callable[[], Family], clock: Clock, baselines: Baselines) -> None:
        self.policy = policy
        self._make_family, self._clock, self._baselines = family, clock, baselines
        self._family: Family | None = None
        self._held: Memory | None = None
        self._of_cpus: CpuShare | None = None
        self._needs_memory = False
        self._lock = threading.RLock()
        self._next_look_ns = self._next_memory_ns = 0

    def adopt(self, device: Device, backend: Backend) -> tuple[Device, Callable[[], Part]]:
        """Return a device as it is to be known, and the function that tells what is counted of the time since its last call.

        That function raises DeviceLost where the share is unknown; it is called in the thread that reads the device.
        """
        baseline = self._baselines.of(device) if self.policy == ACTIVE else None
        share = NoShare(_NO_BASELINE) if self.policy == ACTIVE and baseline is None else self._share(device, backend)
        return self._labelled(device, share, baseline), lambda: self._part(share, baseline)

    def owned(self, device: Device) -> Device:
        """Return a device as this family's: those of several processes of a run add up, and are not one seen twice."""
        return replace(device, id=f"{device.id}/process-{self._members().root}")

    def refresh(self) -> None:
        """Look for new children, and at what memory the family holds, where that is due."""
        with self._lock:
            family, now_ns = self._members(), self._clock.monotonic_ns()
            if now_ns >= self._next_look_ns:
                self._next_look_ns = now_ns + max(_REFRESH_NS, _SPARING * _cost_ns(family.refresh))
            if self._needs_memory and now_ns >= self._next_memory_ns:
                self._next_memory_ns = now_ns + max(_MEMORY_NS, _SPARING * _cost_ns(self._weigh))

    def _members(self) -> Family:
        if self._family is None:
            self._family = self._make_family()
        return self._family

    def _weigh(self) -> None:
        self._held = self._members().memory()

    def _share(self, device: Device, backend: Backend) -> Share:
        with self._lock, Guard("the share of a device") as guard:
            family = self._members()
            match device.kind:
                case DeviceKind.CPU | DeviceKind.SOC:
                    part_s = partial_use(backend, device)
                    if part_s is not None:
                        return CpuShare(family, clock=self._clock, machine_cpu_s=part_s)
                    if self._of_cpus is None:  # all packages are divided alike
                        whole, running = family.machine_cpu_s, family.running()
                        self._of_cpus = CpuShare(family, clock=self._clock, machine_cpu_s=whole, running=running)
                    return self._of_cpus
                case DeviceKind.MEMORY:
                    self._needs_memory = True
                    self._weigh()
                    return MemoryShare(self._memory, partial_use(backend, device))
                case DeviceKind.GPU if isinstance(backend, SupportsShares):
                    return GpuShare(device, backend, family=family, clock=self._clock)
        if guard.error is not None:  # a system that tells less than it should costs this device alone
            return NoShare(f"{type(guard.error).__name__}: {guard.error}")
        who = f"{device.backend} does not tell" if device.kind is DeviceKind.GPU else "nothing tells"
        return NoShare(f"{who} which process uses a {device.kind} how much")

    def _memory(self) -> Memory:
        assert self._held is not None  # noqa: S101 - it was weighed before anybody asks
        return self._held

    @staticmethod
    def _part(share: Share, baseline: Baseline | None) -> Part:
        value, used = share.now()
        return Part(value) if baseline is None else Part(value if used else 0.0, baseline.watts)

    def _labelled(self, device: Device, share: Share, baseline: Baseline | None) -> Device:
        sensor = device.sensor
        if isinstance(share, NoShare):
            return self.owned(device)
        above = "including idle" if self.policy == INCLUDING_IDLE else "active, above idle"
        notes: Iterable[str | None] = (
            sensor.note,
            f"divided by {share.measure} ({above})",
            _measured(baseline) if baseline else None,
        )
        attributed = replace(
            sensor,
            method=f"{sensor.method}, share of {share.measure} ({above})",
            # Whatever the machine's joules are, which process used them is a model's word.
            quality=max(Quality.ESTIMATED, sensor.quality, key=lambda quality: quality.rank),
            bias=sensor.bias + SHARE_BIAS,
            note="; ".join(filter(None, notes)),
        )
        return self.owned(replace(device, sensor=attributed))


def _measured(baseline: Baseline) -> str:
    rested = ", with the machine not at rest" if baseline.busy else ""
    return f"idle {baseline.watts:.4g} W, measured {baseline.measured_at:%Y-%m-%d}{rested}"


def _cost_ns(act: Callable[[], object]) -> int:
    before_ns = time.perf_counter_ns()
    act()
    return time.perf_counter_ns() - before_ns
