"""Memory power from its capacity.

Figures differ by ten: manufacturers' 3 W a module of 8 GB is 0.375 W/GB, Cloud Carbon Footprint uses 0.392 W/GB, and
Tailpipe measured 0.05 to 0.06 W/GB of DDR4 on 37 servers. The interval reaches from 0.06 to 0.68 W/GB.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.backends.cpu_load.cgroup import memory_limit_bytes

WATTS_PER_GB = 0.37
BIAS = 0.85
GIVEN_BIAS = 0.2
"""For a figure of the user's own: the modules' power still moves with their use."""

_BYTES_PER_GB = 1 << 30  # modules are sold in powers of two


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Constant power, how far it may be off, and why it is what it is."""

    watts: float
    bias: float
    note: str


def memory_estimate(proc: Path, cgroup: Path, *, watts_per_gb: float | None = None) -> MemoryEstimate | None:
    """Return the power of the memory that this process was given: its control group's limit, or all of the machine's."""
    installed = _installed_bytes(proc)
    if installed is None:
        return None
    limit = memory_limit_bytes(proc, cgroup)
    limited = limit is not None and limit < installed
    gigabytes = (limit if limit is not None and limited else installed) / _BYTES_PER_GB
    each, bias = (WATTS_PER_GB, BIAS) if watts_per_gb is None else (watts_per_gb, GIVEN_BIAS)
    whose = "this control group's limit" if limited else "installed"
    given = "" if watts_per_gb is None else " as given"
    return MemoryEstimate(each * gigabytes, bias, f"{gigabytes:.1f} GB ({whose}) at {each:g} W/GB{given}")


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
