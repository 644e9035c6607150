"""How powermetrics is run, and what to do where it may not be."""

import os
import re
import shutil

from carbonsdk.plugin import BackendUnavailable, PermissionDenied, SensorAbsent

SAMPLERS = "cpu_power,gpu_power,ane_power"
_SPECIAL, _ESCAPED = re.compile(r"([,:=\\])"), r"\\\1"
ELSE = "Without it, backend 'cpu_load' estimates the CPU from its load."


def command(interval_ms: int) -> list[str]:
    """Return the command line: through `sudo -n`, which never asks, unless this is root; raise SensorAbsent."""
    powermetrics = shutil.which("powermetrics")
    if powermetrics is None:
        raise SensorAbsent("powermetrics is a part of macOS, and is not on this machine")
    # -b 0: each sample is written as it is taken.
    own = [powermetrics, "--samplers", SAMPLERS, "-i", str(interval_ms), "-b", "0", "-f", "plist"]
    if os.geteuid() == 0:
        return own
    sudo = shutil.which("sudo")
    if sudo is None:
        raise PermissionDenied(f"powermetrics runs as root alone, and there is no sudo here. {ELSE}")
    return [sudo, "-n", *own]


def refusal(line: list[str], said: str) -> BackendUnavailable:
    """Return what it means that powermetrics ended without a sample, by what was written to stderr."""
    if re.search(r"password is required|not allowed|may not run|not in the sudoers|superuser|must be run as root", said):
        return PermissionDenied(
            f"powermetrics runs as root alone ({said}). To allow this one command and no other, `sudo visudo -f"
            f" /etc/sudoers.d/carbonsdk` and write the line\n  {rule(line)}\nNot the bare command: its option `-o` writes any"
            f" file as root. {ELSE}"
        )
    return SensorAbsent(f"powermetrics gives no sample{f': {said}' if said else ''}. {ELSE}")


def rule(line: list[str]) -> str:
    """Return the line of sudoers that allows exactly this command, escaped as sudoers(5) wants its arguments."""
    words = line[line.index("-n") + 1 :] if "-n" in line else line
    return f"{_user()} ALL=(root) NOPASSWD: {' '.join(_SPECIAL.sub(_ESCAPED, word) for word in words)}"


def _user() -> str:
    try:
        import getpass

        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "USER"
