"""One life of a pid: the first process of a container is always 1, and after a reboot all pids come again."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_DEAD = (b"Z", b"X", b"x")  # a zombie, and what is being buried (proc(5))


class Incarnation(NamedTuple):
    """Where a pid is one, and when its process began there, in clock ticks since the boot."""

    boot: str
    namespace: str
    pid: int
    start: int

    @property
    def place(self) -> str:
        """Return the boot and the pid namespace: elsewhere the pid is somebody else's."""
        return f"{self.boot}-{self.namespace}"

    @property
    def life(self) -> str:
        """Return what no other process with this pid has: its place and start."""
        return f"{self.place}-{self.start}"


def incarnation(pid: int | None = None, root: Path = _PROC) -> Incarnation | None:
    """Return who has a pid now, this process's own unless told otherwise.

    None where no living process has it, or where the system does not tell: Linux alone does.
    """
    pid = os.getpid() if pid is None else pid
    with suppress(OSError, ValueError, IndexError):
        stat = (root / str(pid) / "stat").read_bytes()
        # The name stands in brackets, and may hold anything; the state is field 3, the start field 22 (proc(5)).
        fields = stat[stat.rfind(b")") + 1 :].split()
        boot = (root / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        namespace = str((root / "self/ns/pid").readlink()).partition("[")[2].rstrip("]")
        if fields[0] not in _DEAD and (start := int(fields[19])) > 0:  # 0 where a kernel in user space keeps none
            return Incarnation(boot, namespace, pid, start)
    return None
