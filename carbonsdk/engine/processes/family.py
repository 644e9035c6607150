"""What is asked of the processes of a run, on whatever system."""

from pathlib import Path
from typing import NamedTuple, Protocol


class Memory(NamedTuple):
    """Bytes that a family of processes holds, those that all processes hold, and how the former are counted."""

    own_bytes: int
    all_bytes: int
    method: str


class Family(Protocol):
    """A process and its descendants. A member stays one for as long as it lives, whoever its parent becomes."""

    @property
    def root(self) -> int:
        """Return the pid of the process that the others descend from."""
        ...

    @property
    def pids(self) -> frozenset[int]:
        """Return the members that were alive when `refresh` looked last."""
        ...

    @property
    def known_to_drivers(self) -> bool:
        """Return whether a driver, which knows the host's pids, calls the members by the pids known here."""
        ...

    def refresh(self) -> None:
        """Look for new members. Costs some microseconds for each process of the machine."""
        ...

    def cpu_s(self) -> float:
        """Return the CPU seconds that the members used so far, those included that have ended; it never falls."""
        ...

    def machine_cpu_s(self) -> float:
        """Return the CPU seconds that all processes of the machine used so far, the kernel's own work included."""
        ...

    def running(self) -> int:
        """Return how many threads of the machine run or wait for a CPU at this instant, this one included."""
        ...

    def memory(self) -> Memory:
        """Return what the members hold in memory now. May take milliseconds for each gigabyte."""
        ...


def family_of_this_process() -> Family:
    """Return this process and its descendants."""
    proc = Path("/proc")
    if (proc / "self" / "stat").is_file():
        from carbonsdk.engine.processes.procfs import ProcFamily

        return ProcFamily(proc)
    from carbonsdk.engine.processes.portable import PsutilFamily

    return PsutilFamily()
