"""What powermetrics prints: property lists, one after the other, and the energy in each.

A sample tells of the time since the one before. On Apple Silicon its `processor` holds `cpu_energy`, `gpu_energy` and
`ane_energy` in millijoules and `cpu_power` and so on in milliwatts (macOS 11 to 15, as public parsers read them: asitop,
powermetrics-go); which of the two there are, and whether `gpu_energy` stands in `gpu` instead, depends on the release. Some
releases give 0 for one of the two.
"""

import math
import plistlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

PARTS = ("cpu", "gpu", "ane", "dram")
"""`dram` was printed by macOS 11 alone."""

_MOST_BYTES = 4 * 1024 * 1024
_BEGINNINGS = (b"<?xml", b"<plist")
_END = b"</plist>"


class Unreadable(Exception):
    """A sample that is no sample; what it told of is not known."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The joules of each part that is told of, and the model of the machine."""

    joules: Mapping[str, float]
    model: str = ""


class Cutter:
    """Cuts a stream into property lists.

    The lists are separated by NUL (powermetrics(1), `--format plist`), which comes with the next one: a list is complete at
    its own end.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take what came, and yield the lists that it completes; raise Unreadable where none ends."""
        self._buffer += chunk
        while (end := self._buffer.find(_END)) >= 0:
            cut = end + len(_END)
            listed, self._buffer = bytes(self._buffer[:cut]), self._buffer[cut:]
            yield listed
        if len(self._buffer) > _MOST_BYTES:
            self._buffer.clear()
            raise Unreadable(f"powermetrics printed {_MOST_BYTES} bytes without an end")


def sample(listed: bytes) -> Sample:
    """Return the energy in a property list; raise Unreadable."""
    # What stands before a list is a remark, or the NUL of the one before.
    begin = next((at for at in map(listed.find, _BEGINNINGS) if at >= 0), 0)
    try:
        told = plistlib.loads(listed[begin:])
        processor = told["processor"]
        elapsed_s = _amount(told["elapsed_ns"]) / 1e9
        gpu = told.get("gpu") or {}
        joules = {part: _joules(part, processor, gpu, elapsed_s) for part in PARTS}
        return Sample({part: value for part, value in joules.items() if value is not None}, str(told.get("hw_model", "")))
    except (plistlib.InvalidFileException, ExpatError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Unreadable(f"powermetrics printed a sample that cannot be read: {type(error).__name__}: {error}") from error


def _joules(part: str, processor: Mapping[str, Any], gpu: Mapping[str, Any], elapsed_s: float) -> float | None:
    told = [_amount(source[f"{part}_energy"]) / 1e3 for source in (processor, gpu) if f"{part}_energy" in source]
    if f"{part}_power" in processor:
        told.append(_amount(processor[f"{part}_power"]) / 1e3 * elapsed_s)
    return next((joules for joules in told if joules > 0), 0.0) if told else None


def _amount(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{value!r} is no amount")
    return float(value)
