"""A run of some hours on a clock of its own: each hour has its value, first live and then settled."""

from datetime import UTC, datetime, timedelta

import pytest
from support.services import TOKEN, mapped
from support.sessions import info
from support.simulated import Simulated, device, offer

from carbonsdk import figures
from carbonsdk.clock import utc
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.plan import Plan
from carbonsdk.engine.session import Session
from carbonsdk.http import RequestsHttp
from carbonsdk.intensity import electricitymaps
from carbonsdk.model import Zone
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
        session = Session(Plan(info=info(), offers=(offer("cpu", cpu, named=True),), intensity=feed), clock, ticking=False)

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
