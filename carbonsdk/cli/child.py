"""Run a command as if this process were it: its streams are ours, signals reach it, its end is told as a shell tells it."""

import errno
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FORWARDED = frozenset(
    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT}
)
# The kernel sent it, for a key at the terminal: the whole foreground group has it already (Linux, asm-generic/siginfo.h).
_SI_KERNEL = 0x80


@contextmanager
def signals_held() -> Iterator[set[int]]:
    """Hold back the signals that a command is to have, in this thread and in those that it starts; yield the mask before.

    Opened before the tracker starts its threads, so that no signal can end this process between two instructions: what
    arrives is waited for in `run`, and forwarded.
    """
    # Whoever started us may have had it ignored; the command's end would then go unheard.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED | {signal.SIGCHLD})
    try:
        yield {int(each) for each in before}
    finally:
        # What came after the command's end was for the command, too.
        while pending := signal.sigpending() & (_FORWARDED | {signal.SIGCHLD}):
            signal.sigwait(pending)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def refusal(program: str) -> OSError | None:
    """Return why a program cannot be started, as far as that can be told without starting it; None if it seems it can."""
    if shutil.which(program) is not None:
        return None
    kind = errno.EACCES if "/" in program and Path(program).exists() else errno.ENOENT
    return OSError(kind, os.strerror(kind), program)


def run(command: Sequence[str], *, mask: set[int]) -> int:
    """Run a command to its end under `mask`; return its exit code, or 128 + the number of the signal that ended it.

    Raises FileNotFoundError or PermissionError where it cannot be started.
    """
    # Python ignores SIGPIPE and SIGXFSZ for itself; a command expects them to work.
    defaults = [signal.SIGPIPE, signal.SIGXFSZ]
    pid = os.posix_spawnp(command[0], list(command), os.environ, setsigmask=mask, setsigdef=defaults)
    while True:
        number, from_terminal = _next_signal()
        if number == signal.SIGCHLD:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        elif not from_terminal:
            os.kill(pid, number)


def _next_signal() -> tuple[int, bool]:
    """Wait for a signal; return whether the terminal sent it, to the command as well."""
    held = _FORWARDED | {signal.SIGCHLD}
    if hasattr(signal, "sigwaitinfo"):
        told = signal.sigwaitinfo(held)
        return told.si_signo, told.si_code == _SI_KERNEL
    # macOS does not tell the sender: in the terminal's foreground, an interrupt is taken to be the terminal's.
    number = signal.sigwait(held)
    return number, number in {signal.SIGINT, signal.SIGQUIT} and _in_foreground()


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
