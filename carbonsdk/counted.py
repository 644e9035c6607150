"""Which devices are in a total: simulated ones are so only where there is no real one."""

import math
from collections.abc import Collection

from carbonsdk.model import DeviceKind
from carbonsdk.reports import DeviceEnergy


def counted(devices: tuple[DeviceEnergy, ...]) -> tuple[DeviceEnergy, ...]:
    """Return the devices that the report's own total is made of."""
    return tuple(each for each in devices if not each.device.simulated) or devices


def simulated(devices: tuple[DeviceEnergy, ...]) -> bool:
    """Return whether the total is made up."""
    return any(each.device.simulated for each in counted(devices))


def joules_of(devices: tuple[DeviceEnergy, ...], kinds: Collection[DeviceKind]) -> float | None:
    """Return what the counted devices of some kinds used together; None where nothing is known of them."""
    known = [each.energy.joules for each in counted(devices) if each.device.kind in kinds and each.energy.joules is not None]
    return math.fsum(known) if known else None
