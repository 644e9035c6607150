"""The backend: one power meter between the machine and the wall."""

from collections.abc import Sequence
from pathlib import Path

from carbonsdk.plugin import Device, DeviceKind, PowerReading, Quality, RetryLater, Sensor, SensorAbsent

MAX_WATTS = 3680.0
"""What a socket of 16 A at 230 V can give; more is a fault of the meter."""


class Meter:
    """Reads the file that a meter's daemon writes. It interprets nothing: carbonsdk integrates the watts."""

    def __init__(self, path: Path, *, bias: float) -> None:
        self._path = path
        self._bias = bias

    def open(self) -> Sequence[Device]:
        """Return the one device, or raise SensorAbsent with what to do about it."""
        if not self._path.is_file():
            raise SensorAbsent(f"no meter writes to {self._path}: start its daemon, or set `backends.example.path`")
        sensor = Sensor(
            method="power meter at the wall",
            quality=Quality.INTEGRATED,
            bias=self._bias,
            max_watts=MAX_WATTS,
            # All that the machine draws comes through its plug, so none of it must be counted again.
            contains=frozenset({DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.GPU}),
        )
        return [Device(id="plug", kind=DeviceKind.NODE, name="power meter", sensor=sensor)]

    def read(self, device: Device) -> PowerReading:
        """Return the watts now; a file that is being written is read again at the next tick."""
        try:
            return PowerReading(float(self._path.read_text()))
        except (OSError, ValueError) as error:
            raise RetryLater(f"{self._path} has no number for the {device.name}: {error}") from error

    def close(self) -> None:
        """Let go of nothing: the file is opened for each reading."""
