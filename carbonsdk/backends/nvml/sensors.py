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
    """Return the best meter that answers now: energy counter, then power sensor, then none, with the reason."""
    if found.problem is not None:
        return _none(found.problem)
    errors: list[str] = []
    for probe in (_counter, _power):
        try:
            return probe(nvml, found, power)
        except nvml.NVMLError as error:
            errors.append(explain(error))
    return _none(f"neither its energy counter nor its power sensor answers: {'; '.join(dict.fromkeys(errors))}")


def _none(reason: str) -> Meter:
    return Meter(sensor=Sensor(method="none", quality=Quality.MISSING, bias=0.0, note=reason))


def _counter(nvml: Any, found: Found, _: str) -> Meter:
    def take(handle: Any) -> Reading:
        return CounterReading(nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000)

    _twice(nvml, take, found.handle)
    module = _is_module(nvml, found)
    scope = SCOPE_MODULE if module else SCOPE_GPU
    sensor = Sensor(
        method="nvml energy counter of the module" if module else "nvml energy counter",
        quality=Quality.MEASURED,
        bias=bias(found.board.name),
        refresh_s=REFRESH_S,
        max_watts=_max_watts(nvml, found.handle, scope),
        # The counter of a Grace-Hopper is of the whole module: CPU, GPU and the memory of both.
        contains=frozenset({DeviceKind.CPU, DeviceKind.MEMORY} if module else ()),
        note="a Grace-Hopper module: its CPU and memory are counted in" if module else None,
    )
    return Meter(sensor=sensor, take=take, power=_power_source(nvml, found, "auto", scope))


def _power(nvml: Any, found: Found, power: str) -> Meter:
    take = _power_source(nvml, found, power, SCOPE_GPU)
    if take is None:  # nothing answers: have the plainest call say why
        _usage(nvml, found.handle)
        raise nvml.NVMLError(nvml.NVML_ERROR_NOT_SUPPORTED)
    sensor = Sensor(
        method="nvml average power" if take(found.handle).window_s else "nvml instant power",
        quality=Quality.INTEGRATED,
        bias=bias(found.board.name),
        refresh_s=REFRESH_S,
        max_watts=_max_watts(nvml, found.handle, SCOPE_GPU),
        note="no energy counter on this board" + (_UNSEEN if _PART_TIME.search(found.board.name) else ""),
    )
    return Meter(sensor=sensor, take=take, power=take)


def _power_source(nvml: Any, found: Found, power: str, scope: int) -> Callable[[Any], PowerReading] | None:
    """Return how the power of a scope is read: the field that suits the model, else what answers, else not at all."""
    averaged = _is_averaged(found)
    fields = [(FIELD_INSTANT, 0.0), (FIELD_AVERAGE, 1.0)]
    if power == "average" or (power == "auto" and averaged):
        fields.reverse()
    sources = [_field_source(nvml, field, scope, window_s) for field, window_s in fields]
    if scope == SCOPE_GPU:
        sources.insert(1, lambda handle: PowerReading(_usage(nvml, handle), 1.0 if averaged else 0.0))
    return next((source for source in sources if attempt(nvml, source, found.handle) is not None), None)


def _field_source(nvml: Any, field: int, scope: int, window_s: float) -> Callable[[Any], PowerReading]:
    return lambda handle: PowerReading(_field(nvml, handle, field, scope), window_s)


def _twice(nvml: Any, take: Callable[[Any], Reading], handle: Any) -> None:
    """Ask once, and once more after an error that says nothing of what the board can do."""
    try:
        take(handle)
    except nvml.NVMLError as error:
        if error.value in {nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_GPU_IS_LOST}:
            raise
        take(handle)


def _usage(nvml: Any, handle: Any) -> float:
    return float(nvml.nvmlDeviceGetPowerUsage(handle)) / 1000


def _field(nvml: Any, handle: Any, field: int, scope: int) -> float:
    """Return a field value in watts; the call succeeds where the field does not, so that each value has a return code."""
    value = nvml.nvmlDeviceGetFieldValues(handle, [(field, scope)])[0]
    if value.nvmlReturn != nvml.NVML_SUCCESS:
        raise nvml.NVMLError(value.nvmlReturn)
    return float(value.value.uiVal) / 1000


def _is_module(nvml: Any, found: Found) -> bool:
    """Return whether this is a Grace-Hopper: a Hopper whose module has a power of its own."""
    if found.architecture != _HOPPER:
        return False
    return bool(attempt(nvml, _field, nvml, found.handle, FIELD_INSTANT, SCOPE_MODULE))


def _is_averaged(found: Found) -> bool:
    """Return whether the power sensor shows a 1 s average: Ampere and newer do, but for GA100 (NVML's reference)."""
    return (found.architecture or 0) >= _AVERAGED_FROM and not _GA100.search(found.board.name)


def bias(name: str) -> float:
    """Return the half-width of a 95 % interval of the relative error of a model's power and energy."""
    return next((figure for pattern, figure in _BIASES if pattern.search(name)), DEFAULT_BIAS)


def _max_watts(nvml: Any, handle: Any, scope: int) -> float | None:
    if scope == SCOPE_MODULE:
        limit_watts = attempt(nvml, _field, nvml, handle, FIELD_MAX_LIMIT, SCOPE_MODULE)
    else:
        constraints = attempt(nvml, nvml.nvmlDeviceGetPowerManagementLimitConstraints, handle)
        limit_mw = constraints[1] if constraints else attempt(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        limit_watts = limit_mw / 1000 if limit_mw else None
    return limit_watts * _CAP_MARGIN if limit_watts else None
