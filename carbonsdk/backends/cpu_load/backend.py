"""Counters that a model turns: CPU energy from load, memory energy from capacity."""

from collections.abc import Callable, Sequence

from carbonsdk.backends.cpu_load import CpuLoadSettings
from carbonsdk.backends.cpu_load.busy import Scope, observed_scope
from carbonsdk.backends.cpu_load.curve import package_watts
from carbonsdk.backends.cpu_load.memory import memory_estimate
from carbonsdk.backends.cpu_load.tdp import tdp_of
from carbonsdk.backends.cpuinfo import read_cpuinfo
from carbonsdk.plugin import Clock, CounterReading, Device, DeviceKind, DeviceLost, Quality, Sensor

NS_PER_S = 1_000_000_000

_STEPS_PER_WINDOW = 5
_SHORTEST_WINDOW_S = 0.005


class LoadCounter:
    """Joules by the curve, over stretches that CPU time is told finely enough for.

    Within a stretch that is too short the last power goes on, and the next long enough one sets the counter right: a
    counter never falls, so what it ran ahead it waits for.
    """

    def __init__(self, scope: Scope, *, clock: Clock, watts: Callable[[float], float]) -> None:
        self.window_s = max(_STEPS_PER_WINDOW * scope.step_s, _SHORTEST_WINDOW_S)
        self._scope = scope
        self._clock = clock
        self._watts_at = watts
        self._since_ns = clock.monotonic_ns()
        self._busy_s = scope.busy_s()
        self._joules = self._shown_joules = 0.0
        self._watts = watts(1 / scope.cpus)  # whoever reads this is running

    def joules(self) -> float:
        """Return the joules so far."""
        elapsed_s = (self._clock.monotonic_ns() - self._since_ns) / NS_PER_S
        if elapsed_s >= self.window_s:
            self._settle()
            elapsed_s = 0.0
        self._shown_joules = max(self._shown_joules, self._joules + self._watts * elapsed_s)
        return self._shown_joules

    def _settle(self) -> None:
        """Add the stretch that ends now at the power of its own load."""
        busy_s, now_ns = self._scope.busy_s(), self._clock.monotonic_ns()
        elapsed_s = (now_ns - self._since_ns) / NS_PER_S
        # A CPU that is taken offline takes its time out of the sum.
        load = max(busy_s - self._busy_s, 0.0) / (elapsed_s * self._scope.cpus)
        self._watts = self._watts_at(load)
        self._joules += self._watts * elapsed_s
        self._busy_s, self._since_ns = busy_s, now_ns


class CpuLoadBackend:
    """Estimates one CPU device and one memory device."""

    def __init__(self, settings: CpuLoadSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._joules: dict[str, Callable[[], float]] = {}
        self._uses: dict[str, Callable[[], float]] = {}

    def open(self) -> Sequence[Device]:
        """Start the estimates; they begin at 0 J."""
        settings = self._settings
        scope = observed_scope(settings.proc, settings.cgroup)
        cpuinfo = read_cpuinfo(settings.proc)
        tdp = tdp_of(cpuinfo, cpus=scope.cpus, given_watts=settings.cpu_tdp_watts)
        counter = LoadCounter(
            scope,
            clock=self._clock,
            watts=lambda load: package_watts(load, tdp.watts, idle_watts=settings.cpu_idle_watts),
        )
        cpu = Device(
            id="cpu",
            kind=DeviceKind.CPU,
            name=cpuinfo.model or _processor() or "CPU",
            sensor=Sensor(
                method="TDP and load",
                quality=Quality.ESTIMATED,
                bias=tdp.bias,
                refresh_s=counter.window_s,
                note=f"{tdp.note}; {scope.note}",
            ),
        )
        self._joules = {cpu.id: counter.joules}
        self._uses = {cpu.id: scope.busy_s}
        return [cpu, *self._memory()]

    def read(self, device: Device) -> CounterReading:
        """Return the estimated joules since `open`."""
        joules = self._joules.get(device.id)
        if joules is None:
            raise DeviceLost(f"{device.id} is not open")
        return CounterReading(joules())

    def usage(self, device: Device) -> float | None:
        """Return the CPU seconds, or the bytes, of the part of the machine that an estimate is of."""
        use = self._uses.get(device.id)
        return None if use is None else use()

    def close(self) -> None:
        """Stop the estimates."""
        self._joules, self._uses = {}, {}

    def _memory(self) -> list[Device]:
        estimate = memory_estimate(self._settings)
        if estimate is None:
            return []
        if estimate.limit is not None:
            self._uses["memory"] = estimate.limit.used_bytes
        opened_ns = self._clock.monotonic_ns()
        self._joules["memory"] = lambda: estimate.watts * (self._clock.monotonic_ns() - opened_ns) / NS_PER_S
        sensor = Sensor(method="capacity", quality=Quality.ESTIMATED, bias=estimate.bias, note=estimate.note)
        return [Device(id="memory", kind=DeviceKind.MEMORY, name="Memory", sensor=sensor)]


def _processor() -> str:
    import platform  # for systems without /proc/cpuinfo

    return platform.processor()
