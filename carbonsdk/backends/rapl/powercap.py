"""RAPL through the kernel's powercap tree: one small file a counter."""

import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from carbonsdk.backends.rapl import advice
from carbonsdk.backends.rapl.domain import Domain, Machine
from carbonsdk.backends.rapl.sysfs import text_of
from carbonsdk.backends.rapl.zones import LISTED, Zone, masked_path, scan
from carbonsdk.descriptor import Descriptor
from carbonsdk.plugin import (
    BackendUnavailable,
    CounterReading,
    Device,
    DeviceLost,
    PermissionDenied,
    Quality,
    RetryLater,
    SensorAbsent,
    SensorMasked,
)

METHOD = "RAPL powercap"
_GONE = {errno.ENODEV, errno.ENOENT, errno.ENXIO, errno.EACCES, errno.EPERM, errno.EBADF}


class Counter:
    """One open `energy_uj`."""

    __slots__ = ("_energy_path", "_file", "_zone", "wraps_at_joules")

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._energy_path = zone.path / "energy_uj"
        self._file: Descriptor | None = Descriptor(os.open(self._energy_path, os.O_RDONLY))
        range_uj = text_of(zone.path / "max_energy_range_uj") or ""
        self.wraps_at_joules = int(range_uj) * 1e-6 if range_uj.isdigit() and int(range_uj) else None

    def joules(self) -> float:
        """Return the counter; raise DeviceLost where its zone is gone, and look for it again at the next call."""
        file = self._file
        if file is None or file.status() is None:  # a program that turns itself into a daemon closes every descriptor
            file = self._reopen()
        try:
            # A read at offset 0 makes sysfs ask the hardware anew (kernfs restarts the file there): no need to reopen.
            text = os.pread(file.number, 32, 0).strip()
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
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _reopen(self) -> Descriptor:
        # A reloaded driver may number its zones anew; another domain's counter must not go on under this name.
        if text_of(self._zone.path / "name") != self._zone.name:
            raise DeviceLost(f"{self._zone.path} no longer is {self._zone.name}")
        try:
            self._file = Descriptor(os.open(self._energy_path, os.O_RDONLY))
        except OSError as error:
            raise DeviceLost(f"{self._energy_path} is gone: {error.strerror}") from error
        return self._file


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
        unread = {domain: path for domain, path in denied.items() if domain not in counters}
        if not self._counters:
            raise self._reason(list(unread.values()))
        for path in unread.values():
            self._log.warning("rapl: its energy is missing: %s", advice.denied(path, self._machine.site))
        devices = [self._machine.device(domain, method=METHOD) for domain in counters if domain.id in self._counters]
        return devices + [self._machine.unread(domain, path) for domain, path in unread.items()]

    def read(self, device: Device) -> CounterReading:
        """Return one domain's counter."""
        counter = self._counters.get(device.id)
        if counter is None:
            refused = device.sensor.quality is Quality.MISSING
            raise DeviceLost(f"{device.name}: {device.sensor.note}" if refused else f"{device.id} is not open")
        return CounterReading(counter.joules(), counter.wraps_at_joules)

    def close(self) -> None:
        """Close every file."""
        for counter in self._counters.values():
            counter.close()
        self._counters = {}

    def _reason(self, unread: Sequence[Path]) -> BackendUnavailable:
        if unread:
            return PermissionDenied(advice.denied(unread[0], self._machine.site))
        hidden = masked_path(self._root)
        if hidden is not None:
            return SensorMasked(advice.masked(hidden, self._machine.site))
        if scan(self._root):
            return SensorAbsent(advice.none_wanted(self._root / LISTED, psys=self._psys))
        return SensorAbsent(advice.absent(self._root / LISTED, self._machine.site))


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
