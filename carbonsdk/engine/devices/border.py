"""Checks of what backends return, so that nothing else in the engine has to doubt a type."""

import math
from typing import Any

from carbonsdk.errors import ReadFailed
from carbonsdk.model import CounterReading, Device, DeviceKind, PowerReading, Reading, Sensor


def checked_reading(reading: Any) -> Reading:
    """Return a reading whose numbers are plain floats; raise ReadFailed for what is no reading."""
    if isinstance(reading, CounterReading):
        number, second = reading.joules, reading.wraps_at_joules
        if type(number) is float and (second is None or (type(second) is float and 0.0 < second < math.inf)):
            return reading
        return CounterReading(_number(number), None if second is None else _range(second))
    if isinstance(reading, PowerReading):
        number, second = reading.watts, reading.window_s
        if type(number) is float and type(second) is float and 0.0 <= second < math.inf:
            return reading
        return PowerReading(_number(number), max(0.0, _number(second)))
    raise ReadFailed(f"the backend gave a {type(reading).__name__}, which is no reading")


def checked_device(device: Any) -> Device:
    """Return a device that can be measured by; raise TypeError or ValueError, which names the field, for what is none."""
    if not isinstance(device, Device):
        raise TypeError(f"open() gave {device!r:.200}, which is no Device")
    for field, wanted in (("id", str), ("name", str), ("kind", DeviceKind), ("sensor", Sensor)):
        if not isinstance(getattr(device, field), wanted):
            raise TypeError(f"the {field} of a device is a {wanted.__name__}, not {getattr(device, field)!r:.80}")
    sensor = device.sensor
    for field, at_least, number in (
        ("bias", 0.0, sensor.bias),
        ("refresh_s", 0.0, sensor.refresh_s),
        ("max_watts", math.ulp(0.0), 1.0 if sensor.max_watts is None else sensor.max_watts),
    ):
        if not (at_least <= number < math.inf):
            raise ValueError(f"{device.name}: the sensor's {field} cannot be {number}")
    return device


def _range(value: Any) -> float:
    number = _number(value)
    if not number > 0.0:
        raise ReadFailed(f"a counter cannot start again at {value!r:.80} J")
    return number


def _number(value: Any) -> float:
    """Return a plain float: numpy.float32 and whole numbers would lose joules, or their way into a record."""
    if isinstance(value, bool | str | bytes):
        raise ReadFailed(f"{value!r:.80} is no number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ReadFailed(f"{value!r:.80} is no number") from None
    if not math.isfinite(number):
        raise ReadFailed(f"the sensor reads {number}")
    return number
