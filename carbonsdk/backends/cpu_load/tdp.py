"""A processor's thermal design power: the user's figure, that of its model by name, or a generic one.

A match is exact in every part of the name that holds a digit (`e5`, `2620`, `v3`), and one name's words must all occur in the
other (`AMD FX 6100` is the table's `FX 6100`). There is no nearest match: a wrong watt is worse than none.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from carbonsdk.backends.cpu_load.curve import BIAS
from carbonsdk.backends.cpuinfo import CpuInfo

GENERIC_WATTS_PER_CPU = 5.0
"""Thermal design power of a logical CPU whose model is not known, or is a slice of a larger chip in a virtual machine.

With the curve's full-load share it gives 4.2 W under full load. Cloud Carbon Footprint gives 3.5 to 4.3 W a virtual CPU
(AWS 3.5, Azure 3.8, Google 4.3); the machines that the curve was fitted to drew 3.3 to 6 W a CPU.
"""

GENERIC_BIAS = 1.2

# What manufacturers add to a model's name: clock, graphics, number of cores, generation, wattage, and noise.
_TAIL = re.compile(r"@.*|\bw/.*|\bwith\b.*|\bradeon\b.*|\bapu\b.*|\(\d+(?:\.\d+)?w\)")
_MARK = re.compile(
    r"\((?:r|tm|c|oem only)\)|[®™©]|\b\d+(?:st|nd|rd|th) gen\b|\b(?:\d+|dual|triple|quad|six|eight|twelve|sixteen)-cores?\b"
)
# Xeons of the first E5 series call themselves `E5-2680 0`.
_NOISE = frozenset({"cpu", "processor", "processors", "soc", "genuine", "technology", "0"})
# The first mobile Core series tells a model's letter before its number: `i5 CPU M 520` is the i5-520M.
_LETTER_FIRST = re.compile(r"\b(i[357]) +cpu +([lmqux]) +(\d{3})\b")
_LETTERS = {"l": "lm", "m": "m", "q": "qm", "u": "um", "x": "xm"}
_VENDORS = frozenset({"intel", "amd"})


@dataclass(frozen=True, slots=True)
class Tdp:
    """Thermal design power of all that is observed, and where it comes from."""

    watts: float
    bias: float
    note: str


class Match(NamedTuple):
    """A model of the table, and its thermal design power."""

    model: str
    tdp_watts: float


class _Name(NamedTuple):
    """A model's name in parts: those with a digit tell it from others of its family."""

    numbers: frozenset[str]
    words: frozenset[str]


def tdp_of(cpuinfo: CpuInfo, *, cpus: int, given_watts: float | None) -> Tdp:
    """Return the thermal design power: the user's figure, else the model's, else so much a CPU; the note says which."""
    if given_watts is not None:
        return Tdp(given_watts, BIAS, f"TDP {given_watts:g} W as given")
    generic_watts = GENERIC_WATTS_PER_CPU * cpus
    each = f"{GENERIC_WATTS_PER_CPU:g} W for each of {cpus} CPUs is assumed; give cpu_tdp_watts for better"
    match = None if cpuinfo.model is None else find_tdp(cpuinfo.model)
    if match is None:
        unknown = "no processor is named" if cpuinfo.model is None else f"no TDP is known for {cpuinfo.model!r}"
        return Tdp(generic_watts, GENERIC_BIAS, f"{unknown}: {each}")
    watts = match.tdp_watts * cpuinfo.sockets
    if cpuinfo.virtual and generic_watts < watts:
        # A guest sees the chip's name and a few of its CPUs.
        return Tdp(generic_watts, GENERIC_BIAS, f"a virtual machine's part of {match.model}: {each}")
    sockets = "" if cpuinfo.sockets == 1 else f" on {cpuinfo.sockets} sockets"
    return Tdp(watts, BIAS, f"TDP {match.tdp_watts:g} W of {match.model}{sockets}")


def find_tdp(model: str) -> Match | None:
    """Return the table's entry for a processor's name as the system tells it, or None. Of several, the one most alike."""
    wanted = _parse(model)
    if not wanted.numbers or not wanted.words & _VENDORS:
        return None
    found = [(_parse(entry.model), entry) for entry in _entries(max(wanted.numbers, key=len))]
    fitting = [
        (len(name.words ^ wanted.words), -entry.tdp_watts, entry.model, entry) for name, entry in found if _fits(name, wanted)
    ]
    return min(fitting)[3] if fitting else None


def _fits(entry: _Name, wanted: _Name) -> bool:
    if entry.numbers != wanted.numbers or not entry.words:
        return False
    return entry.words <= wanted.words or (entry.words >= wanted.words and bool(wanted.words - _VENDORS))


def _parse(model: str) -> _Name:
    text = _MARK.sub(" ", _TAIL.sub(" ", _MARK.sub(" ", model.lower())))
    text = _LETTER_FIRST.sub(lambda found: f"{found[1]} {found[3]}{_LETTERS[found[2]]}", text)
    parts = [part for part in re.split(r"[^a-z0-9+.]+", text) if part and part not in _NOISE]
    numbers = frozenset(part for part in parts if any(character.isdigit() for character in part))
    return _Name(numbers, frozenset(parts) - numbers)


def _entries(part: str) -> Iterator[Match]:
    """Yield the entries that hold `part` somewhere; parsing all of them would take a tenth of a second."""
    table = (Path(__file__).parent / "data/cpu_tdp.csv").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines()[1:] if part in line.lower()]
    for model, tdp_watts, _ in csv.reader(lines):
        yield Match(model, float(tdp_watts))
