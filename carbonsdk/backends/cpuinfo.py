"""What `/proc/cpuinfo` says about the processors."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuInfo:
    """The processors of this machine; `model` is None where nothing names it."""

    model: str | None = None
    sockets: int = 1
    virtual: bool = False


def read_cpuinfo(proc: Path) -> CpuInfo:
    """Return what is known of the processors; nothing where there is no such file (macOS, Windows)."""
    try:
        text = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return CpuInfo()
    models = _values(text, "model name") or _values(text, "Model")
    flags = _values(text, "flags")
    return CpuInfo(
        model=models[0] if models else None,
        sockets=max(1, len(set(_values(text, "physical id")))),
        virtual=bool(flags) and "hypervisor" in flags[0].split(),
    )


def _values(text: str, key: str) -> list[str]:
    found = re.findall(rf"^{key}[ \t]*:[ \t]*(.*)$", text, flags=re.MULTILINE)
    return [value.strip() for value in found if value.strip()]
