"""Every device's curve behind one lock, and the differences between its points."""

import math
import threading
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from carbonsdk import figures
from carbonsdk.energy import COMPLETE
from carbonsdk.engine.ledger.accounting import Part, Stamped, limits
from carbonsdk.engine.ledger.chase import Sighting
from carbonsdk.engine.ledger.curve import Curve
from carbonsdk.engine.ledger.overhead import Overhead, OverheadCurve
from carbonsdk.engine.ledger.trace import Mark, Rise
from carbonsdk.journal.records import Use
from carbonsdk.model import Device
from carbonsdk.units import NS_PER_S

_NOWHERE = Mark(0.0, 0.0, 0.0, 0.0, True)


class Marks(NamedTuple):
    """All devices' curves at one instant."""

    at_ns: int
    marks: tuple[Mark | None, ...]

    @property
    def settled(self) -> bool:
        """Return whether none of the marks can still move."""
        return all(mark is None or mark.settled for mark in self.marks)

    @property
    def firm(self) -> bool:
        """Return whether no device had fallen silent before the instant."""
        return all(mark is None or mark.firm for mark in self.marks)


class Account:
    """One device of the ledger: its curve, and why it is silent when it is.

    `silent` gives the reason while no readings are to be expected (lost, quarantined, given up); then its curve is final.
    `reach_ns` is how far beyond its newest reading the curve may be drawn: where reading it again would cost too much. `part`
    tells what is counted of the energy since it was last called; None is all. Then `whole` is the curve of all of it.
    """

    __slots__ = ("curve", "device", "fault", "part", "reach_ns", "silent", "since_ns", "whole")

    def __init__(self, device: Device, curve: Curve | OverheadCurve, since_ns: int) -> None:
        self.device = device
        self.curve = curve
        self.since_ns = since_ns
        self.fault: str | None = None
        self.silent: str | None = None
        self.reach_ns = 0
        self.part: Callable[[], Part] | None = None
        self.whole: Curve | None = None

    @property
    def is_read(self) -> bool:
        """Return whether the device is read, and does not follow from others."""
        return isinstance(self.curve, Curve)


