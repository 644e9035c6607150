import contextlib
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from carbonsdk.errors import IntensityError, Offline, RetryLater, SensorAbsent, SettingsError, ZoneUnknown
from carbonsdk.events import Event
from carbonsdk.hookspecs import hookimpl
from carbonsdk.interfaces import Registration
from carbonsdk.model import CarbonIntensity, CounterReading, PowerReading, Zone
from carbonsdk.sinks.memory import MemorySink
from carbonsdk.testing import (
    CannedHttp,
    RecordingSink,
    build,
    check_backend,
    check_fetcher,
    check_locator,
    check_plugin,
    check_registration,
    check_sink,
    registration_of,
    sample_events,
)
from carbonsdk.testing.events import CPU, GPU
from carbonsdk.testing.trial import elsewhere

DENMARK = Zone(key="DK-DK1")
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Meter:
    """A good backend, to be spoiled in one place by each test."""

    devices = (CPU, GPU)
    reading = PowerReading(50.0)

    def open(self):
        return self.devices

    def read(self, device):
        return self.reading

    def close(self): ...


class Service:
    """A good fetcher."""

    def covers(self, zone):
        return zone.key == "DK-DK1"

    def current(self, zone):
        if not self.covers(zone):
            raise ZoneUnknown(zone.key)
        return self.hour(NOON)

    def hour(self, start, **changes):
        value = CarbonIntensity(
            grams_per_kwh=100.0, zone="DK-DK1", source="a test", start=start, end=start + timedelta(hours=1), fetched_at=start
        )
        return replace(value, **changes)


class Site:
    """A good locator."""

    zone = Zone(key="DK-DK1", found_by="site")

    def locate(self):
        return self.zone


def spoiled(good, **changes):
    """Return what makes a `good` object with other attributes or methods."""
    return type("Spoiled", (good,), changes)


def raiser(error):
    def method(self, *arguments):
        raise error

    return method


def test_a_good_backend_passes():
    check_backend(Meter)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"close": raiser(OSError("not open"))}, "close() without open() must not raise, but raised OSError: not open"),
        ({"open": raiser(SensorAbsent("none"))}, "open() must not raise, but raised SensorAbsent: none"),
        ({"devices": ()}, "open() found no device"),
        ({"devices": (CPU, CPU)}, "the devices' ids are not unique: package-0, package-0"),
        ({"devices": (replace(CPU, id=""),)}, "the device 'Example CPU' has no id"),
        ({"reading": PowerReading(float("nan"))}, "the power of 'package-0' is nan: not a number ≥ 0"),
        ({"reading": PowerReading(-1.0)}, "the power of 'package-0' is -1.0: not a number ≥ 0"),
        ({"reading": CounterReading(5.0, wraps_at_joules=4.0)}, "reads 5.0 J beyond the 4.0 J at which it wraps"),
        (
            {"devices": (replace(CPU, sensor=replace(CPU.sensor, quality="measured")),)},
            "the quality of 'package-0' is 'measured', no Quality",
        ),
        ({"reading": 50.0}, "read() of 'package-0' returned 50.0: return a CounterReading or PowerReading"),
        ({"read": raiser(RetryLater("busy"))}, "raised RetryLater 3 times in a row"),
        ({"read": raiser(KeyError("watts"))}, "read() of 'package-0' must not raise, but raised KeyError: 'watts'"),
    ],
)
def test_a_spoiled_backend_is_told_in_a_sentence(changes, sentence):
    with pytest.raises(AssertionError) as caught:
        check_backend(spoiled(Meter, **changes))
    assert sentence in str(caught.value)


def test_a_backend_whose_ids_change_is_told():
    opened = []

    def open_once(self):
        opened.append(1)
        return (replace(CPU, id=f"package-{len(opened)}"),)

    with pytest.raises(AssertionError, match="ids must be stable"):
        check_backend(spoiled(Meter, open=open_once))


def test_a_backend_may_want_time_between_two_reads():
    moves = []
    check_backend(Meter, between_reads=lambda: moves.append(1))
    assert len(moves) == 8  # two devices, two reads, two openings


def test_a_good_fetcher_passes():
    check_fetcher(Service, zone=DENMARK)


