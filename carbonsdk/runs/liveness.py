"""Whether the process that a journal is of still runs."""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from carbonsdk.events import RunInfo
from carbonsdk.incarnation import incarnation
from carbonsdk.journal.assembly import Assembly

_SILENT_S = 150.0  # a state is noted every 60 s; the disk of another host may lag
_CLOCK_SLACK_S = 2.0
_PROC = Path("/proc")


def run_state(assembly: Assembly, path: Path, *, proc: Path = _PROC) -> str:
    """Return "finished", "running" or "interrupted".

    On this host the process itself is looked for; of another host or container only the journal's age can tell.
    """
    if assembly.ended:
        return "finished"
    alive = _is_alive(assembly.run_info, proc)
    if alive is None:
        alive = _age_s(path) < _SILENT_S
    return "running" if alive else "interrupted"


def runs_beside(assembly: Assembly, *, proc: Path = _PROC) -> bool:
    """Say whether another process of this host is writing the journal. Of other hosts nothing is sure, and it is not said."""
    run = assembly.run_info
    return not assembly.ended and run.pid != os.getpid() and _is_alive(run, proc) is True


def _is_alive(run: RunInfo, proc: Path) -> bool | None:
    """Return whether the process of a run lives; None where it cannot be looked for from here."""
    if run.host != socket.gethostname():
        return None
    if run.pid <= 0:
        return False
    here = incarnation(root=proc)
    if run.life is None or here is None:
        return _has_lived_since(run.pid, run.start.timestamp())
    if run.life.rpartition("-")[0] != here.place:
        return None  # of a container with the name of its host, of another machine of this name, or from before a reboot
    found = incarnation(run.pid, proc)
    return found is not None and found.life == run.life


def _has_lived_since(pid: int, since_s: float) -> bool:
    """Return whether the process that had this pid then has it still, as far as the wall clock tells."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        with suppress(psutil.AccessDenied):
            return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= since_s + _CLOCK_SLACK_S
        return True
    return False


def _age_s(path: Path) -> float:
    with suppress(OSError):
        return abs(time.time() - path.stat().st_mtime)  # from the future: the clock was set back since
    return float("inf")
