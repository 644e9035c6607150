"""A family of processes as Linux tells of it, in `/proc` (proc(5))."""

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.engine.processes.family import Memory

_INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h
_ROW = re.compile(rb"^(\w+):\s+(\d+) kB", re.MULTILINE)


@dataclass(slots=True)
class _Process:
    """What `/proc/PID/stat` says: `cpu_s` is the process's own and that of the children that it has waited for."""

    pid: int
    parent: int
    started: int
    cpu_s: float


class ProcFamily:
    """A process and its descendants, found by their parents' pids.

    A process that ends hands its CPU time to the parent that waits for it, so that it stays in the sum; that of one whose
    parent is not in the family (a daemon) is kept here. What a child used that was never seen and never waited for is lost.
    Any thread may ask.
    """

    def __init__(self, proc: Path, root: int | None = None) -> None:
        self._proc = proc
        self.root = os.getpid() if root is None else root
        self._lock = threading.RLock()
        self._tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        self._members: dict[int, _Process] = {}
        self._ever: set[int] = set()
        self._departed_s = 0.0
        self._shown_s = 0.0
        self.refresh()

    @property
    def pids(self) -> frozenset[int]:
        """Return the members that were alive when `refresh` looked last."""
        with self._lock:
            return frozenset(self._members)

    @property
    def known_to_drivers(self) -> bool:
        """Return whether this is the host's own pid namespace: a driver lists the host's pids, also inside containers."""
        try:
            return str((self._proc / "self" / "ns" / "pid").readlink()) == _INITIAL_PID_NAMESPACE
        except OSError:
            return False

    def refresh(self) -> None:
        """Look through all processes for new members."""
        found = {pid: process for pid in self._all_pids() if (process := self._read(pid)) is not None}
        with self._lock:
            self._admit(found)

    def _admit(self, found: dict[int, _Process]) -> None:
        children: dict[int, list[_Process]] = {}
        for process in found.values():
            children.setdefault(process.parent, []).append(process)
        queue = [found[pid] for pid in (self.root, *self._members) if pid in found and self._is_member(found[pid])]
        seen: set[int] = set()
        while queue:
            process = queue.pop()
            if process.pid not in seen:
                seen.add(process.pid)
                self._members.setdefault(process.pid, process)
                self._ever.add(process.pid)
                queue.extend(children.get(process.pid, ()))

    def cpu_s(self) -> float:
        """Return the CPU seconds that the members used so far."""
        with self._lock:
            return self._sum_s()

    def _sum_s(self) -> float:
        living_s = 0.0
        for member in tuple(self._members.values()):  # parents first: dicts keep the order in which they were found
            now = self._read(member.pid)
            if now is not None and now.started == member.started:
                self._members[member.pid] = now
                living_s += now.cpu_s
            else:
                self._depart(member)
        # Between two reads a child's time is on its way to its parent: nothing is counted twice, or taken back.
        self._shown_s = max(self._shown_s, living_s + self._departed_s)
        return self._shown_s

    def machine_cpu_s(self) -> float:
        """Return the CPU seconds that anything ran."""
        first = (self._proc / "stat").read_bytes().partition(b"\n")[0].split()
        user, nice, system, _idle, _iowait, irq, softirq = (int(field) for field in first[1:8])
        # `steal` is another guest's time, and `guest` is in `user` already.
        return (user + nice + system + irq + softirq) * self._tick_s

    def running(self) -> int:
        """Return how many threads of the machine run or wait for a CPU at this instant, this one included."""
        found = re.search(rb"^procs_running (\d+)$", (self._proc / "stat").read_bytes(), re.MULTILINE)
        return max(1, int(found[1])) if found else 1

    def memory(self) -> Memory:
        """Return the members' proportional set sizes; all processes' add up to what is mapped, anonymous or from files."""
        rows = dict(_ROW.findall((self._proc / "meminfo").read_bytes()))
        mapped_bytes = (int(rows[b"AnonPages"]) + int(rows[b"Mapped"])) * 1024
        sizes = [self._size(pid) for pid in self.pids]
        method = "resident memory" if any(resident for _, resident in sizes) else "proportional set size"
        return Memory(sum(size for size, _ in sizes), mapped_bytes, method)

    def _depart(self, gone: _Process) -> None:
        del self._members[gone.pid]
        if gone.parent not in self._ever:
            self._departed_s += gone.cpu_s

    def _is_member(self, process: _Process) -> bool:
        """Return whether this is the process that was seen before, and not a later one with its pid."""
        known = self._members.get(process.pid)
        return known is None or known.started == process.started

    def _all_pids(self) -> list[int]:
        try:
            names = os.listdir(self._proc)  # noqa: PTH208 - thousands of names
        except OSError:
            return [self.root]
        return sorted(int(name) for name in names if name.isdigit())

    def _read(self, pid: int) -> _Process | None:
        try:
            stat = (self._proc / str(pid) / "stat").read_bytes()
        except OSError:
            return None
        # The name stands in brackets, and may hold any character, brackets too.
        fields = stat[stat.rfind(b")") + 2 :].split()
        ticks = sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
        return _Process(pid, int(fields[1]), int(fields[19]), ticks * self._tick_s)

    def _size(self, pid: int) -> tuple[int, bool]:
        """Return a process's bytes, and whether they are its resident ones, in which shared pages count in full."""
        folder = self._proc / str(pid)
        try:
            rows = dict(_ROW.findall((folder / "smaps_rollup").read_bytes()))
            return int(rows[b"Pss"]) * 1024, False
        except (OSError, KeyError):
            pass
        try:
            return int((folder / "statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE"), True
        except (OSError, IndexError):
            return 0, False  # it has ended