def connect(self, zone):
    try:
        socket.create_connection(("127.0.0.1", 9))
    except OSError:
        return True


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"covers": connect}, "covers() must not use the network"),
        ({"covers": lambda self, zone: None}, "covers(DK-DK1) returned None, not True"),
        (
            {"current": lambda self, zone: self.hour(NOON, grams_per_kwh=-1.0)},
            "the intensity that current() returned is -1.0: not a number ≥ 0",
        ),
        (
            {"current": lambda self, zone: self.hour(NOON.replace(tzinfo=None))},
            "current() returned a naive start: give it a time zone",
        ),
        ({"current": lambda self, zone: self.hour(NOON, end=NOON)}, "current() returned an interval that ends at"),
        ({"current": lambda self, zone: 100.0}, "current() returned a float, no CarbonIntensity"),
        ({"current": lambda self, zone: self.hour(NOON)}, "current() of an unknown zone must raise ZoneUnknown"),
    ],
)
def test_a_spoiled_fetcher_is_told_in_a_sentence(changes, sentence):
    with pytest.raises(AssertionError) as caught:
        check_fetcher(spoiled(Service, **changes), zone=DENMARK)
    assert sentence in str(caught.value)


def test_a_fetcher_may_only_refuse_a_zone_in_words_that_the_engine_knows():
    def current(self, zone):
        return self.hour(NOON) if zone == DENMARK else {}[zone.key]

    with pytest.raises(AssertionError, match=r"must raise an IntensityError .*, not KeyError"):
        check_fetcher(spoiled(Service, current=current), zone=DENMARK)


def history_of(*starts):
    def history(self, zone, *, start, end):
        return [self.hour(each) for each in starts]

    return history


@pytest.mark.parametrize(
    ("starts", "sentence"),
    [
        ((NOON,), "outside what was asked"),
        ((NOON - timedelta(hours=1), NOON - timedelta(hours=2)), "out of order"),
    ],
)
def test_a_history_keeps_to_what_was_asked(starts, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_fetcher(spoiled(Service, history=history_of(*starts)), zone=DENMARK, at=NOON)


def test_a_history_with_a_gap_passes():
    history = history_of(NOON - timedelta(hours=3), NOON - timedelta(hours=1))
    check_fetcher(spoiled(Service, history=history), zone=DENMARK, at=NOON)


def test_a_forecast_must_say_that_it_is_one():
    def forecast(self, zone, *, start, end):
        return [self.hour(start)]

    with pytest.raises(AssertionError, match="do not say that they are forecast"):
        check_fetcher(spoiled(Service, forecast=forecast), zone=DENMARK)


@pytest.mark.parametrize("zone", [Site.zone, None])
def test_a_good_locator_passes(zone):
    check_locator(spoiled(Site, zone=zone))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"zone": "DK-DK1"}, "locate() returned a str: return a Zone or None"),
        ({"zone": Zone(key=" DK", found_by="site")}, "locate() returned the zone key ' DK'"),
        ({"zone": Zone(key="DK")}, "found_by does not name this locator"),
        ({"zone": replace(Site.zone, latitude=91.0)}, "there is no latitude 91.0"),
        ({"locate": raiser(IntensityError("no answer"))}, "locate() must not raise, but raised IntensityError: no answer"),
    ],
)
def test_a_spoiled_locator_is_told_in_a_sentence(changes, sentence):
    with pytest.raises(AssertionError) as caught:
        check_locator(spoiled(Site, **changes))
    assert sentence in str(caught.value)


def test_a_good_sink_passes():
    check_sink(MemorySink)


def test_a_sink_that_refuses_late_events_passes():
    def handle(self, event):
        if self.closed:
            raise ValueError("closed")

    check_sink(spoiled(MemorySink, handle=handle))


def raise_late(self, event):
    if self.closed:
        raise SystemExit


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"close": raiser(OSError("no file"))}, "close() without an event must not raise, but raised OSError: no file"),
        ({"handle": lambda self, event: event.report}, "handle() of RunStarted must not raise, but raised AttributeError"),
        ({"handle": lambda self, event: True}, "handle() of RunStarted returned True: it returns nothing"),
        ({"handle": raise_late}, "handle() after close() may raise an Exception or do nothing, but raised SystemExit"),
    ],
)
def test_a_spoiled_sink_is_told_in_a_sentence(changes, sentence):
    with pytest.raises(AssertionError) as caught:
        check_sink(spoiled(MemorySink, **changes))
    assert sentence in str(caught.value)


