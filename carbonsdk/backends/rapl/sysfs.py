"""Small files of sysfs."""

from pathlib import Path


def text_of(path: Path) -> str | None:
    """Return a file's text without its newline; None where it is empty, absent or not readable."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip() or None
    except OSError:
        return None


def is_amd(root: Path) -> bool:
    """Return whether the processors under this sysfs are AMD's, or of its licensee Hygon."""
    modalias = text_of(root / "devices/system/cpu/modalias") or ""
    # Vendor numbers of arch/x86/include/asm/processor.h: 2 is AMD, 9 is Hygon.
    return modalias.startswith(("cpu:type:x86,ven0002", "cpu:type:x86,ven0009"))
