"""Names and times as carbontracker writes them."""

from collections.abc import Sequence

from carbonsdk.model import Device, DeviceKind, Quality

# Its component "cpu" holds the memory as well.
_COMPONENTS = {DeviceKind.GPU: "gpu", DeviceKind.CPU: "cpu", DeviceKind.MEMORY: "cpu"}


def component(device: Device) -> str:
    """Return the component that a device belongs to: gpu, cpu, or another kind's own name."""
    return _COMPONENTS.get(device.kind, device.kind.value)


def by_component(devices: Sequence[Device]) -> dict[str, tuple[Device, ...]]:
    """Return the devices of each component, GPUs first."""
    names = sorted({component(device) for device in devices}, key=lambda name: (name != "gpu", name != "cpu", name))
    return {name: tuple(device for device in devices if component(device) == name) for name in names}


def label(device: Device) -> str:
    """Return the device's name, with what a person must know of its figures."""
    marks = ["simulated"] if device.simulated else []
    marks += ["estimated"] if device.sensor.quality is Quality.ESTIMATED else []
    return f"{device.name} ({', '.join(marks)})" if marks else device.name


def clock_time(seconds: float, *, hundredths: bool = False) -> str:
    """Write a duration as `h:mm:ss`, or as `h:mm:ss.cc`."""
    total = round(max(seconds, 0.0) * 100) if hundredths else round(max(seconds, 0.0)) * 100
    minutes, rest = divmod(total, 6000)
    text = f"{minutes // 60}:{minutes % 60:02d}:{rest // 100:02d}"
    return f"{text}.{rest % 100:02d}" if hundredths else text
