"""RAPL through perf events: 64-bit counters, for which the kernel has already undone the wraps."""

import ctypes
import errno
import logging
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from carbonsdk.backends.rapl import advice
from carbonsdk.backends.rapl.domain import Domain, Machine, Part
from carbonsdk.backends.rapl.sysfs import text_of
from carbonsdk.descriptor import Descriptor
from carbonsdk.plugin import CounterReading, Device, DeviceLost, PermissionDenied, SensorAbsent

METHOD = "RAPL perf"
PARTS = {"energy-pkg": Part.PACKAGE, "energy-ram": Part.DRAM, "energy-psys": Part.PSYS}

_SYSCALL = {"x86_64": 298, "AMD64": 298, "aarch64": 241}
_ATTR = struct.Struct("=IIQQQQQIIQ")  # struct perf_event_attr up to its first published size, 64 bytes
_CLOSE_ON_EXEC = 8  # PERF_FLAG_FD_CLOEXEC


class Event(NamedTuple):
    """One energy event: what it measures, its number within the source, and the joules of one count."""

    part: Part
    source: int
    config: int
    joules_per_count: float


@dataclass(slots=True)
class _Counter:
    """One event on one package; `file` is None while it is lost."""

    event: Event
    cpu: int
    file: Descriptor | None


class PerfBackend:
    """Reads the energy events of the `power` source, one CPU a package."""

    def __init__(self, root: Path, *, machine: Machine, psys: bool, log: logging.Logger) -> None:
        self._root = root
        self._machine = machine
        self._psys = psys
        self._log = log
        self._counters: dict[str, _Counter] = {}

    def open(self) -> Sequence[Device]:
        """Open every event; raise SensorAbsent or PermissionDenied, with the remedy."""
        self.close()
        events = scan(self._root)
        if not events:
            raise SensorAbsent(advice.perf_absent(self._root / "devices/power"))
        devices = []
        for cpu, package, die in places(self._root):
            for event in events:
                domain = Domain(event.part) if event.part is Part.PSYS else Domain(event.part, package, die)
                if domain.id in self._counters or not self._machine.wants(domain, psys=self._psys):
                    continue
                file = self._open(event, cpu)
                if file is not None:
                    self._counters[domain.id] = _Counter(event, cpu, file)
                    devices.append(self._machine.device(domain, method=METHOD))
        if not devices:
            raise SensorAbsent(advice.perf_absent(self._root / "devices/power/events"))
        return devices

    def read(self, device: Device) -> CounterReading:
        """Return one event's count in joules since it was opened."""
        counter = self._counters.get(device.id)
        if counter is None:
            raise DeviceLost(f"{device.id} is not open")
        file = counter.file
        if file is None or file.status() is None:  # lost, or closed by the program
            file = counter.file = self._reopen(counter)
        try:
            answer = os.read(file.number, 8)
        except OSError as error:
            answer, reason = b"", error.strerror
        else:
            reason = "the event is in error"
        if len(answer) < 8:
            file.close()
            counter.file = None
            raise DeviceLost(f"perf event of {device.id} is lost: {reason}")
        return CounterReading(int.from_bytes(answer, "little") * counter.event.joules_per_count)

    def close(self) -> None:
        """Close every event."""
        for counter in self._counters.values():
            if counter.file is not None:
                counter.file.close()
        self._counters = {}

    def _open(self, event: Event, cpu: int) -> Descriptor | None:
        try:
            return Descriptor(perf_event_open(event, cpu=cpu))
        except PermissionError as error:
            self.close()
            raise PermissionDenied(advice.perf_denied(_paranoid(), self._machine.site)) from error
        except OSError as error:
            self._log.debug("rapl: perf event %s on CPU %s: %s", event.part, cpu, error)
            return None

    def _reopen(self, counter: _Counter) -> Descriptor:
        try:
            return Descriptor(perf_event_open(counter.event, cpu=counter.cpu))
        except OSError as error:
            raise DeviceLost(f"perf event of {counter.event.part} cannot be opened again: {error.strerror}") from error


def perf_event_open(event: Event, *, cpu: int) -> int:
    """Open `event` for everything that runs on `cpu`'s package, and return its descriptor; raise OSError."""
    number = _SYSCALL.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, f"perf_event_open is not known on {os.uname().machine}")
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = ctypes.create_string_buffer(
        _ATTR.pack(event.source, _ATTR.size, event.config, 0, 0, 0, 0, 0, 0, 0), _ATTR.size
    )
    every_process, no_group = -1, -1
    numbers = (ctypes.c_int(every_process), ctypes.c_int(cpu), ctypes.c_int(no_group), ctypes.c_ulong(_CLOSE_ON_EXEC))
    descriptor = int(libc.syscall(ctypes.c_long(number), attributes, *numbers))
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return descriptor


def scan(root: Path) -> list[Event]:
    """Return the energy events that sysfs lists and that are counted in joules."""
    source = root / "devices" / "power"
    kind = text_of(source / "type")
    if kind is None or not kind.isdigit():
        return []
    events = []
    for name, part in PARTS.items():
        config, scale = _config(text_of(source / "events" / name)), _scale(text_of(source / "events" / f"{name}.scale"))
        if config is not None and scale is not None and text_of(source / "events" / f"{name}.unit") == "Joules":
            events.append(Event(part, int(kind), config, scale))
    return events


def places(root: Path) -> list[tuple[int, int, int | None]]:
    """Return (CPU, package, die) of each CPU that stands for a package; the die only where a package has several."""
    found = []
    for place, cpu in enumerate(cpu_list(text_of(root / "devices" / "power" / "cpumask") or "0")):
        topology = root / "devices" / "system" / "cpu" / f"cpu{cpu}" / "topology"
        package, die = text_of(topology / "physical_package_id"), text_of(topology / "die_id")
        found.append((cpu, int(package) if package and package.isdigit() else place, int(die) if die and die.isdigit() else 0))
    packages = [package for _, package, _ in found]
    return [(cpu, package, die if packages.count(package) > 1 else None) for cpu, package, die in found]


def cpu_list(text: str) -> list[int]:
    """Return the numbers of a kernel CPU list (`0,28-30`)."""
    numbers: list[int] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def _config(text: str | None) -> int | None:
    """Return the event's number; None where it is described by more than that."""
    key, _, value = (text or "").partition("=")
    try:
        return int(value, 0) if key == "event" else None
    except ValueError:
        return None


def _scale(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _paranoid() -> str | None:
    return text_of(Path("/proc/sys/kernel/perf_event_paranoid"))
