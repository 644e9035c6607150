"""A run of some hours on a clock of its own: each hour has its value, first live and then settled."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from support.services import TOKEN, mapped
from support.sessions import info
from support.simulated import Simulated, device, offer

from carbonsdk import figures
from carbonsdk.clock import utc
from carbonsdk.engine import ending
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.plan import Plan
from carbonsdk.engine.session import Session
from carbonsdk.http import RequestsHttp
from carbonsdk.intensity import electricitymaps
from carbonsdk.model import CarbonIntensity, Zone
from carbonsdk.testing import FakeClock, build
from carbonsdk.testing.http import LoopbackService
from carbonsdk.testing.profile import Profile

# In Europe/Copenhagen the clocks go back at 01:00 UTC: the hours from 2:00 to 3:00 come twice.
START = datetime(2026, 10, 24, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)


def grams(hour):
    return 100.0 + 50 * hour


@pytest.fixture
def night(monkeypatch):
    """Run through the night from 23:00 UTC; yield the session and a way to let an hour pass, the service publishing on."""
    monkeypatch.setenv("TZ", "Europe/Copenhagen")
    clock = FakeClock(START)
    (registration,) = electricitymaps.carbonsdk_intensity_fetchers()
    with LoopbackService() as service:
        http = RequestsHttp()
        fetcher = build(registration, {"base_url": service.url, "token": TOKEN}, clock=clock, http=http)
        feed = FeedPlan(zone=Zone(key="DE"), fetchers=(Candidate("electricitymaps", fetcher),), cut=http.close)
        cpu = Simulated(clock, {device(): Profile.constant(1_000.0)})
        session = Session(Plan(info=info(), backends=(offer("cpu", cpu, named=True),), intensity=feed), clock, ticking=False)

        def publish():
            at = round((utc(clock.wall_ns(clock.monotonic_ns())) - START) / HOUR - 0.5)
            latest = mapped(START + at * HOUR, 1, lambda _: grams(at) - 7, temporalGranularity="hourly")[0]
            service.on("/v4/carbon-intensity/latest", latest)
            past = mapped(START, at, grams)
            service.on("/v4/carbon-intensity/history", {"zone": "DE", "history": past, "temporalGranularity": "hourly"})
            assert session.feed.settle(10)

        def pass_minutes(minutes):
            for _ in range(minutes):
                session.tick(clock.advance(60))

        yield session, publish, pass_minutes
        session.stop()


def test_a_night_with_a_change_of_the_clocks_has_each_of_its_hours(night):
    session, publish, pass_minutes = night
    session.start()
    session.hardware.await_named()
    with session.epoch("", None):
        for _ in range(4):
            pass_minutes(15)
            publish()
            pass_minutes(45)
    report = session.report()
    # 1 kW: a kilowatt-hour each hour. The newest hour is live, 7 g below what it will be; those before it are settled.
    assert [(value.grams_per_kwh, figures.kind(value)) for value, _ in report.carbon.parts] == [
        (100.0, "settled"),
        (150.0, "settled"),
        (200.0, "settled"),
        (243.0, "live"),
    ]
    assert [joules for _, joules in report.carbon.parts] == pytest.approx([3.6e6] * 4)
    assert report.co2eq_grams == pytest.approx(693)
    assert report.epochs[0].co2eq_grams == pytest.approx(693)


class Slow:
    """A service that answers when it is let, with 60 g for all of the day."""

    def __init__(self):
        self.let = threading.Event()

    def covers(self, zone):
        return True

    def current(self, zone):
        return self.history(zone, start=START, end=START)[0]

    def history(self, zone, *, start, end):
        assert self.let.wait(30)
        day = START.replace(hour=0)
        value = CarbonIntensity(grams_per_kwh=60.0, zone="DE", source="Slow", start=day, end=day + 24 * HOUR, settled=True)
        return [value]


def test_who_asks_for_it_waits_at_the_end_for_a_service_that_takes_its_time():
    clock, slow = FakeClock(START), Slow()
    feed = FeedPlan(zone=Zone(key="DE"), fetchers=(Candidate("slow", slow),))
    offers = (offer("cpu", Simulated(clock, {device(): Profile.constant(1_000.0)}), named=True),)
    session = Session(Plan(info=info(), backends=offers, intensity=feed, settle_s=30.0), clock, ticking=False)
    session.start()
    session.hardware.await_named()
    session.tick(clock.advance(60))
    # Longer than a run without `settle_s` waits at its end, for whatever it be.
    timer = threading.Timer(ending.STOP_WITHIN_S * 0.7, slow.let.set)
    timer.start()
    report = session.stop()
    timer.join()
    assert (report.intensity.grams_per_kwh, report.warnings) == (60.0, ())
