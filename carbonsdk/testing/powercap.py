"""A powercap tree on disk, laid out as the kernel lays it out, whose counters move with a clock."""

import contextlib
import math
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.clock import Clock
from carbonsdk.testing.profile import Profile
from carbonsdk.units import seconds

INTEL_RANGE_UJ = 262_143_328_850
"""What Intel's 61 µJ unit wraps at, as `max_energy_range_uj` states it."""

RAPL_REFRESH_S = 0.000976

NOTHING = Profile.constant(0.0)

_WIDTH = 24  # sysfs rewrites the whole file at each read: one write of one width is the nearest that a plain file comes


@dataclass(frozen=True, slots=True, kw_only=True)
class PowercapZone:
    """One zone: `id` is its folder (`intel-rapl:0:1`), `name` what its `name` file says; None leaves that file out.

    `start_uj` is the counter at the tree's birth; None gives each zone another, as on real machines. `mirrors` names the
    zone whose counter this one repeats. `range_uj=None` leaves `max_energy_range_uj` out. `phase_s` is how much later than
    at whole refreshes the counter moves: those of two sockets do not move in unison.
    """

    id: str
    name: str | None
    profile: Profile = NOTHING
    start_uj: int | None = None
    range_uj: int | None = INTEL_RANGE_UJ
    mirrors: str | None = None
    has_counter: bool = True
    phase_s: float = 0.0


