"""Which kind of memory is installed, as users without root may know it.

- udev's database holds what systemd has read from the firmware's tables (SMBIOS type 17): `E:MEMORY_DEVICE_0_TYPE=DDR5`.
- The kernel's EDAC drivers, which machines with error correction have, name each module's kind: `Registered-DDR5`.

A virtual machine has neither.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

VOLTS = {"DDR2": 1.8, "DDR3": 1.5, "DDR4": 1.2, "DDR5": 1.1, "LPDDR3": 1.2, "LPDDR4": 1.1, "LPDDR5": 1.05}
"""Supply voltage of each kind (JEDEC JESD79-2 to -5, JESD209-3 to -5)."""

_UDEV = re.compile(r"^E:MEMORY_DEVICE_(\d+)_(TYPE|SIZE|PRESENT)=(.*)$", re.MULTILINE)
_KIND = re.compile(r"(LOW-POWER-|LP)?DDR\d")


def kind_named(text: str) -> str | None:
    """Return the kind in a name (`Registered-DDR4`, `LPDDR5X`), as `VOLTS` has it; None for any other."""
    found = _KIND.search(text.upper())
    kind = found[0].replace("LOW-POWER-", "LP") if found else ""
    return kind if kind in VOLTS else None


def installed_kind(run: Path, sys: Path) -> str | None:
    """Return the kind of most modules, or None where nothing tells."""
    for names in (_by_udev(run), _by_edac(sys)):
        kinds = Counter(filter(None, map(kind_named, names)))
        if kinds:
            return kinds.most_common(1)[0][0]
    return None


def _by_udev(run: Path) -> Iterator[str]:
    modules: dict[str, dict[str, str]] = {}
    for number, key, value in _UDEV.findall(_text(run / "udev" / "data" / "+dmi:id")):
        modules.setdefault(number, {})[key] = value
    for module in modules.values():
        if module.get("PRESENT") != "0" and module.get("SIZE") != "0":
            yield module.get("TYPE", "")


def _by_edac(sys: Path) -> Iterator[str]:
    for path in sorted((sys / "devices" / "system" / "edac" / "mc").glob("mc*/*/dimm_mem_type")):
        yield _text(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
