"""The thread that keeps intensities up to date: how it starts, settles and stops."""

import threading
import time
from dataclasses import replace

from support.grid import DENMARK, TABLE, Grid, GridWithPast, Place, at

from carbonsdk.engine.feed import Candidate, FeedPlan, IntensityFeed
from carbonsdk.engine.planning.own_intensity import own_intensity
from carbonsdk.http import RequestsHttp
from carbonsdk.model import Zone
from carbonsdk.testing.http import Fault, LoopbackService


def test_the_table_answers_at_once_and_without_a_thread_where_it_is_all_there_is(clock, heard):
    before = threading.active_count()
    plan = FeedPlan(zone=Zone(key="DK"), fetchers=[TABLE])
    feed = IntensityFeed(plan, clock=clock, on_found=heard.on_found, on_warning=heard.warnings.append)
    feed.start()
    assert at(feed, 12) == (143.3, "live")
    assert threading.active_count() == before
    feed.stop()
    assert feed.stuck is None


def test_a_figure_of_the_users_own_wins_and_nobody_is_asked(clock, heard):
    grid = Grid(clock)
    plan = FeedPlan(zone=None, locators=[Candidate("c", Place(DENMARK))], fetchers=[Candidate("grid", grid), TABLE])
    feed = IntensityFeed(
        replace(plan, own=own_intensity(55)), clock=clock, on_found=heard.on_found, on_warning=heard.warnings.append
    )
    before = threading.active_count()
    feed.start()
    assert at(feed, 12) == (55.0, "live")
    assert grid.asked == []
    assert threading.active_count() == before


def started(plan, heard, clock):
    feed = IntensityFeed(plan, clock=clock, on_found=heard.on_found, on_warning=heard.warnings.append)
    feed.start()
    return feed


def test_the_thread_finds_the_zone_and_asks_the_service(clock, heard):
    asked = threading.Event()

    class Tells(Grid):
        def current(self, zone):
            value = super().current(zone)
            asked.set()
            return value

    plan = FeedPlan(locators=[Candidate("cloud", Place(DENMARK))], fetchers=[Candidate("grid", Tells(clock)), TABLE])
    feed = started(plan, heard, clock)
    assert asked.wait(5)
    assert feed.settle(5)
    assert at(feed, 12, 10) == (112.0, "live")
    feed.stop(5)
    assert feed.stuck is None
    assert not [thread for thread in threading.enumerate() if thread.name == "carbonsdk-intensity"]


def test_settling_waits_for_the_round_that_does_it(clock, heard):
    grid = GridWithPast(clock)
    feed = started(FeedPlan(zone=DENMARK, fetchers=[Candidate("grid", grid), TABLE]), heard, clock)
    assert feed.settle(5)
    assert "history 12:00-12:10" in grid.asked
    feed.stop(5)


def test_settling_in_the_midst_of_a_round_is_done_in_the_next(clock, heard):
    outcome = []

    class Slow(Place):
        def locate(self):
            settling = threading.Thread(target=lambda: outcome.append(feed.settle(10)))
            settling.start()
            while not feed._hasty:
                threading.Event().wait(0.001)
            located.append(settling)
            return super().locate()

    located = []
    plan = FeedPlan(locators=[Candidate("cloud", Slow(DENMARK))], fetchers=[Candidate("grid", GridWithPast(clock)), TABLE])
    feed = IntensityFeed(plan, clock=clock, on_found=heard.on_found, on_warning=heard.warnings.append)
    feed.start()
    while not located:
        threading.Event().wait(0.001)
    located[0].join()
    assert outcome == [True]
    feed.stop(5)


def test_stopping_cuts_the_request_that_is_under_way_and_says_nothing_of_it(clock, heard):
    with LoopbackService() as service:
        service.on("/latest", Fault.SILENCE)
        http = RequestsHttp(total_s=60)

        class Remote(Grid):
            def current(self, zone):
                return http.fetch_json(f"{service.url}/latest")

        feed = started(
            FeedPlan(zone=DENMARK, fetchers=[Candidate("remote", Remote(clock)), TABLE], cut=http.close), heard, clock
        )
        while not service.asked:
            threading.Event().wait(0.005)
        began = time.monotonic()
        feed.stop(5)
        assert time.monotonic() - began < 1
        assert feed.stuck is None
        assert heard.warnings == []


def test_a_thread_that_hangs_is_left_behind_and_named(clock, heard):
    release, hanging = threading.Event(), threading.Event()

    class Resolver(Place):
        def locate(self):
            hanging.set()
            release.wait(30)

    feed = started(FeedPlan(locators=[Candidate("cloud", Resolver())], fetchers=[TABLE]), heard, clock)
    assert hanging.wait(5)
    began = time.monotonic()
    feed.stop(0.05)
    assert time.monotonic() - began < 2
    assert feed.stuck == "the thread carbonsdk-intensity, locating by cloud"
    release.set()
    feed._thread.join(5)


def test_starting_does_not_wait_for_anybody(clock, heard):
    release = threading.Event()

    def never():
        release.wait(30)

    began = time.monotonic()
    feed = started(FeedPlan(locators=[Candidate("cloud", never)], fetchers=[Candidate("grid", never), TABLE]), heard, clock)
    assert time.monotonic() - began < 1
    assert at(feed, 12) == (473.0, "fallback")
    release.set()
    feed.stop(5)