class PowercapTree:
    """A simulated `/sys` with powercap zones in it; `update()` moves its files to the clock's now.

    `root` stands for `/sys`; with a `FakeClock`, `clock.listen(lambda _: tree.update())` keeps it in step. Zones live
    under `devices/virtual/powercap`, and `class/powercap` links to them.
    """

    def __init__(self, root: Path, clock: Clock, *, zones: Sequence[PowercapZone], refresh_s: float = RAPL_REFRESH_S) -> None:
        self.root = root
        self.class_path = root / "class" / "powercap"
        self.device_path = root / "devices" / "virtual" / "powercap"
        self._clock = clock
        self._born_ns = clock.monotonic_ns()
        self._refresh_s = refresh_s
        self._zones = {zone.id: zone for zone in zones}
        self._offsets_uj = {zone.id: _start_uj(zone, place) for place, zone in enumerate(zones)}
        self._silent = {zone.id for zone in zones if not zone.has_counter}
        self.class_path.mkdir(parents=True)
        self.device_path.mkdir(parents=True)
        for zone in zones:
            self._lay_out(zone)
        self.update()

    def path(self, zone_id: str) -> Path:
        """Return the real folder of a zone."""
        control, *numbers = zone_id.split(":")
        path = self.device_path / control
        for depth in range(len(numbers)):
            path /= ":".join([control, *numbers[: depth + 1]])
        return path

    def energy_uj(self, zone_id: str) -> int:
        """Return what a zone's counter says now: stepped to its last refresh, and wrapped."""
        zone = self._zones[self._zones[zone_id].mirrors or zone_id]
        age_s = seconds(self._clock.monotonic_ns() - self._born_ns)
        if self._refresh_s > 0:
            # The small share keeps an instant that is a whole number of refreshes from falling to the one before.
            since_s = age_s - zone.phase_s
            age_s = zone.phase_s + math.floor(since_s / self._refresh_s + 1e-9) * self._refresh_s
        total_uj = self._offsets_uj[zone.id] + round(zone.profile.joules(age_s) * 1e6)
        return total_uj if zone.range_uj is None else total_uj % zone.range_uj

    def update(self) -> None:
        """Write every counter's present value."""
        for zone_id in self._zones:
            if zone_id not in self._silent:
                self._write(zone_id, f"{self.energy_uj(zone_id)}\n")

    @contextlib.contextmanager
    def live(self, interval_s: float = RAPL_REFRESH_S) -> Iterator[None]:
        """Keep the tree up to date from a thread, for readers in other processes."""
        done = threading.Event()

        def keep_up() -> None:
            while not done.wait(interval_s):
                self.update()

        thread = threading.Thread(target=keep_up, name="powercap-tree", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def vanish(self, zone_id: str) -> None:
        """Take a zone away. A plain file outlives its name, so it is emptied as well: sysfs would answer ENODEV."""
        self._silent.add(zone_id)
        path = self.path(zone_id)
        os.truncate(path / "energy_uj", 0)
        shutil.rmtree(path)

    def garble(self, zone_id: str, text: str = "N/A\n") -> None:
        """Let a zone's counter read as `text` until it is restored."""
        self._silent.add(zone_id)
        self._write(zone_id, text)

    def deny(self, zone_id: str) -> None:
        """Take the right to read a zone's counter from everybody but root (who also needs to give up that power)."""
        (self.path(zone_id) / "energy_uj").chmod(0)

    def restore(self, zone_id: str) -> None:
        """Undo `vanish`, `garble` and `deny`; the counter has run on meanwhile."""
        self._silent.discard(zone_id)
        self._lay_out(self._zones[zone_id])
        self.update()
        (self.path(zone_id) / "energy_uj").chmod(0o644)

    def reset(self, zone_id: str, counter_uj: int = 0) -> None:
        """Set a zone's counter back, as a firmware fault or a resume from suspend does."""
        self._offsets_uj[zone_id] += counter_uj - self.energy_uj(zone_id)
        self.update()

    def mask(self) -> None:
        """Hide the zones as container runtimes do: an empty folder over the devices; the links now lead nowhere."""
        self._silent.update(self._zones)
        for path in (self.path(zone_id) / "energy_uj" for zone_id in self._zones):
            if path.exists():
                os.truncate(path, 0)
        shutil.rmtree(self.device_path)
        self.device_path.mkdir()

    def _lay_out(self, zone: PowercapZone) -> None:
        path = self.path(zone.id)
        path.mkdir(parents=True, exist_ok=True)
        if zone.name is not None:
            (path / "name").write_text(f"{zone.name}\n")
        if zone.range_uj is not None:
            (path / "max_energy_range_uj").write_text(f"{zone.range_uj}\n")
        if zone.has_counter:
            (path / "energy_uj").touch()
        control = zone.id.partition(":")[0]
        for target in (self.device_path / control, path):
            link = self.class_path / target.name
            if not link.is_symlink():
                link.symlink_to(os.path.relpath(target, self.class_path), target_is_directory=True)

    def _write(self, zone_id: str, text: str) -> None:
        descriptor = os.open(self.path(zone_id) / "energy_uj", os.O_WRONLY)
        try:
            os.pwrite(descriptor, text.encode().ljust(_WIDTH, b"\n"), 0)
        finally:
            os.close(descriptor)


def server_zones(cpu: Profile, *, memory: Profile | None = None, sockets: int = 1) -> list[PowercapZone]:
    """Return the zones of an Intel server that draws `cpu` watts, spread over its sockets, with all that overlaps them.

    Each package has `core` and `uncore` inside, a `dram` beside it where there is `memory`, and an MMIO mirror; `psys` spans
    all. Only packages and dram count.
    """
    share = cpu * (1 / sockets)
    zones = []
    for socket in range(sockets):
        top = f"intel-rapl:{socket}"
        zones += [
            PowercapZone(id=top, name=f"package-{socket}", profile=share),
            PowercapZone(id=f"{top}:0", name="core", profile=share * 0.7),
            PowercapZone(id=f"{top}:1", name="uncore", profile=share * 0.1),
            PowercapZone(id=f"intel-rapl-mmio:{socket}", name=f"package-{socket}", mirrors=top),
        ]
        if memory is not None:
            zones.append(PowercapZone(id=f"{top}:2", name="dram", profile=memory * (1 / sockets)))
    platform = cpu if memory is None else cpu + memory
    zones.append(PowercapZone(id=f"intel-rapl:{sockets}", name="psys", profile=platform * 1.2))
    return zones


def _start_uj(zone: PowercapZone, place: int) -> int:
    return (place + 1) * 1_000_000 if zone.start_uj is None else zone.start_uj
