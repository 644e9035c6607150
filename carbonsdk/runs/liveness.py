"""Whether the process that a journal is of still runs."""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from carbonsdk.journal.assembly import Assembly

_SILENT_S = 150.0  # a state is noted every 60 s; the disk of another host may lag
_CLOCK_SLACK_S = 2.0


def run_state(assembly: Assembly, path: Path) -> str:
    """Return "finished", "running" or "interrupted".

    On this host the process itself is looked for; of another host only the journal's age can tell.
    """
    if assembly.ended:
        return "finished"
    run = assembly.run_info
    here = run.host == socket.gethostname()
    alive = _is_alive(run.pid, since_s=run.start.timestamp()) if here else _age_s(path) < _SILENT_S
    return "running" if alive else "interrupted"


def runs_beside(assembly: Assembly) -> bool:
    """Say whether another process of this host is writing the journal. Of other hosts nothing is sure, and it is not said."""
    run = assembly.run_info
    elsewhere = assembly.ended or run.pid == os.getpid() or run.host != socket.gethostname()
    return not elsewhere and _is_alive(run.pid, since_s=run.start.timestamp())


def _is_alive(pid: int, *, since_s: float) -> bool:
    """Say whether the process that had this pid then has it still."""
    if pid <= 0:
        return False
    if pid == os.getpid():
        return True
    import psutil

    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        with suppress(psutil.AccessDenied):
            return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= since_s + _CLOCK_SLACK_S
        return True
    return False


def _age_s(path: Path) -> float:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime
    return float("inf")
