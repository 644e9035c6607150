"""What the system says about the processors: `/proc/cpuinfo`, or what macOS and Windows have for it."""

import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WINDOWS_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuInfo:
    """The processors of this machine; `model` is None where nothing names it."""

    model: str | None = None
    sockets: int = 1
    virtual: bool = False


def read_cpuinfo(proc: Path) -> CpuInfo:
    """Return what is known of the processors; no more than their model where there is no such file."""
    try:
        text = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return CpuInfo(model=_model_told_otherwise())
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


def _model_told_otherwise() -> str | None:
    if sys.platform == "darwin":
        import ctypes

        return sysctl_text(ctypes.CDLL(None), "machdep.cpu.brand_string")
    if sys.platform == "win32":
        import winreg

        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _WINDOWS_KEY) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip() or None
    return None


def sysctl_text(libc: Any, name: str) -> str | None:
    """Return what macOS's C library tells by sysctlbyname(3) under a name."""
    import ctypes

    size = ctypes.c_size_t(0)
    if libc.sysctlbyname(name.encode(), None, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0 or not size.value:
        return None
    text = ctypes.create_string_buffer(size.value)
    if libc.sysctlbyname(name.encode(), text, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return None
    return text.value.decode("utf-8", "replace").strip() or None