def test_a_call_that_hangs_is_told():
    import threading

    released = threading.Event()
    with pytest.raises(AssertionError, match=r"handle\(\) took longer than 0\.01 s"):
        elsewhere(released.wait, "handle()", patience_s=0.01)
    released.set()


def test_the_sample_has_every_kind_of_event_and_its_figures_fit():
    events = sample_events()
    assert {type(event) for event in events} == set(Event.__args__)
    report = events[5].report
    assert report.energy.joules == 2500.0
    assert report.co2eq_grams == pytest.approx(2500 / 3.6e6 * 300)
    assert events[7].report.energy.joules is None
    assert events[-1].report.to_dict()["energy"]["joules"] == 2500.0


def test_the_recording_sink_keeps_what_it_was_given():
    sink = RecordingSink()
    for event in sample_events():
        sink.handle(event)
    assert tuple(sink.events) == sample_events()


def test_a_plugin_is_checked_whole():
    import carbonsdk.sinks.memory

    check_plugin(carbonsdk.sinks.memory)


def test_a_registration_is_found_in_its_plugin_and_made_from_options():
    import carbonsdk.sinks.memory

    sink = build(registration_of(carbonsdk.sinks.memory, "sink", "memory"), {"limit": "2"})
    for event in sample_events():
        sink.handle(event)
    assert len(sink.events) == 2


@pytest.mark.parametrize(
    ("registration", "sentence"),
    [
        (Registration(name="Bad Name", factory=MemorySink), "the name 'Bad Name' is not of"),
        (Registration(name="m", factory=lambda context: MemorySink()), "'m' has no summary"),
        (
            Registration(name="m", factory=lambda context: 3, summary="x"),
            "to make a Sink: what it made, int, lacks handle(), close()",
        ),
        (Registration(name="m", factory=raiser(OSError("no")), summary="x"), "making 'm' from default settings must not raise"),
    ],
)
def test_a_registration_with_a_flaw_is_told_in_a_sentence(registration, sentence):
    with pytest.raises(AssertionError) as caught:
        check_registration(registration, "sink")
    assert sentence in str(caught.value)


def test_what_is_used_only_when_named_may_want_settings():
    refusing = raiser(SettingsError("give it a path"))
    check_registration(Registration(name="m", factory=refusing, summary="x", automatic=False), "sink")
    with pytest.raises(AssertionError, match="raised SettingsError: give it a path"):
        check_registration(Registration(name="m", factory=refusing, summary="x"), "sink")


def test_a_plugin_that_is_refused_is_told():
    with pytest.raises(AssertionError, match="implements no hook"):
        check_plugin(object())


def test_a_name_that_a_built_in_has_is_told():
    class Meters:
        @hookimpl
        def carbonsdk_backends(self):
            return [Registration(name="rapl", factory=lambda context: Meter(), summary="x")]

    with pytest.raises(AssertionError, match="carbonsdk has a backend 'rapl' of its own, which stays: choose another name"):
        check_plugin(Meters())


def test_a_hook_that_uses_the_network_is_told_though_it_hides_the_refusal():
    class Curious:
        @hookimpl
        def carbonsdk_sinks(self):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", 9))
            return []

    with pytest.raises(AssertionError, match="a hook must not use the network, but called getaddrinfo"):
        check_plugin(Curious())


def test_the_canned_client_gives_its_answers_and_notes_what_was_asked():
    http = CannedHttp({"http://a": {"x": 1}, "http://b": Offline("gone")})
    assert http.fetch_json("http://a", params={"zone": "DE"}, deadline_s=1.0) == {"x": 1}
    for url in ("http://b", "http://c"):
        with pytest.raises(Offline):
            http.fetch_text(url)
    assert http.requests == [("http://a", {"zone": "DE"}), ("http://b", {}), ("http://c", {})]
