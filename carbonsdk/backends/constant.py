"""Devices of constant power, by the user's own figures: what no sensor sees and no table knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carbonsdk.plugin import (
    Backend,
    Clock,
    Context,
    CounterReading,
    Device,
    DeviceKind,
    DeviceLost,
    Quality,
    Registration,
    Sensor,
    SettingsError,
    hookimpl,
)

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantDevice:
    """A device that draws `watts` at all times.

    `bias` is half the width of a 95 % interval, relative to the figure. Who does not say how good the figure is gets 1.0:
    anything between nothing and twice as much.
    """

    name: str
    watts: float
    kind: DeviceKind = DeviceKind.OTHER
    bias: float = 1.0

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise SettingsError("constant: a device needs a name")
        if not 0 <= self.watts < float("inf"):
            raise SettingsError(f"constant: the watts of {self.name!r} are a number from 0 up, not {self.watts!r}")
        if not 0 <= self.bias < float("inf"):
            raise SettingsError(f"constant: the bias of {self.name!r} is a share from 0 up, not {self.bias!r}")


@dataclass(frozen=True, slots=True)
class ConstantSettings:
    """The devices, each `{name = "Fans", watts = 35, kind = "other", bias = 0.2}`; kind and bias may be left out."""

    devices: tuple[ConstantDevice, ...] = ()

    def __post_init__(self) -> None:
        names = [device.name for device in self.devices]
        if len(set(names)) < len(names):
            raise SettingsError(f"constant: two devices have one name: {', '.join(sorted(names))}")


class ConstantBackend:
    """Turns the figures into joules from `open` on."""

    def __init__(self, devices: Sequence[ConstantDevice], *, clock: Clock) -> None:
        self._given = {device.name: device for device in devices}
        self._clock = clock
        self._opened_ns: int | None = None

    def open(self) -> Sequence[Device]:
        """Begin to count; raise SettingsError where no device is given."""
        if not self._given:
            raise SettingsError('constant has no devices: give it devices = [{name = "Fans", watts = 35}]')
        self._opened_ns = self._clock.monotonic_ns()
        return [_device(each) for each in self._given.values()]

    def read(self, device: Device) -> CounterReading:
        """Return the joules since `open`."""
        given = self._given.get(device.id)
        if given is None or self._opened_ns is None:
            raise DeviceLost(f"{device.name} is not open")
        return CounterReading(given.watts * (self._clock.monotonic_ns() - self._opened_ns) / NS_PER_S)

    def close(self) -> None:
        """Stop counting."""
        self._opened_ns = None


def _device(given: ConstantDevice) -> Device:
    note = f"{given.watts:g} W at all times: the user's own figure"
    sensor = Sensor(method="constant power, as given", quality=Quality.ESTIMATED, bias=given.bias, note=note)
    return Device(id=given.name, kind=given.kind, name=given.name, sensor=sensor)


def _backend(context: Context) -> Backend:
    return ConstantBackend(context.settings.devices, clock=context.clock)


@hookimpl
def carbonsdk_backends() -> Iterable[Registration[Backend]]:
    """Register constant devices; they are used only when they are named."""
    return [
        Registration(
            name="constant",
            factory=_backend,
            settings=ConstantSettings,
            preference=5,
            automatic=False,
            inline=True,
            kinds=frozenset(DeviceKind),
            summary="devices of constant power, by your own figures",
        )
    ]
