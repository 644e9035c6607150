"""What a backend's devices answer when they are first asked."""

from typing import NamedTuple

from carbonsdk.clock import Clock
from carbonsdk.engine.devices.border import checked_reading
from carbonsdk.engine.guard import message_of
from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.interfaces import Backend
from carbonsdk.model import Device, PowerReading, Quality


class Answer(NamedTuple):
    """A device of a backend, and what it said to a first reading: the reading, or why there was none."""

    device: Device
    first: Stamped | None
    reason: str | None

    @property
    def is_sampled(self) -> bool:
        """Return whether the device tells the power of an instant, and not what it was over some time."""
        reading = None if self.first is None else self.first.reading
        sensor = self.device.sensor
        return isinstance(reading, PowerReading) and not reading.window_s and sensor.quality is Quality.INTEGRATED


def first_answer(backend: Backend, device: Device, clock: Clock) -> Answer:
    """Read a device for the first time; what its backend raises is the answer's reason."""
    before_ns = clock.monotonic_ns()
    try:
        reading = checked_reading(backend.read(device))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to a plugin
        return Answer(device, None, message_of(error))
    if device.sensor.quality is Quality.MISSING:
        return Answer(device, None, device.sensor.note)
    took_ns = clock.monotonic_ns() - before_ns
    return Answer(device, Stamped(before_ns + took_ns // 2, reading, took_ns), None)
