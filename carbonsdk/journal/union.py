"""What the epochs of a run used together: gaps left out, and what two epochs share counted once."""

import math
from collections.abc import Collection, Iterable

from carbonsdk import units
from carbonsdk.journal.records import EpochEnded, Use

_MOST_GROWING = 100_000  # rows: an epoch is one, and each of its uses
_MOST_WAITING = 100
_MOST_ROWS = 500_000


class DeviceUnion:
    """One device's share of the union so far."""

    __slots__ = ("covered_ns", "joules", "missing", "noise_squared", "reasons")

    def __init__(self) -> None:
        self.joules: float | None = None
        self.covered_ns = 0.0
        self.noise_squared = 0.0
        self.missing = 0
        self.reasons: dict[str, None] = {}

    def use(self, index: int, duration_s: float) -> Use:
        """Return this share as the use of device `index` over a union of `duration_s`."""
        coverage = min(1.0, self.covered_ns / units.NS_PER_S / duration_s) if duration_s > 0 else 1.0
        reason = "; ".join(self.reasons) or None
        return Use(index, 0.0, self.joules, coverage if self.joules is not None else 0.0, math.sqrt(self.noise_squared), reason)

    def copy(self) -> "DeviceUnion":
        """Return an equal one that can grow by itself."""
        twin = DeviceUnion()
        twin.joules, twin.covered_ns, twin.noise_squared = self.joules, self.covered_ns, self.noise_squared
        twin.missing, twin.reasons = self.missing, dict(self.reasons)
        return twin

    def fold(self, uses: Iterable[tuple[EpochEnded, Use]]) -> None:
        """Add this device's uses in epochs that overlap, in order of their starts."""
        reached_ns: int | None = None
        ranges: list[tuple[float, float]] = []
        alone = 0.0  # as written: start + joules - start would lose digits
        for epoch, use in uses:
            if use.reason and len(self.reasons) < 5:
                self.reasons.setdefault(use.reason)
            if use.joules is None:
                self.missing += 1
                continue
            fresh_from_ns = epoch.start_ns if reached_ns is None else max(epoch.start_ns, reached_ns)
            self.covered_ns += use.coverage * max(0, epoch.end_ns - fresh_from_ns)
            reached_ns = max(epoch.end_ns, fresh_from_ns)
            self.noise_squared += use.noise_joules**2
            alone = use.joules
            ranges.append((use.start_joules, use.start_joules + use.joules))
        if ranges:
            # The curve is monotone, so epochs share joules exactly where they share time.
            self.joules = (self.joules or 0.0) + (alone if len(ranges) == 1 else length(ranges))


class _Stretch:
    """Overlapping epochs. `rows` is what they take: one each, and one for every use."""

    __slots__ = ("epochs", "provisional", "rows")

    def __init__(self) -> None:
        self.epochs: dict[int, EpochEnded] = {}
        self.provisional: set[int] = set()
        self.rows = 0

    def put(self, epoch: EpochEnded) -> None:
        """Add an epoch, or replace the one of its number."""
        before = self.epochs.get(epoch.number)
        self.rows += len(epoch.uses) - len(before.uses) if before else 1 + len(epoch.uses)
        self.epochs[epoch.number] = epoch._replace(spans=()) if epoch.spans else epoch
        (self.provisional.add if epoch.provisional else self.provisional.discard)(epoch.number)


class EpochUnion:
    """Folds stretches of overlapping epochs as they are complete, so that a run of any length takes the same room."""

    __slots__ = ("_duration_ns", "_folded", "_growing", "_waiting")

    def __init__(self) -> None:
        self._folded: dict[int, DeviceUnion] = {}
        self._duration_ns: float = 0
        self._growing = _Stretch()
        self._waiting: list[_Stretch] = []  # complete, but an epoch in it is provisional

    def add(self, epoch: EpochEnded) -> None:
        """Add an epoch that has not been here."""
        if epoch.closes and not epoch.provisional and not self._growing.epochs:
            self._duration_ns += _fold((epoch,), self._folded)  # as most are: alone, and final
            return
        self._growing.put(epoch)
        if epoch.closes or self._growing.rows > _MOST_GROWING:
            self._waiting.append(self._growing)
            self._growing = _Stretch()
            self._settle()

    def correct(self, epoch: EpochEnded) -> None:
        """Replace an epoch; without effect once its stretch is folded, which waits for provisional ones."""
        for stretch in (self._growing, *self._waiting):
            if epoch.number in stretch.epochs:
                stretch.put(epoch)
        self._settle()

    def devices(self) -> tuple[dict[int, DeviceUnion], float]:
        """Return each device's share, and the length of the union in seconds."""
        devices = {index: device.copy() for index, device in self._folded.items()}
        duration_ns = self._duration_ns
        for stretch in (*self._waiting, self._growing):
            duration_ns += _fold(stretch.epochs.values(), devices)
        return devices, units.seconds(round(duration_ns))

    def _settle(self) -> None:
        """Fold what no correction can be meant for any more, and the oldest where too much waits for one."""
        count, rows = len(self._waiting), sum(stretch.rows for stretch in self._waiting)
        still: list[_Stretch] = []
        for stretch in self._waiting:
            if stretch.provisional and count <= _MOST_WAITING and rows <= _MOST_ROWS:
                still.append(stretch)
            else:
                self._duration_ns += _fold(stretch.epochs.values(), self._folded)
                count, rows = count - 1, rows - stretch.rows
        self._waiting = still


def _fold(epochs: Collection[EpochEnded], devices: dict[int, DeviceUnion]) -> float:
    ordered = sorted(epochs, key=lambda epoch: epoch.start_ns)
    uses: dict[int, list[tuple[EpochEnded, Use]]] = {}
    for epoch in ordered:
        for use in epoch.uses:
            uses.setdefault(use.device, []).append((epoch, use))
    for index, of_device in uses.items():
        if index not in devices:
            devices[index] = DeviceUnion()
        devices[index].fold(of_device)
    return length([(epoch.start_ns, epoch.end_ns) for epoch in ordered])


def length(ranges: list[tuple[float, float]]) -> float:
    """Return the length of the union of ranges."""
    parts: list[float] = []
    reached = -math.inf
    for start, end in sorted(ranges):
        if end > reached:
            parts.append(end - max(start, reached))
            reached = end
    return math.fsum(parts)