class Ledger:
    """Every device's curve behind one lock. Devices are only ever added; their index is their name here."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._lock = threading.RLock()
        self.accounts: list[Account] = []

    def open_account(self, device: Device, since_ns: int) -> int:
        """Add a device and return its index."""
        curve = Curve(limits(device.sensor, device.kind, self._interval_ns))
        with self._lock:
            self.accounts.append(Account(device, curve, since_ns))
            return len(self.accounts) - 1

    def open_overhead(self, overhead: Overhead, device: Device, since_ns: int) -> int:
        """Add the device that follows from all others (from simulated ones if it is simulated), and return its index."""

        def others() -> list[Account]:
            return [each for each in self.accounts if each.is_read and each.device.simulated == device.simulated]

        curve = OverheadCurve(
            overhead,
            since_ns,
            others=lambda: [each.curve for each in others() if isinstance(each.curve, Curve)],
            marks=lambda at_ns: [mark for each in others() if (mark := _mark(each, at_ns)) is not None],
        )
        with self._lock:
            self.accounts.append(Account(device, curve, since_ns))
            return len(self.accounts) - 1

    def attribute(self, index: int, part: Callable[[], Part], first: Stamped | None) -> None:
        """Count a part of a device's energy from its next reading on; `first` is the one before that, if there was one."""
        account = self.accounts[index]
        account.whole = Curve(limits(account.device.sensor, account.device.kind, self._interval_ns))
        account.part = part
        if first is not None:
            account.whole.record(first)

    def machine_joules(self, at_ns: int) -> tuple[float | None, ...]:
        """Return what each device used in all, where a part of it is counted, None if unread; nothing where all is counted."""
        with self._lock:
            wholes = [account.whole for account in self.accounts]
            if not any(wholes):
                return ()
            marks = (None if whole is None else whole.mark(at_ns) for whole in wholes)
            return tuple(mark.joules if mark is not None and mark.covered_ns > 0 else None for mark in marks)

    def record(self, index: int, stamped: Stamped) -> str | None:
        """Add a reading to a device's curve; return what is wrong with it, or None. Raises what the account's `part` raises."""
        account, whole = self.accounts[index], stamped
        if account.part is not None:
            stamped = stamped._replace(part=account.part())  # outside the lock: it may ask a driver
        with self._lock:
            if account.whole is not None:
                account.whole.record(whole)
            fault = account.curve.record(stamped)
            account.silent = None
            account.fault = fault or account.fault
            return fault

    def silence(self, index: int, reason: str) -> None:
        """Note that no readings are to be expected from a device until the next one comes."""
        with self._lock:
            self.accounts[index].silent = reason

    def marks(self, at_ns: int) -> Marks:
        """Return all curves at an instant; where one ends within reach of it, the instant becomes a knot."""
        with self._lock:
            return Marks(at_ns, tuple([_mark(account, at_ns) for account in self.accounts]))

    def settle(self, marks: Marks, *, since: Marks) -> Marks:
        """Make knots of those marks of which readings to come could change nothing that would be seen in the energy since."""
        with self._lock:
            pairs = zip_longest(marks.marks, since.marks[: len(marks.marks)])
            settled = [
                mark if mark is None or mark.settled else _mark(self.accounts[index], marks.at_ns, before)
                for index, (mark, before) in enumerate(pairs)
            ]
            return Marks(marks.at_ns, tuple(settled))

    def renewed(self, marks: Marks) -> Marks:
        """Return the marks with those of devices that had fallen silent taken anew: they may have come back since."""
        if marks.firm:
            return marks
        with self._lock:
            renewed = (
                mark if mark is None or mark.firm else _mark(self.accounts[index], marks.at_ns)
                for index, mark in enumerate(marks.marks)
            )
            return Marks(marks.at_ns, tuple(renewed))

    def hold(self, index: int, since_ns: int) -> None:
        """Leave a device's curve open from an instant on, until `sharpen` or `release`."""
        curve = self.accounts[index].curve
        with self._lock:
            if isinstance(curve, Curve):
                curve.hold(since_ns)

    def release(self, index: int | None = None) -> None:
        """Let a device's curve be final as it stands; or all curves."""
        with self._lock:
            for account in self.accounts if index is None else (self.accounts[index],):
                if isinstance(account.curve, Curve):
                    account.curve.release()

    def sharpen(self, index: int, sightings: Sequence[Sighting], period_ns: int) -> None:
        """Redraw the latest stretch of a device's curve through steps of its counter that were watched; then it is final."""
        curve = self.accounts[index].curve
        with self._lock:
            if isinstance(curve, Curve):
                curve.sharpen(sightings, period_ns)
                curve.release()

    def rises(self, intervals: Sequence[tuple[int, int]]) -> list[list[Rise]]:
        """Return what each device's curve rises by over each interval."""
        with self._lock:
            return [account.curve.rises(intervals) for account in self.accounts]

    def most_joules(self, index: int, duration_ns: int) -> float:
        """Return what a device can have used in some time, by the most that it drew lately."""
        return self.accounts[index].curve.most_joules(duration_ns)

    def known_until(self) -> int | None:
        """Return the newest instant at which every device that still answers has a reading, or None."""
        with self._lock:
            newest = [account.curve.known_until_ns for account in self.accounts if account.silent is None and account.is_read]
        if not newest or any(each is None for each in newest):
            return None
        return min(each for each in newest if each is not None)

    def forget_before(self, at_ns: int) -> None:
        """Let go of what nobody will ask for again."""
        with self._lock:
            for account in self.accounts:
                account.curve.forget_before(at_ns)
                if account.whole is not None:
                    account.whole.forget_before(at_ns)

    def uses(self, start: Marks, end: Marks) -> tuple[Use, ...]:
        """Return what each device used between two instants."""
        duration_ns = end.at_ns - start.at_ns
        pairs = zip_longest(start.marks, end.marks)  # a device may have come in between
        return tuple([self._use(index, before, after, duration_ns) for index, (before, after) in enumerate(pairs)])

    def _use(self, index: int, before: Mark | None, after: Mark | None, duration_ns: int) -> Use:
        account = self.accounts[index]
        if after is None:
            return Use(index, 0.0, None, 0.0, 0.0, account.silent or account.fault or "the sensor had not answered yet")
        start = before or _NOWHERE
        covered_ns = after.covered_ns - start.covered_ns
        if covered_ns <= 0 < duration_ns:
            return Use(index, start.joules, None, 0.0, 0.0, account.silent or account.fault or "no reading in this interval")
        coverage = 1.0 if duration_ns <= 0 else min(1.0, covered_ns / duration_ns)
        joules = after.joules - start.joules
        noise = math.hypot(math.sqrt(max(0.0, after.variance - start.variance)), start.edge_joules, after.edge_joules)
        if noise > joules:
            # No edge can hide more than the device can have drawn in all that time.
            noise = min(noise, max(joules, self.most_joules(index, duration_ns) - joules))
        reason = (account.silent or account.fault) if coverage < 0.999 else None
        if reason is None and before is None and coverage < COMPLETE:
            reason = f"the sensor answered after {figures.duration((duration_ns - covered_ns) / NS_PER_S)}"
        return Use(index, start.joules, joules, coverage, noise, reason)


def _mark(account: Account, at_ns: int, since: Mark | None = None) -> Mark | None:
    # No epoch that ends during a device's silence has its energy; once it is back, what it used lies evenly over that time.
    return account.curve.mark(at_ns, silent=account.silent is not None, reach_ns=account.reach_ns, since=since)
