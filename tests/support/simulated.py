"""Backends for the engine's tests: real implementations of the interface, driven by a clock and a profile."""

import threading

from carbonsdk.engine.plan import BackendPlan
from carbonsdk.errors import SensorAbsent
from carbonsdk.model import CounterReading, Device, DeviceKind, PowerReading, Quality, Sensor


def device(name="package-0", kind=DeviceKind.CPU, quality=Quality.MEASURED, **more):
    sensor = Sensor(method="a counter", quality=quality, bias=0.0, max_watts=2_000.0, **more.pop("sensor", {}))
    return Device(id=name, kind=kind, name=name, sensor=sensor, **more)


class Simulated:
    """Devices that draw what their profiles say; `faults` maps a device id to an exception to raise."""

    def __init__(self, clock, profiles, *, power=False):
        self.clock, self.profiles, self.power = clock, profiles, power
        self.faults = {}
        self.reads = 0
        self.closed = 0
        self.gate = None
        self.start_ns = clock.monotonic_ns()

    def open(self):
        return list(self.profiles)

    def read(self, which):
        self.reads += 1
        if self.gate is not None:
            self.gate.wait(30)
        if which.id in self.faults:
            raise self.faults[which.id]
        seconds = (self.clock.monotonic_ns() - self.start_ns) / 1e9
        profile = next(profile for each, profile in self.profiles.items() if each.id == which.id)
        return PowerReading(profile.watts(seconds)) if self.power else CounterReading(profile.joules(seconds))

    def close(self):
        self.closed += 1


def offer(name, backend, *, preference=100, kinds=(), inline=True, named=False):
    def make():
        if isinstance(backend, BaseException):
            raise backend
        return backend() if callable(backend) else backend

    return BackendPlan(name, make, preference, frozenset(kinds), inline, named)


def absent():
    return SensorAbsent("no such sensor here")


def hang_until(event: threading.Event):
    """A factory that returns nothing before its time."""

    def make():
        event.wait(30)
        raise absent()

    return make
