"""CPU time used so far, of the part of the machine that this process was given.

- Under a cgroup quota (a container with `--cpus`), it is the time that the group has used.
- With an affinity to some CPUs (`taskset`, Slurm), it is the time that anything ran on those.
- Otherwise it is the time that anything ran on the machine.
- In a sandbox that does not tell (gVisor), it is the time of the processes that are seen.

In each case load is that time over all the machine's CPUs: the part is charged what the machine would draw if it ran
nothing else.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.backends.cpu_load.cgroup import cpu_limit
from carbonsdk.plugin import RetryLater


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is observed: `busy_s` returns its CPU seconds so far, told in steps of `step_s`, on a machine of `cpus` CPUs."""

    busy_s: Callable[[], float]
    step_s: float
    cpus: int
    note: str


def observed_scope(proc: Path, cgroup: Path) -> Scope:
    """Return the scope that this process is confined to."""
    if not (proc / "stat").is_file():
        return _by_psutil()
    stat = ProcStat(proc / "stat")
    cpus = len(stat.numbers) or os.cpu_count() or 1
    limit = cpu_limit(proc, cgroup)
    if limit is not None and limit.cores < cpus:
        note = f"load of this control group, which may use {limit.cores:g} of {cpus} CPUs"
        return Scope(busy_s=limit.used_s, step_s=1e-6, cpus=cpus, note=note)
    if not stat.tells:
        note = f"load of the processes that are seen here, on {cpus} CPUs: this sandbox tells of no others"
        return Scope(busy_s=lambda: processes_s(proc, stat.tick_s), step_s=stat.tick_s, cpus=cpus, note=note)
    allowed = allowed_cpus(proc) & stat.numbers
    if allowed and allowed < stat.numbers:
        which = "the CPU" if len(allowed) == 1 else f"the {len(allowed)} CPUs"
        note = f"load of {which} that this process may run on, of {cpus}"
        return Scope(busy_s=lambda: stat.busy_s(allowed), step_s=stat.tick_s, cpus=cpus, note=note)
    return Scope(busy_s=stat.busy_s, step_s=stat.tick_s, cpus=cpus, note=f"load of {cpus} CPUs")


class ProcStat:
    """Reads `/proc/stat`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        self.numbers = frozenset(self._times())
        self.tells = any(ticks > 0 for ticks in self._times(idle=True).values())

    def busy_s(self, cpus: frozenset[int] | None = None) -> float:
        """Return the seconds that something ran, on all CPUs or on some."""
        if cpus is None:  # the first line sums them up, and large machines have hundreds
            return _ticks(self._read().partition(b"\n")[0]) * self.tick_s
        return sum(ticks for number, ticks in self._times().items() if number in cpus) * self.tick_s

    def _times(self, *, idle: bool = False) -> dict[int, int]:
        lines = self._read().splitlines()
        return {int(line[3 : line.index(b" ")]): _ticks(line, idle=idle) for line in lines if re.match(rb"cpu\d", line)}

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise RetryLater(f"{self._path}: {error.strerror}") from error


def _ticks(line: bytes, *, idle: bool = False) -> int:
    """Return the ticks that something ran, or with `idle` those that were counted at all."""
    user, nice, system, at_rest, waiting, irq, softirq = (int(field) for field in line.split()[1:8])
    # `steal` is another guest's time, and `guest` is in `user` already (proc(5)).
    return user + nice + system + irq + softirq + (at_rest + waiting if idle else 0)


def processes_s(proc: Path, tick_s: float) -> float:
    """Return the CPU seconds of all processes that are seen, and of those that they waited for."""
    ticks = 0
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):  # it has ended
                stat = (folder / "stat").read_bytes()
                ticks += sum(map(int, stat[stat.rfind(b")") + 2 :].split()[11:15]))  # utime, stime, cutime, cstime
    return ticks * tick_s


def allowed_cpus(proc: Path) -> frozenset[int]:
    """Return the CPUs that some thread of this process may run on; none where that is not told.

    OpenMP binds each of its threads to a CPU of its own (`OMP_PROC_BIND`), the main thread among them.
    """
    numbers: set[int] = set()
    for status in (*(proc / "self" / "task").glob("*/status"), proc / "self" / "status"):
        with suppress(OSError):  # the thread has ended
            text = status.read_text(encoding="utf-8", errors="replace")
            found = re.search(r"^Cpus_allowed_list:\s*([\d,-]+)$", text, flags=re.MULTILINE)
            for part in found[1].split(",") if found else ():
                first, _, last = part.partition("-")
                numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def _by_psutil() -> Scope:
    """Return the whole machine, as psutil sees it on macOS and Windows."""
    import psutil

    def busy_s() -> float:
        times = psutil.cpu_times()
        return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))

    cpus = psutil.cpu_count() or 1
    return Scope(busy_s=busy_s, step_s=0.02, cpus=cpus, note=f"load of {cpus} CPUs")
