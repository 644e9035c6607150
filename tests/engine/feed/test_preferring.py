"""A fetcher that comes while the run goes on, as a key given after construction brings it. Rounds are called by hand."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from support.grid import DENMARK, HOUR, NOON, TABLE

from carbonsdk.clock import unix_ns
from carbonsdk.engine.feed import Candidate, FeedPlan, IntensityFeed
from carbonsdk.engine.planning.own_intensity import own_intensity
from carbonsdk.errors import ServiceUnavailable
from carbonsdk.model import CarbonIntensity


class Fixed:
    """A service that knows one figure, for every hour past and present."""

    def __init__(self, clock, grams_per_kwh, fail=None):
        self.clock, self.grams_per_kwh, self.fail = clock, grams_per_kwh, fail
        self.asked = 0

    def covers(self, zone):
        return True

    def current(self, zone):
        self.asked += 1
        if self.fail:
            raise self.fail
        return self.of(NOON)

    def history(self, zone, *, start, end):
        return [self.of(NOON, settled=True)]

    def of(self, start, **more):
        now = datetime.fromtimestamp(self.clock.wall_ns(self.clock.monotonic_ns()) / 1e9, UTC)
        return CarbonIntensity(
            grams_per_kwh=self.grams_per_kwh,
            zone="DK-DK1",
            source="Fixed",
            start=start,
            end=start + HOUR,
            fetched_at=now,
            **more,
        )


@pytest.fixture
def make(clock):
    def made(*fetchers, **plan):
        plan = {"zone": DENMARK, "fetchers": [*fetchers, TABLE]} | plan
        return IntensityFeed(FeedPlan(**plan), clock=clock, on_found=lambda *_: None, on_warning=lambda _: None)

    return made


def at_noon(feed):
    return feed.timeline.at(unix_ns(NOON + timedelta(minutes=20))).grams_per_kwh


def test_it_is_asked_before_those_that_were_there(make, clock):
    feed = make(Candidate("old", Fixed(clock, 300.0)))
    feed.begin()
    feed.step()
    assert at_noon(feed) == 300.0
    feed.prefer(Candidate("new", Fixed(clock, 50.0)))
    clock.advance(1)
    feed.step()
    assert at_noon(feed) == 50.0


def test_it_takes_the_place_of_one_of_its_name(make, clock):
    without_key, with_key = Fixed(clock, 300.0, fail=ServiceUnavailable("401")), Fixed(clock, 50.0)
    feed = make(Candidate("maps", without_key))
    feed.begin()
    feed.step()
    feed.prefer(Candidate("maps", with_key))
    clock.advance(7200)
    feed.step()
    assert (without_key.asked, with_key.asked) == (1, 1)


def test_where_it_fails_the_others_go_on(make, clock):
    feed = make(Candidate("old", Fixed(clock, 300.0)))
    feed.begin()
    feed.prefer(Candidate("new", Fixed(clock, 50.0, fail=ServiceUnavailable("503"))))
    feed.step()
    assert at_noon(feed) == 300.0


def test_the_hours_of_the_run_that_are_past_are_fetched_from_it_as_well(make, clock):
    feed = make()
    feed.begin()
    feed.step()
    clock.advance(7200)  # 14:10; the run began at 12:10
    feed.prefer(Candidate("new", Fixed(clock, 50.0)))
    feed.step()
    clock.advance(3600)
    feed.step()
    assert at_noon(feed) == 50.0


def test_a_thread_is_started_where_there_was_none_to_start(make, clock):
    feed = make()
    feed.start()
    assert feed.settle(0)  # nothing is under way: the table is all there is
    asked = threading.Event()

    class Heard(Fixed):
        def current(self, zone):
            asked.set()
            return super().current(zone)

    feed.prefer(Candidate("new", Heard(clock, 50.0)))
    assert asked.wait(10)
    feed.stop(5)
    assert at_noon(feed) == 50.0


def test_after_the_end_nothing_is_started(make, clock):
    feed = make()
    feed.start()
    feed.stop()
    before = threading.active_count()
    feed.prefer(Candidate("new", Fixed(clock, 50.0)))
    assert threading.active_count() == before


def test_the_user_s_own_figure_stands(make, clock):
    service = Fixed(clock, 50.0)
    feed = make(own=own_intensity(80))
    feed.start()
    feed.prefer(Candidate("new", service))
    feed.step()
    assert (at_noon(feed), service.asked) == (80.0, 0)
