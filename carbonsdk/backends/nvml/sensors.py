"""Find out, by asking, how a board can be measured, and how well."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carbonsdk.backends.nvml.boards import Found, attempt
from carbonsdk.backends.nvml.driver import explain
from carbonsdk.plugin import CounterReading, DeviceKind, PowerReading, Quality, Reading, Sensor

SCOPE_GPU = 0  # NVML_POWER_SCOPE_GPU, a name that older releases of pynvml lack
SCOPE_MODULE = 1
FIELD_AVERAGE = 185  # NVML_FI_DEV_POWER_AVERAGE
FIELD_INSTANT = 186
FIELD_MAX_LIMIT = 188

REFRESH_S = 0.1
"""The longest time between two updates: counters step every 10 to 100 ms, power sensors every 20 to 100 ms."""

DEFAULT_BIAS = 0.05
_BIASES = (
    (re.compile(r"\bA100\b"), 0.055),
    (re.compile(r"\bRTX 2080 Ti\b"), 0.062),
)
"""Published steady errors against a power meter, where they are above the default: A100 -5.5 %, RTX 2080 Ti -6.2 %. That of an
RTX 3090, -4.0 %, lowers nothing: it is of few specimens. How the sensors err: Yang, Adamek and Armour, arXiv:2312.02741."""

_UNSEEN = "; its power sensor watches a quarter of the time, and may miss bursts"
_PART_TIME = re.compile(r"\b(A100|H100)\b")  # the same authors: the sensor samples 25 of every 100 ms

_CAP_MARGIN = 2.0  # Boards draw more than their limit for milliseconds, never twice as much for as long as a counter's step.
_AVERAGED_FROM = 7  # NVML_DEVICE_ARCH_AMPERE
_HOPPER = 9
_GA100 = re.compile(r"\b(A100|A800|A30|PG5\d\d)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """How one board is read: `take` gives a reading of a handle, `power` the power of what that measures.

    Both raise NVMLError; either is None where nothing answers.
    """

    sensor: Sensor
    take: Callable[[Any], Reading] | None = None
    power: Callable[[Any], PowerReading] | None = None


def meter_for(nvml: Any, found: Found, power: str) -> Meter:
    """Return the best meter that answers now: energy counter, then power sensor, then none, with the reason.

    `power` is "instant", "average", or "auto" for what suits the model.
    """
    if found.problem is not None:
        return _none(found.problem)
    sensors = _Sensors(nvml, found)
    errors: list[str] = []
    for probe in (sensors.counter, lambda: sensors.power(power)):
        try:
            return probe()
        except nvml.NVMLError as error:
            errors.append(explain(error))
    return _none(f"neither its energy counter nor its power sensor answers: {'; '.join(dict.fromkeys(errors))}")


def _none(reason: str) -> Meter:
    return Meter(sensor=Sensor(method="none", quality=Quality.MISSING, bias=0.0, note=reason))


class _Sensors:
    """The sensors of one board. What does not answer raises NVMLError."""

    def __init__(self, nvml: Any, found: Found) -> None:
        self._nvml, self._found = nvml, found

    def counter(self) -> Meter:
        """Return the meter of the energy counter."""

        def take(handle: Any) -> Reading:
            return CounterReading(self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000)

        self._try_twice(take)
        module = self._is_module()
        scope = SCOPE_MODULE if module else SCOPE_GPU
        sensor = Sensor(
            method="nvml energy counter of the module" if module else "nvml energy counter",
            quality=Quality.MEASURED,
            bias=bias(self._found.board.name),
            refresh_s=REFRESH_S,
            max_watts=self._max_watts(scope),
            # The counter of a Grace-Hopper is of the whole module: CPU, GPU and the memory of both.
            contains=frozenset({DeviceKind.CPU, DeviceKind.MEMORY} if module else ()),
            note="a Grace-Hopper module: its CPU and memory are counted in" if module else None,
        )
        return Meter(sensor=sensor, take=take, power=self._power_source(scope, wanted="auto"))

    def power(self, wanted: str) -> Meter:
        """Return the meter of the power sensor."""
        take = self._power_source(SCOPE_GPU, wanted=wanted)
        if take is None:  # nothing answers: have the plainest call say why
            self._usage_watts(self._found.handle)
            raise self._nvml.NVMLError(self._nvml.NVML_ERROR_NOT_SUPPORTED)
        sensor = Sensor(
            method="nvml average power" if take(self._found.handle).window_s else "nvml instant power",
            quality=Quality.INTEGRATED,
            bias=bias(self._found.board.name),
            refresh_s=REFRESH_S,
            max_watts=self._max_watts(SCOPE_GPU),
            note="no energy counter on this board" + (_UNSEEN if _PART_TIME.search(self._found.board.name) else ""),
        )
        return Meter(sensor=sensor, take=take, power=take)

    def _power_source(self, scope: int, *, wanted: str) -> Callable[[Any], PowerReading] | None:
        """Return how the power of a scope is read: the field that suits the model, else what answers, else not at all."""
        averaged = self._is_averaged()
        fields = [(FIELD_INSTANT, 0.0), (FIELD_AVERAGE, 1.0)]
        if wanted == "average" or (wanted == "auto" and averaged):
            fields.reverse()
        sources = [self._field_source((field, scope), window_s) for field, window_s in fields]
        if scope == SCOPE_GPU:
            sources.insert(1, lambda handle: PowerReading(self._usage_watts(handle), 1.0 if averaged else 0.0))
        return next((source for source in sources if self._attempt(source, self._found.handle) is not None), None)

    def _field_source(self, field: tuple[int, int], window_s: float) -> Callable[[Any], PowerReading]:
        return lambda handle: PowerReading(self._field_watts(handle, field), window_s)

    def _attempt(self, call: Callable[..., Any], *args: Any) -> Any:
        return attempt(self._nvml, call, *args)

    def _try_twice(self, take: Callable[[Any], Reading]) -> None:
        """Ask once, and once more after an error that says nothing of what the board can do."""
        try:
            take(self._found.handle)
        except self._nvml.NVMLError as error:
            if error.value in {self._nvml.NVML_ERROR_NOT_SUPPORTED, self._nvml.NVML_ERROR_GPU_IS_LOST}:
                raise
            take(self._found.handle)

    def _usage_watts(self, handle: Any) -> float:
        return float(self._nvml.nvmlDeviceGetPowerUsage(handle)) / 1000

    def _field_watts(self, handle: Any, field: tuple[int, int]) -> float:
        """Return a field of a scope; the call succeeds where the field does not, so that each value has a return code."""
        value = self._nvml.nvmlDeviceGetFieldValues(handle, [field])[0]
        if value.nvmlReturn != self._nvml.NVML_SUCCESS:
            raise self._nvml.NVMLError(value.nvmlReturn)
        return float(value.value.uiVal) / 1000

    def _is_module(self) -> bool:
        """Return whether this is a Grace-Hopper: a Hopper whose module has a power of its own."""
        if self._found.architecture != _HOPPER:
            return False
        return bool(self._attempt(self._field_watts, self._found.handle, (FIELD_INSTANT, SCOPE_MODULE)))

    def _is_averaged(self) -> bool:
        """Return whether the power sensor shows a 1 s average: Ampere and newer do, but for GA100 (NVML's reference)."""
        return (self._found.architecture or 0) >= _AVERAGED_FROM and not _GA100.search(self._found.board.name)

    def _max_watts(self, scope: int) -> float | None:
        handle = self._found.handle
        if scope == SCOPE_MODULE:
            limit_watts = self._attempt(self._field_watts, handle, (FIELD_MAX_LIMIT, SCOPE_MODULE))
        else:
            constraints = self._attempt(self._nvml.nvmlDeviceGetPowerManagementLimitConstraints, handle)
            limit_mw = constraints[1] if constraints else self._attempt(self._nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
            limit_watts = limit_mw / 1000 if limit_mw else None
        return limit_watts * _CAP_MARGIN if limit_watts else None


def bias(name: str) -> float:
    """Return the half-width of a 95 % interval of the relative error of a model's power and energy."""
    return next((figure for pattern, figure in _BIASES if pattern.search(name)), DEFAULT_BIAS)
