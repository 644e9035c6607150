"""The one place where readings become joules: wraps, resets, gaps and integration."""

import math
from typing import NamedTuple

from carbonsdk.model import CounterReading, DeviceKind, PowerReading, Reading, Sensor
from carbonsdk.units import NS_PER_S

# More than any single device of a kind can draw, where its sensor does not say: 12,572,969 W was once seen.
PLAUSIBLE_WATTS = {
    DeviceKind.CPU: 2_000.0,
    DeviceKind.MEMORY: 1_000.0,
    DeviceKind.GPU: 3_000.0,
    DeviceKind.SOC: 5_000.0,
    DeviceKind.NODE: 50_000.0,
    DeviceKind.OTHER: 50_000.0,
}


class Part(NamedTuple):
    """What of a device's energy is counted: `share` of what exceeds `idle_watts`."""

    share: float = 1.0
    idle_watts: float = 0.0

    def of(self, joules: float, elapsed_ns: int) -> float:
        """Return the joules that count, of those used in some time; never more than those, and never less than none."""
        return self.share * max(0.0, joules - self.idle_watts * elapsed_ns / NS_PER_S)


WHOLE = Part()


class Stamped(NamedTuple):
    """A reading, the instant that it is taken to be of, and what is counted of the energy since the reading before.

    The instant is the middle of the time that the reading took.
    """

    at_ns: int
    reading: Reading
    took_ns: int = 0
    part: Part = WHOLE


class Step(NamedTuple):
    """What happened between two readings of a device.

    `joules` were used, `covered_ns` of the time was observed, `variance` (J²) is that of the integration. `fault` tells of a
    reading that cannot be true; then nothing is counted.
    """

    joules: float
    covered_ns: int
    variance: float = 0.0
    fault: str | None = None


class Limits(NamedTuple):
    """What a device can do: its greatest power, and how long its power may be inferred between two readings."""

    max_watts: float
    longest_gap_ns: int
    refresh_ns: int


def limits(sensor: Sensor, kind: DeviceKind, interval_ns: int) -> Limits:
    """Return a device's limits when it is sampled every `interval_ns`.

    Between two power readings more than five intervals (and 5 s) apart nothing is known: integrating over it would be a guess.
    """
    max_watts = sensor.max_watts if sensor.max_watts is not None else PLAUSIBLE_WATTS[kind]
    return Limits(max_watts, max(5 * interval_ns, 5 * NS_PER_S), round(sensor.refresh_s * NS_PER_S))


def flaw(reading: Reading, limit: Limits) -> str | None:
    """Return why a reading cannot be true by itself, or None."""
    if isinstance(reading, CounterReading):
        return None if 0.0 <= reading.joules < math.inf else f"the energy counter reads {reading.joules}"
    watts = reading.watts
    if not 0.0 <= watts < math.inf:
        return f"the power sensor reads {watts} W"
    return f"the power sensor reads {watts:.0f} W, more than the device can draw" if watts > limit.max_watts else None


def step(previous: Stamped, current: Stamped, limit: Limits) -> Step:
    """Return what happened between two readings that are each without a flaw, as far as it is counted."""
    old, new, elapsed_ns, part = previous.reading, current.reading, current.at_ns - previous.at_ns, current.part
    if isinstance(new, CounterReading) and isinstance(old, CounterReading):
        taken = _counted(old, new, elapsed_ns, limit)
    elif isinstance(new, PowerReading) and isinstance(old, PowerReading):
        taken = _integrated(old, new, elapsed_ns, limit)
    else:
        taken = Step(0.0, 0, fault="the sensor changed from counter to power or back")
    if part is WHOLE:
        return taken
    return taken._replace(joules=part.of(taken.joules, elapsed_ns), variance=part.share * part.share * taken.variance)


def _counted(old: CounterReading, new: CounterReading, elapsed_ns: int, limit: Limits) -> Step:
    joules = new.joules - old.joules
    wraps_at = new.wraps_at_joules
    if joules < 0:
        if wraps_at is None:
            return Step(0.0, 0, fault="the energy counter stepped back: the driver was reloaded, or the counter reset")
        joules += wraps_at
    # A counter that refreshes every refresh_ns may show the energy of that much more time than passed between two reads.
    seconds = (elapsed_ns + limit.refresh_ns) / NS_PER_S
    if joules < 0 or joules > limit.max_watts * seconds + 0.001:
        return Step(0.0, 0, fault="the energy counter jumped by more than the device can draw: a reset, or a fault")
    if wraps_at is not None and joules + wraps_at <= limit.max_watts * seconds:
        # Two wraps cannot be told from one: what is counted is the least that it can have been.
        return Step(joules, 0, fault="the energy counter was read so late that it may have wrapped more than once")
    return Step(joules, elapsed_ns)


def _integrated(old: PowerReading, new: PowerReading, elapsed_ns: int, limit: Limits) -> Step:
    if elapsed_ns > limit.longest_gap_ns:
        return Step(0.0, 0)
    seconds = elapsed_ns / NS_PER_S
    # An averaged reading tells of the window before it; only what lies before the window is inferred from both readings.
    averaged_s = min(new.window_s, seconds)
    inferred_s = seconds - averaged_s
    joules = new.watts * averaged_s + 0.5 * (old.watts + new.watts) * inferred_s
    # A step of power somewhere between: 1.96 standard deviations of an even spread over the interval.
    half_width = 1.96 / math.sqrt(12) * abs(new.watts - old.watts) * seconds
    return Step(joules, elapsed_ns, variance=half_width * half_width)
