"""Devices that follow a profile along the engine's clock."""

from collections.abc import Sequence

from carbonsdk.backends.replay.profile import Profile
from carbonsdk.backends.replay.recording import Recorded
from carbonsdk.plugin import Clock, CounterReading, Device, DeviceLost, PowerReading, Quality, Reading, Sensor

NS_PER_S = 1_000_000_000


class ReplayBackend:
    """Replays profiles from the moment of `open`."""

    def __init__(self, recorded: Sequence[Recorded], *, clock: Clock, sensor: str) -> None:
        self._recorded = recorded
        self._clock = clock
        self._shows_power = sensor == "power"
        self._opened_ns = 0
        self._profiles: dict[str, Profile] = {}

    def open(self) -> Sequence[Device]:
        """Start the profiles."""
        self._opened_ns = self._clock.monotonic_ns()
        devices = [self._device(recorded) for recorded in self._recorded]
        self._profiles = {device.id: recorded.profile for device, recorded in zip(devices, self._recorded, strict=True)}
        return devices

    def read(self, device: Device) -> Reading:
        """Return the exact energy since `open`, or the power now."""
        profile = self._profiles.get(device.id)
        if profile is None:
            raise DeviceLost(f"{device.id} is not replayed")
        since_s = (self._clock.monotonic_ns() - self._opened_ns) / NS_PER_S
        return PowerReading(profile.watts(since_s)) if self._shows_power else CounterReading(profile.joules(since_s))

    def close(self) -> None:
        """Stop the profiles."""
        self._profiles = {}

    def _device(self, recorded: Recorded) -> Device:
        ident = recorded.id or recorded.kind
        if recorded.constant:
            method, quality, note = (
                "constant power, as given",
                Quality.ESTIMATED,
                f"{recorded.profile.watts(0):g} W at all times",
            )
        else:
            quality = Quality.INTEGRATED if self._shows_power else Quality.MEASURED
            method, note = "replayed profile", None
        sensor = Sensor(method=method, quality=quality, bias=0.0, note=note)
        return Device(id=ident, kind=recorded.kind, name=recorded.name or f"Simulated {ident}", sensor=sensor, simulated=True)
