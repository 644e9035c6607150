"""What every backend, fetcher, locator and sink must do. Each check raises AssertionError with the sentence that is not true.

A check takes a callable that makes a fresh object, since it uses several. It needs no test framework.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from carbonsdk.clock import utc
from carbonsdk.errors import IntensityError, ReadFailed, RetryLater
from carbonsdk.events import Event, RunInfo
from carbonsdk.interfaces import Backend, IntensityFetcher, Locator, Sink, SupportsForecast, SupportsHistory
from carbonsdk.model import CarbonIntensity, CounterReading, Device, DeviceKind, PowerReading, Quality, Zone, jsonable
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.events import RUN, sample_events
from carbonsdk.testing.trial import elsewhere, must_not_raise, no_network, require

NOWHERE = Zone(key="XX-NOWHERE")
_READ_ATTEMPTS = 3


def check_backend(make: Callable[[], Backend], *, between_reads: Callable[[], object] = lambda: None) -> None:
    """Check a backend on a machine, real or simulated, where it finds at least one device.

    `between_reads` is called between two reads of a device; a simulated machine may move its clock in it.
    """
    with must_not_raise("close() without open()"):
        make().close()
    backend = make()
    require(isinstance(backend, Backend), f"a {type(backend).__name__} lacks open(), read() or close()")
    first = _check_open(backend, between_reads)
    with must_not_raise("opening again after close()"):
        again = _check_open(backend, between_reads)
    require(first == again, f"open() found {sorted(first)} at first and {sorted(again)} the second time: ids must be stable")


def _check_open(backend: Backend, between_reads: Callable[[], object]) -> set[str]:
    with must_not_raise("open()"):
        # The engine opens in one thread and may read in another.
        devices = elsewhere(backend.open, "open()")
    _check_devices(devices)
    for device in devices:
        _check_reads(backend, device, between_reads)
    for doing in ("close()", "close() a second time"):
        with must_not_raise(doing):
            elsewhere(backend.close, doing)
    return {device.id for device in devices}


def _check_devices(devices: Sequence[Device]) -> None:
    require(isinstance(devices, Sequence), f"open() must return a sequence of Device, not a {type(devices).__name__}")
    require(devices, "open() found no device: where there is none it must raise SensorAbsent, SensorMasked or PermissionDenied")
    for device in devices:
        require(isinstance(device, Device), f"open() must return Device values, not a {type(device).__name__}")
        require(device.id, f"the device {device.name!r} has no id")
        require(isinstance(device.kind, DeviceKind), f"the kind of {device.id!r} is {device.kind!r}, no DeviceKind")
        require(
            isinstance(device.sensor.quality, Quality), f"the quality of {device.id!r} is {device.sensor.quality!r}, no Quality"
        )
        require(device.sensor.method, f"the sensor of {device.id!r} does not name its method")
        _require_amount(device.sensor.bias, f"the bias of {device.id!r}")
        _require_amount(device.sensor.refresh_s, f"the refresh time of {device.id!r}")
        _require_jsonable(device)
    ids = [device.id for device in devices]
    require(len(ids) == len(set(ids)), f"the devices' ids are not unique: {', '.join(sorted(ids))}")


def _check_reads(backend: Backend, device: Device, between_reads: Callable[[], object]) -> None:
    for _ in range(2):
        reading = _read(backend, device, between_reads)
        match reading:
            case CounterReading(joules, wraps_at_joules):
                _require_amount(joules, f"the counter of {device.id!r}")
                require(
                    wraps_at_joules is None or joules <= wraps_at_joules,
                    f"the counter of {device.id!r} reads {joules} J beyond the {wraps_at_joules} J at which it wraps",
                )
            case PowerReading(watts, window_s):
                _require_amount(watts, f"the power of {device.id!r}")
                _require_amount(window_s, f"the averaging window of {device.id!r}")
            case _:
                raise AssertionError(f"read() of {device.id!r} returned {reading!r}: return a CounterReading or PowerReading")
        between_reads()


def _read(backend: Backend, device: Device, between_reads: Callable[[], object]) -> Any:
    for _ in range(_READ_ATTEMPTS):
        with must_not_raise(f"read() of {device.id!r}"):
            try:
                return backend.read(device)
            except RetryLater:
                between_reads()
            except ReadFailed as error:
                raise AssertionError(f"read() of {device.id!r} failed: {error}") from error
    raise AssertionError(f"read() of {device.id!r} raised RetryLater {_READ_ATTEMPTS} times in a row")


def check_fetcher(make: Callable[[], IntensityFetcher], *, zone: Zone, at: datetime | None = None) -> None:
    """Check a source of carbon intensity with a zone that it serves. Its service, if it has one, must answer.

    History is asked of the three hours before `at`, a forecast of the three after; the fake clock's start unless given.
    """
    fetcher = make()
    require(isinstance(fetcher, IntensityFetcher), f"a {type(fetcher).__name__} lacks covers() or current()")
    for each, expected in ((zone, {True}), (NOWHERE, {True, False})):
        with must_not_raise(f"covers({each.key})"), no_network("covers()"):
            covered = fetcher.covers(each)
        require(covered in expected, f"covers({each.key}) returned {covered!r}, not {' or '.join(map(str, expected))}")
    with must_not_raise(f"current({zone.key})"):
        current = elsewhere(lambda: fetcher.current(zone), "current()")
    _check_intensity(current, "current()")
    _check_nowhere(fetcher)
    clock = FakeClock()
    moment = at or utc(clock.wall_ns(clock.monotonic_ns()))
    span = timedelta(hours=3)
    if isinstance(fetcher, SupportsHistory):
        with must_not_raise("history()"):
            past = fetcher.history(zone, start=moment - span, end=moment)
        _check_series(past, "history()", start=moment - span, end=moment)
    if isinstance(fetcher, SupportsForecast):
        with must_not_raise("forecast()"):
            future = fetcher.forecast(zone, start=moment, end=moment + span)
        _check_series(future, "forecast()", start=moment, end=moment + span)
        require(all(each.forecast for each in future), "forecast() returned values that do not say that they are forecast")


def _check_nowhere(fetcher: IntensityFetcher) -> None:
    if fetcher.covers(NOWHERE):
        return
    try:
        value = elsewhere(lambda: fetcher.current(NOWHERE), "current() of an unknown zone")
    except IntensityError:
        return
    except Exception as error:
        kind = type(error).__name__
        raise AssertionError(f"current() of an unknown zone must raise an IntensityError (ZoneUnknown), not {kind}") from error
    require(value.fallback, "current() of an unknown zone must raise ZoneUnknown, or say that its answer is a fallback")


def _check_intensity(value: CarbonIntensity, doing: str) -> None:
    require(isinstance(value, CarbonIntensity), f"{doing} returned a {type(value).__name__}, no CarbonIntensity")
    _require_amount(value.grams_per_kwh, f"the intensity that {doing} returned")
    require(value.zone and value.source, f"{doing} returned an intensity that does not name its zone and source")
    for name in ("start", "end", "fetched_at"):
        moment = getattr(value, name)
        require(moment is None or moment.tzinfo is not None, f"{doing} returned a naive {name}: give it a time zone")
    backwards = value.start is not None and value.end is not None and value.start >= value.end
    require(not backwards, f"{doing} returned an interval that ends at {value.end}, not after its start {value.start}")
    _require_jsonable(value)


def _check_series(values: Sequence[CarbonIntensity], doing: str, *, start: datetime, end: datetime) -> None:
    require(isinstance(values, Sequence), f"{doing} returned a {type(values).__name__}, not a sequence")
    before: datetime | None = None
    for value in values:
        _check_intensity(value, doing)
        if value.year is not None and value.start is value.end is None:
            continue  # an annual average that lasts until there is a newer one
        if value.start is None or value.end is None:
            raise AssertionError(f"{doing} returned a value without its interval: {value}")
        require(
            value.start < end and value.end > start, f"{doing} returned {value.start} to {value.end}, outside what was asked"
        )
        require(
            before is None or value.start >= before, f"{doing} returned intervals out of order, or overlapping, at {before}"
        )
        before = value.end


def check_locator(make: Callable[[], Locator]) -> None:
    """Check a way to find the zone: it answers, within the patience of a check, a zone or None, and twice the same."""
    locator = make()
    require(isinstance(locator, Locator), f"a {type(locator).__name__} lacks locate()")
    with must_not_raise("locate()"):
        first = elsewhere(locator.locate, "locate()")
        second = elsewhere(locator.locate, "locate()")
    require(first == second, f"locate() found {first} and then {second}")
    if first is None:
        return
    require(isinstance(first, Zone), f"locate() returned a {type(first).__name__}: return a Zone or None")
    require(first.key and first.key == first.key.strip(), f"locate() returned the zone key {first.key!r}")
    require(first.found_by not in {"", "call"}, "locate() returned a zone whose found_by does not name this locator")
    require(first.latitude is None or -90 <= first.latitude <= 90, f"there is no latitude {first.latitude}")
    require(first.longitude is None or -180 <= first.longitude <= 180, f"there is no longitude {first.longitude}")
    _require_jsonable(first)


def check_sink(make: Callable[[], Sink]) -> None:
    """Check a sink with one event of every kind, unknown figures and a kind of the future among them."""
    with must_not_raise("close() without an event"):
        make().close()
    sink = make()
    require(isinstance(sink, Sink), f"a {type(sink).__name__} lacks handle() or close()")
    for event in (*sample_events(), cast("Event", _LaterEvent(RUN))):
        _hand_over(sink, event)
    for doing in ("close()", "close() a second time"):
        with must_not_raise(doing):
            elsewhere(sink.close, doing)
    try:
        elsewhere(lambda: sink.handle(sample_events()[0]), "handle() after close()")
    except Exception:  # noqa: BLE001, S110 - late events may be refused, in any words
        pass
    except BaseException as error:
        kind = type(error).__name__
        raise AssertionError(f"handle() after close() may raise an Exception or do nothing, but raised {kind}") from error


def _hand_over(sink: Sink, event: Event) -> None:
    kind = type(event).__name__.lstrip("_")
    with must_not_raise(f"handle() of {kind}"):
        # Made in one thread, used in another: that is how the engine delivers.
        returned: object = elsewhere(lambda: sink.handle(event), f"handle() of {kind}")
    require(returned is None, f"handle() of {kind} returned {returned!r}: it returns nothing")


@dataclass(frozen=True, slots=True)
class _LaterEvent:
    """An event of a kind that a later carbonsdk may know."""

    run: RunInfo


def _require_amount(value: object, what: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    require(
        number and math.isfinite(cast("float", value)) and cast("float", value) >= 0, f"{what} is {value!r}: not a number ≥ 0"
    )


def _require_jsonable(value: Any) -> None:
    with must_not_raise(f"writing {type(value).__name__} as JSON"):
        json.dumps(jsonable(value), allow_nan=False)
