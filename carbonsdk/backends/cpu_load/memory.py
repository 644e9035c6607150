"""Memory power from its capacity and kind.

Figures differ by ten: manufacturers' 3 W a module of 8 GB is 0.375 W/GB, Cloud Carbon Footprint uses 0.392 W/GB, and
Tailpipe measured 0.05 to 0.06 W/GB of DDR4 on 37 servers. The interval of DDR4 reaches from 0.06 to 0.68 W/GB. Nobody publishes
figures of all kinds side by side; what a bit takes to be charged goes with the square of the voltage, and so do these.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.backends.cpu_load import CpuLoadSettings
from carbonsdk.backends.cpu_load.cgroup import MemoryLimit, memory_limit
from carbonsdk.backends.cpu_load.modules import VOLTS, installed_kind, kind_named

WATTS_PER_GB = 0.37
"""Of DDR4, and of memory whose kind is not known."""

BIAS = 0.85
GIVEN_BIAS = 0.2
"""For a figure of the user's own: the modules' power still moves with their use."""

_BYTES_PER_GB = 1 << 30  # modules are sold in powers of two


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Constant power, how far it may be off, why it is what it is, and whose it is where not the machine's."""

    watts: float
    bias: float
    note: str
    limit: MemoryLimit | None = None


def memory_estimate(settings: CpuLoadSettings) -> MemoryEstimate | None:
    """Return the power of the memory that this process was given: its control group's limit, or all of the machine's."""
    installed = _installed_bytes(settings.proc)
    if installed is None:
        return None
    limit = memory_limit(settings.proc, settings.cgroup)
    if limit is not None and limit.bytes >= installed:
        limit = None
    gigabytes = (limit.bytes if limit else installed) / _BYTES_PER_GB
    whose = "this control group's limit" if limit else "installed"
    each = settings.memory_watts_per_gb
    if each is not None:
        return MemoryEstimate(each * gigabytes, GIVEN_BIAS, f"{gigabytes:.1f} GB ({whose}) at {each:g} W/GB as given", limit)
    kind = kind_named(settings.memory_kind or "") or installed_kind(settings.run, settings.sys)
    each = watts_per_gb(kind)
    note = f"{gigabytes:.1f} GB {kind or 'of unknown kind'} ({whose}) at {each:.2g} W/GB"
    return MemoryEstimate(each * gigabytes, BIAS, note, limit)


def watts_per_gb(kind: str | None) -> float:
    """Return the power of a GiB of memory of a kind."""
    return WATTS_PER_GB * (VOLTS[kind] / VOLTS["DDR4"]) ** 2 if kind else WATTS_PER_GB


def _installed_bytes(proc: Path) -> int | None:
    try:
        text = (proc / "meminfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _by_psutil()
    found = re.search(r"^MemTotal:\s*(\d+) kB", text, flags=re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _by_psutil() -> int:
    import psutil

    return int(psutil.virtual_memory().total)
