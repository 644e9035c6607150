"""A family of processes as psutil tells of it, on macOS and Windows."""

import os
import threading

import psutil

from carbonsdk.engine.processes.family import Memory


class PsutilFamily:
    """A process and its descendants. The CPU time of one that has ended is what it was when it was last asked for."""

    known_to_drivers = True

    def __init__(self, root: int | None = None) -> None:
        self.root = os.getpid() if root is None else root
        self._lock = threading.RLock()
        self._members: dict[int, psutil.Process] = {}
        self._used_s: dict[tuple[int, float], float] = {}
        self.refresh()

    @property
    def pids(self) -> frozenset[int]:
        """Return the members that were alive when `refresh` looked last."""
        with self._lock:
            return frozenset(self._members)

    def refresh(self) -> None:
        """Look through all processes for new members."""
        try:
            root = psutil.Process(self.root)
            found = [root, *root.children(recursive=True)]
        except psutil.Error:
            found = []
        with self._lock:
            members = {pid: process for pid, process in self._members.items() if process.is_running()}
            self._members = {process.pid: process for process in found} | members

    def cpu_s(self) -> float:
        """Return the CPU seconds that the members used so far."""
        with self._lock:
            for process in self._members.values():
                try:
                    times = process.cpu_times()
                    self._used_s[process.pid, process.create_time()] = times.user + times.system
                except psutil.Error:
                    continue
            return sum(self._used_s.values())

    def machine_cpu_s(self) -> float:
        """Return the CPU seconds that anything ran."""
        times = psutil.cpu_times()
        return float(sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq")))

    def running(self) -> int:
        """Return 1, this thread: psutil tells of no others without asking each process."""
        return 1

    def memory(self) -> Memory:
        """Return the members' resident memory, shared pages counted in each, and what all processes use."""
        own_bytes = 0
        with self._lock:
            members = tuple(self._members.values())
        for process in members:
            try:
                own_bytes += process.memory_info().rss
            except psutil.Error:
                continue
        memory = psutil.virtual_memory()
        return Memory(own_bytes, memory.total - memory.available, "resident memory")
