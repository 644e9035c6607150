"""Which devices run this process or one of its children, for those who want no others measured.

A process appears on a GPU when it first uses it, long after the run began, so whoever is not there yet is looked for again. It
happens in a thread of its own: a driver takes milliseconds to list processes, or hangs. CPUs and memory run every process, and
are not asked about.
"""

import threading
from collections.abc import Callable, Sequence

from carbonsdk.engine.devices.channel import Channel
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.processes import Family
from carbonsdk.interfaces import SupportsProcesses
from carbonsdk.model import Device, DeviceKind

ABSENT = "no process of this run uses it"
_EVERY_S = 1.0


class Residents:
    """Looks for a family of processes on devices, until it is found there; then the device stays.

    `on_found` is called in the thread of this, after a device was found to be in use.
    """

    def __init__(self, family: Callable[[], Family], *, notices: Notices, on_found: Callable[[], None]) -> None:
        self._make_family, self._notices, self._on_found = family, notices, on_found
        self._family: Family | None = None
        self._used: set[tuple[str, str]] = set()
        self._reasons: dict[tuple[str, str], str] = {}
        self._wake = threading.Event()
        self._stopping = False
        self._channels: Sequence[Channel] = ()
        self._thread = threading.Thread(target=self._live, name="carbonsdk-residents", daemon=True)

    def start(self, channels: Sequence[Channel]) -> None:
        """Start looking."""
        self._channels = channels
        self._thread.start()

    def nudge(self) -> None:
        """Have a look as soon as possible: a backend has answered."""
        self._wake.set()

    def objection(self, backend: str, device: Device) -> str | None:
        """Return why a device is not measured, or None if it is."""
        if device.kind is not DeviceKind.GPU or (backend, device.id) in self._used:
            return None
        return self._reasons.get((backend, device.id), ABSENT)

    def stop(self, timeout_s: float) -> str | None:
        """End the looking; return the thread's name if it is stuck in a driver's call."""
        self._stopping = True
        self._wake.set()
        if not self._thread.is_alive():
            return None
        self._thread.join(timeout_s)
        return self._thread.name if self._thread.is_alive() else None

    def _live(self) -> None:
        while not self._stopping:
            with Guard("looking for this process on devices", self._notices.fault):
                if self.look():
                    self._on_found()
            self._wake.wait(_EVERY_S)
            self._wake.clear()

    def look(self) -> bool:
        """Ask the drivers about the devices on which nothing was found so far; return whether something was now."""
        pending = [
            (channel, answer.device)
            for channel in self._channels
            if channel.state == "ready"
            for answer in channel.answers
            if answer.device.kind is DeviceKind.GPU and (channel.plan.name, answer.device.id) not in self._used
        ]
        if not pending:
            return False
        family = self._family = self._family or self._make_family()
        family.refresh()
        found = [self._uses(channel, device, family) for channel, device in pending]
        return any(found)

    def _uses(self, channel: Channel, device: Device, family: Family) -> bool:
        key = (channel.plan.name, device.id)
        if not family.known_to_drivers:
            self._notices.warn(
                "devices_by_pid: drivers list the host's pids, which are not those of this container; every GPU that is visible"
                " in it is measured"
            )
            self._used.add(key)
            return True
        source = channel.source
        if source is None or not isinstance(source.backend, SupportsProcesses):
            self._reasons[key] = f"{channel.plan.name} does not tell which processes use it"
            return False
        with Guard(f"the processes of {device.name} ({channel.plan.name})") as guard, source.lock:
            if not family.pids.isdisjoint(source.backend.process_ids(device)):
                channel.renew(device)
                self._used.add(key)
                return True
        self._reasons[key] = ABSENT if guard.error is None else str(guard.error)
        return False
