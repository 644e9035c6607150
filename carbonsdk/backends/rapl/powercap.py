"""RAPL through the kernel's powercap tree: one small file a counter."""

import errno
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.backends.rapl import advice
from carbonsdk.backends.rapl.domain import Domain, Machine, domain_of
from carbonsdk.plugin import (
    BackendUnavailable,
    CounterReading,
    Device,
    DeviceLost,
    PermissionDenied,
    RetryLater,
    SensorAbsent,
    SensorMasked,
)

METHOD = "RAPL powercap"
_FOLDER = re.compile(r"(intel-rapl(?:-[a-z]+)?)((?::\d+)+)")
_GONE = {errno.ENODEV, errno.ENOENT, errno.ENXIO, errno.EACCES, errno.EPERM, errno.EBADF}


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone's folder, as found."""

    path: Path
    name: str
    domain: Domain | None


class Counter:
    """One open `energy_uj`."""

    __slots__ = ("_descriptor", "_energy_path", "_zone", "wraps_at_joules")

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._energy_path = zone.path / "energy_uj"
        self._descriptor: int | None = os.open(self._energy_path, os.O_RDONLY)
        range_uj = _text(zone.path / "max_energy_range_uj") or ""
        self.wraps_at_joules = int(range_uj) * 1e-6 if range_uj.isdigit() and int(range_uj) else None

    def joules(self) -> float:
        """Return the counter; raise DeviceLost where its zone is gone, and look for it again at the next call."""
        descriptor = self._reopen() if self._descriptor is None else self._descriptor
        try:
            # A read at offset 0 makes sysfs ask the hardware anew (kernfs restarts the file there): no need to reopen.
            text = os.pread(descriptor, 32, 0).strip()
        except OSError as error:
            if error.errno not in _GONE:
                raise RetryLater(f"{self._energy_path}: {error.strerror}") from error
            self.close()
            raise DeviceLost(f"{self._energy_path} is gone: {error.strerror}") from error
        if not text:
            self.close()
            raise DeviceLost(f"{self._energy_path} is gone: it reads empty")
        if not text.isdigit():
            raise RetryLater(f"{self._energy_path} reads {text!r}, which is no counter")
        return int(text) * 1e-6

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _reopen(self) -> int:
        # A reloaded driver may number its zones anew; another domain's counter must not go on under this name.
        if _text(self._zone.path / "name") != self._zone.name:
            raise DeviceLost(f"{self._zone.path} no longer is {self._zone.name}")
        try:
            self._descriptor = os.open(self._energy_path, os.O_RDONLY)
        except OSError as error:
            raise DeviceLost(f"{self._energy_path} is gone: {error.strerror}") from error
        return self._descriptor


class PowercapBackend:
    """Reads the powercap zones that count, each domain once."""

    def __init__(self, root: Path, *, machine: Machine, psys: bool, log: logging.Logger) -> None:
        self._root = root
        self._machine = machine
        self._psys = psys
        self._log = log
        self._counters: dict[str, Counter] = {}

    def open(self) -> Sequence[Device]:
        """Open every domain's counter; raise SensorAbsent, SensorMasked or PermissionDenied, with the remedy."""
        self.close()
        counters: dict[Domain, Counter] = {}
        denied: dict[Domain, Path] = {}
        for zone in scan(self._root):
            domain = zone.domain
            if domain is None or domain in counters or not self._machine.wants(domain, psys=self._psys):
                continue
            try:
                counters[domain] = Counter(zone)
            except PermissionError:
                denied.setdefault(domain, zone.path / "energy_uj")
            except OSError as error:
                self._log.debug("rapl: %s has no counter: %s", zone.path, error)
        self._counters = {domain.id: counters[domain] for domain in _without_mirrors(counters)}
        unread = [path for domain, path in denied.items() if domain not in counters]
        if not self._counters:
            raise self._reason(unread)
        for path in unread:
            self._log.warning("rapl: its energy is missing: %s", advice.denied(path))
        return [self._machine.device(domain, method=METHOD) for domain in counters if domain.id in self._counters]

    def read(self, device: Device) -> CounterReading:
        """Return one domain's counter."""
        counter = self._counters.get(device.id)
        if counter is None:
            raise DeviceLost(f"{device.id} is not open")
        return CounterReading(counter.joules(), counter.wraps_at_joules)

    def close(self) -> None:
        """Close every file."""
        for counter in self._counters.values():
            counter.close()
        self._counters = {}

    def _reason(self, unread: Sequence[Path]) -> BackendUnavailable:
        if unread:
            return PermissionDenied(advice.denied(unread[0]))
        hidden = masked_path(self._root)
        if hidden is not None:
            return SensorMasked(advice.masked(hidden))
        return SensorAbsent(advice.absent(self._root / "class/powercap"))


def scan(root: Path) -> list[Zone]:
    """Return every zone that has a name, in order: the processor's own control type before its mirrors."""
    paths: dict[str, Path] = {}
    for top in _tops(root):
        for path in sorted(_folders(top), key=lambda path: len(path.parts)):
            paths.setdefault(path.name, path)
    names = {folder: _text(path / "name") for folder, path in paths.items()}
    zones = []
    for folder in sorted(paths, key=_order):
        name = names[folder]
        if name is not None:
            domain = domain_of(name, parent=names.get(folder.rpartition(":")[0]))
            zones.append(Zone(paths[folder], name, domain))
    return zones


def masked_path(root: Path) -> Path | None:
    """Return the folder that a container hides, or None. Runtimes lay an empty folder over it, so that links dangle."""
    listed, devices = _tops(root)
    if devices.is_dir() and not any(_listing(devices)):
        return devices
    dangling = [path for path in _listing(listed) if path.is_symlink() and not path.exists()]
    return dangling[0] if dangling else None


def _tops(root: Path) -> tuple[Path, Path]:
    return root / "class" / "powercap", root / "devices" / "virtual" / "powercap"


def _folders(top: Path, depth: int = 3) -> Iterator[Path]:
    """Yield zone folders under `top`, flat or nested; other links (`device`, `subsystem`) lead in circles."""
    for path in _listing(top):
        if not path.name.startswith("intel-rapl"):
            continue
        if _FOLDER.fullmatch(path.name) and path.is_dir():
            yield path
        if depth > 1:
            yield from _folders(path, depth - 1)


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except PermissionError as error:
        raise PermissionDenied(advice.denied(folder)) from error
    except OSError:
        return []


def _order(folder: str) -> tuple[bool, str, list[int]]:
    control, *numbers = folder.split(":")
    return control != "intel-rapl", control, [int(number) for number in numbers]


def _without_mirrors(counters: dict[Domain, Counter]) -> list[Domain]:
    """Return the domains that count: dies of one package that show one counter are one.

    Two counters of their own never agree to the microjoule, unless both stand at 0. One may step between two reads, so a
    pair gets three chances to agree.
    """
    kept: list[Domain] = []
    for domain, counter in counters.items():
        dies = [
            other for other in kept if other.die is not None and (other.part, other.package) == (domain.part, domain.package)
        ]
        if any(_same(counters[other], counter) for other in dies):
            counter.close()
        else:
            kept.append(domain)
    return kept


def _same(one: Counter, other: Counter) -> bool:
    try:
        return any((joules := one.joules()) and joules == other.joules() for _ in range(3))
    except (DeviceLost, RetryLater):
        return False


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip() or None
    except OSError:
        return None
