"""The RAPL domains that count: packages, the memory beside them, and the platform on request.

Energy is the sum of packages and dram. `core` and `uncore` lie inside the package, `psys` overlaps everything.

How far the counters are off, as a half-width of 95 %. Since Haswell, Intel measures packages at their voltage regulators,
and they follow a plug meter closely (Khan et al., "RAPL in Action", ACM TOMPECS 3(2), 2018): 5 %. AMD's are modelled from
activity (Schöne et al., "Energy Efficiency Aspects of the AMD Zen 2 Architecture", IEEE CLUSTER 2021): 10 %. DRAM is
off by an offset that varies between machines, least under load (Desrochers et al., "A Validation of DRAM RAPL Power
Measurements", MEMSYS 2016): 20 %. What `psys` holds is the board maker's choice: 10 %. These papers give trends and plots
rather than one figure; the figures are rounded up from them.
"""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from carbonsdk.backends.rapl.advice import Site
from carbonsdk.plugin import Device, DeviceKind, Quality, Sensor

REFRESH_S = 0.000976
"""How often the hardware moves its counters (Intel SDM, volume 3B, 15.10)."""


class Part(StrEnum):
    """What a domain measures."""

    PACKAGE = "package"
    DRAM = "dram"
    PSYS = "psys"


# More than twice what the largest parts of 2025 draw (500 W a package, some 250 W of DIMMs beside it), in watts.
_MAX_WATTS = {Part.PACKAGE: 1500.0, Part.DRAM: 750.0, Part.PSYS: 10_000.0}
_BIAS = {Part.PACKAGE: 0.05, Part.DRAM: 0.2, Part.PSYS: 0.1}
_AMD_BIAS = 0.1
_NAME = re.compile(r"package-(\d+)(?:-die-(\d+))?")


class Domain(NamedTuple):
    """One domain that is counted, once, whichever zones and events show it."""

    part: Part
    package: int | None = None
    die: int | None = None

    @property
    def id(self) -> str:
        """Return the device's id: `package-0`, `package-0-die-1`, `dram-0`."""
        package = "" if self.package is None else f"-{self.package}"
        die = "" if self.die is None else f"-die-{self.die}"
        return f"{self.part}{package}{die}"


def domain_of(name: str, *, parent: str | None = None) -> Domain | None:
    """Return the domain that a powercap zone called `name` shows, or None for what is counted elsewhere."""
    if match := _NAME.fullmatch(name):
        return Domain(Part.PACKAGE, *_numbers(match))
    if name == "psys":
        return Domain(Part.PSYS)
    if name == "dram":
        above = _NAME.fullmatch(parent) if parent else None
        return Domain(Part.DRAM, *(_numbers(above) if above else (None, None)))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What tells one machine's domains from another's."""

    amd: bool = False
    model: str | None = None
    site: Site = field(default_factory=Site)

    def wants(self, domain: Domain, *, psys: bool) -> bool:
        """Return whether a domain counts here; of AMD's only the package is to be trusted."""
        if psys or domain.part is Part.PSYS:
            return psys and domain.part is Part.PSYS
        return domain.part is Part.PACKAGE or not self.amd

    def device(self, domain: Domain, *, method: str) -> Device:
        """Return the device that stands for `domain`, read by `method`."""
        where = "".join(
            f" {word} {number}" for word, number in (("package", domain.package), ("die", domain.die)) if number is not None
        )
        match domain.part:
            case Part.PACKAGE:
                kind, name = DeviceKind.CPU, f"{self.model} ({where.strip()})" if self.model else f"CPU{where}"
            case Part.DRAM:
                kind, name = DeviceKind.MEMORY, f"Memory of{where}" if where else "Memory"
            case Part.PSYS:
                kind, name = DeviceKind.NODE, "Platform (psys)"
        psys = domain.part is Part.PSYS
        sensor = Sensor(
            method=method,
            quality=Quality.MEASURED,
            bias=_AMD_BIAS if self.amd and domain.part is Part.PACKAGE else _BIAS[domain.part],
            refresh_s=REFRESH_S,
            max_watts=_MAX_WATTS[domain.part],
            contains=frozenset({DeviceKind.CPU, DeviceKind.MEMORY}) if psys else frozenset(),
            note="which parts of the board psys holds, a discrete GPU among them, is the maker's choice" if psys else None,
        )
        return Device(id=domain.id, kind=kind, name=name, sensor=sensor)

    def unread(self, domain: Domain, path: Path) -> Device:
        """Return the device of a domain whose counter is refused where others are granted: a total without it is partial."""
        device = self.device(domain, method="none")
        note = f"cannot read {path}: permission denied, though others beside it may be read"
        return replace(device, sensor=replace(device.sensor, quality=Quality.MISSING, bias=0.0, note=note))


def _numbers(match: re.Match[str]) -> tuple[int, int | None]:
    return int(match[1]), None if match[2] is None else int(match[2])
