"""Services along the time axis: what holds now, what the past turned out to be, what is forecast, and failures."""

from datetime import timedelta

import pytest
from support.grid import HOUR, NOON, TABLE, Grid, GridWithFuture, GridWithPast, Place, at

from carbonsdk.clock import unix_ns
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.inquiry import Inquiry
from carbonsdk.errors import BadAnswer, Offline, RateLimited, ServiceUnavailable, Unauthorized, ZoneUnknown
from carbonsdk.model import Basis, CarbonIntensity, Signal, Zone


def test_a_live_value_replaces_the_table_in_its_hour(make, clock, heard):
    feed = make(fetchers=[Candidate("grid", Grid(clock)), TABLE])
    assert at(feed, 12) == (143.3, "fallback")
    feed.step()
    assert at(feed, 12) == (112.0, "live")
    assert ("DK-DK1", [112.0]) in heard.found
    assert heard.warnings == []


def test_the_newest_value_is_carried_a_little_further_and_says_so(make, clock):
    feed = make(fetchers=[Candidate("grid", Grid(clock)), TABLE])
    feed.step()
    assert at(feed, 13, 30) == (112.0, "fallback")
    carried = feed.timeline.at(unix_ns(NOON + 1.5 * HOUR))
    assert carried.estimated
    assert carried.note == "the newest that was known, of until 13:00 UTC"
    assert at(feed, 16)[0] == 143.3


def test_the_next_round_is_due_when_the_value_ends(make, clock):
    feed = make(fetchers=[Candidate("grid", Grid(clock)), TABLE])
    # 12:10:00 until 13:00:30
    assert feed.step() == 3030.0
    clock.advance(3030)
    feed.step()
    assert at(feed, 13) == (113.0, "live")


@pytest.mark.parametrize(("minutes", "wait_s"), [(1, 300.0), (5, 330.0), (24 * 60, 3600.0)])
def test_a_service_is_asked_every_five_minutes_at_most_and_every_hour_at_least(make, clock, minutes, wait_s):
    class Slots(Grid):
        def current(self, zone):
            return CarbonIntensity(
                grams_per_kwh=50, zone="DK-DK1", source="Slots", start=self.now(), end=self.now() + timedelta(minutes=minutes)
            )

    feed = make(fetchers=[Candidate("slots", Slots(clock)), TABLE])
    assert feed.step() == wait_s


def test_hours_past_are_fetched_once_more_and_settled(make, clock):
    grid = GridWithPast(clock)
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    feed.step()
    clock.advance(3300)  # 13:05
    feed.step()
    assert grid.asked == ["current", "current", "history 12:00-13:05"]
    assert at(feed, 12) == (212.0, "settled")
    clock.advance(3600)  # 14:05
    feed.step()
    assert grid.asked[-1] == "history 13:00-14:05"
    assert at(feed, 13) == (213.0, "settled")


def test_an_hour_that_is_not_settled_yet_is_asked_for_again(make, clock):
    class Slow(GridWithPast):
        def history(self, zone, *, start, end):
            self.answer(f"history {start:%H:%M}-{end:%H:%M}")
            return [self.of(start)]

    grid = Slow(clock)
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    clock.advance(3300)
    feed.step()
    clock.advance(3600)
    feed.step()
    assert [what for what in grid.asked if what != "current"] == ["history 12:00-13:05", "history 12:00-14:05"]


def test_a_run_over_midnight_and_into_the_next_day_has_each_hours_own_value(make, clock):
    grid = GridWithPast(clock)
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    for _ in range(24 * 12):
        feed.step()
        clock.advance(300)
    feed.step()
    values = {start: value.grams_per_kwh for start, _, value in feed.timeline.pieces(unix_ns(NOON), unix_ns(NOON + 24 * HOUR))}
    assert values == {unix_ns(NOON + count * HOUR): 200.0 + (12 + count) % 24 for count in range(24)}
    assert grid.asked.count("current") <= 26


def test_a_forecast_is_fetched_when_somebody_looks_ahead(make, clock):
    grid = GridWithFuture(clock)
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    feed.step()
    assert not any("forecast" in what for what in grid.asked)
    feed.forecast_until(unix_ns(NOON + 4 * HOUR))
    feed.step()
    assert grid.asked[-1] == "forecast 12:10-16:00"
    assert at(feed, 15) == (115.0, "forecast")
    assert at(feed, 12) == (112.0, "live")


class WithoutExtras(Grid):
    """Its plan has the present alone."""

    def history(self, zone, *, start, end):
        raise Unauthorized("the plan has no history")

    def forecast(self, zone, *, start, end):
        raise Unauthorized("the plan has no forecast")


def test_a_plan_without_past_and_future_still_has_the_present(make, clock, heard):
    grid = WithoutExtras(clock)
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    feed.forecast_until(unix_ns(NOON + 5 * HOUR))
    feed.step()
    clock.advance(65 * 60)
    feed.step()
    assert grid.asked == ["current", "current"]
    assert at(feed, 13, 30) == (113.0, "live")
    assert [text for text in heard.warnings if "no forecast" in text]


def test_a_failing_service_leaves_the_table_labelled_and_warns_once_with_what_is_used(make, clock, heard):
    grid = Grid(clock)
    grid.fail = ServiceUnavailable("api.grid.example: no connection")
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    for _ in range(3):
        clock.advance(feed.step())
    (warning,) = heard.warnings
    assert warning.startswith("carbon intensity: grid: api.grid.example: no connection; used: 143.3 gCO2eq/kWh (Denmark 2024, ")
    filled = feed.timeline.at(unix_ns(NOON) + 600 * 10**9)
    assert filled.fallback
    assert "grid had none" in filled.note


def test_the_moment_in_which_the_run_began_is_labelled_like_the_rest(make, clock):
    failing = Grid(clock)
    failing.fail = ServiceUnavailable("grid.example: no connection")
    feed = make(fetchers=[Candidate("grid", failing), TABLE])
    feed.step()
    assert "grid had none" in feed.timeline.at(unix_ns(NOON + timedelta(minutes=10)) - 1).note


def test_a_failing_service_is_asked_again_later_and_later_still(make, clock):
    grid = Grid(clock)
    grid.fail = ServiceUnavailable("down")
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    waits = []
    for _ in range(8):
        waits.append(feed.step())
        clock.advance(waits[-1])
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_service_that_recovers_takes_over_and_its_past_settles_the_gap(make, clock):
    grid = GridWithPast(clock)
    grid.fail = ServiceUnavailable("down")
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    clock.advance(feed.step())
    grid.fail = None
    feed.step()
    assert at(feed, 12, 30) == (112.0, "live")
    clock.advance(3600)
    feed.step()
    assert at(feed, 12, 30) == (212.0, "settled")


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (RateLimited("429", 300.0), 300.0),
        (RateLimited("429"), 60.0),
        (RateLimited("429", 0.0), 1.0),
        (Unauthorized("401"), 3600.0),
    ],
)
def test_how_soon_a_service_is_asked_again_depends_on_why_it_refused(make, clock, error, wait_s):
    grid = Grid(clock)
    grid.fail = error
    assert make(fetchers=[Candidate("grid", grid), TABLE]).step() == wait_s


@pytest.mark.parametrize("error", [ZoneUnknown("no such zone"), Offline("offline")])
def test_a_service_that_will_never_answer_is_not_asked_again(make, clock, error):
    grid = Grid(clock)
    grid.fail = error
    assert make(fetchers=[Candidate("grid", grid), TABLE]).step() is None


def test_offline_is_nothing_to_warn_of(make, clock, heard):
    grid = Grid(clock)
    grid.fail = Offline("the network is switched off")
    feed = make(zone=None, locators=[Candidate("cloud", Place(fail=grid.fail))], fetchers=[Candidate("grid", grid), TABLE])
    feed.step()
    assert [text for text in heard.warnings if "switched off" in text] == []


def test_the_second_best_service_fills_in_as_a_labelled_fallback_until_the_best_is_back(make, clock):
    best, second = Grid(clock), Grid(clock, note="second")
    best.fail = BadAnswer("nonsense")
    feed = make(fetchers=[Candidate("best", best), Candidate("second", second), TABLE])
    assert feed.step() == 60
    filling = feed.timeline.at(unix_ns(NOON) + 600 * 10**9)
    assert (filling.grams_per_kwh, filling.fallback, filling.note) == (112.0, True, "second; best had none")
    best.fail = None
    clock.advance(60)
    feed.step()
    assert at(feed, 12, 30) == (112.0, "live")
    assert second.asked == ["current"]


def test_a_service_that_knows_not_the_zone_does_not_make_the_next_a_fallback(make, clock):
    other = Grid(clock)
    other.fail = ZoneUnknown("not mine")
    feed = make(fetchers=[Candidate("other", other), Candidate("grid", Grid(clock)), TABLE])
    feed.step()
    assert at(feed, 12, 30) == (112.0, "live")


def test_direct_emissions_are_labelled_where_lifecycle_ones_are_asked_for(make, clock):
    feed = make(fetchers=[Candidate("grid", Grid(clock, basis=Basis.DIRECT)), TABLE], basis=Basis.LIFECYCLE)
    feed.step()
    value = feed.timeline.at(unix_ns(NOON) + 600 * 10**9)
    assert (value.grams_per_kwh, value.basis, value.fallback) == (112.0, Basis.DIRECT, True)
    assert value.note == "direct emissions, lifecycle ones were asked for"


def test_direct_emissions_are_no_fallback_where_no_basis_is_asked_for(make, clock):
    feed = make(fetchers=[Candidate("grid", Grid(clock, basis=Basis.DIRECT)), TABLE])
    feed.step()
    value = feed.timeline.at(unix_ns(NOON) + 600 * 10**9)
    assert (value.grams_per_kwh, value.basis, value.fallback, value.note) == (112.0, Basis.DIRECT, False, None)


class Raises:
    def __init__(self, secret):
        self.secret = secret

    def covers(self, zone):
        return True

    def current(self, zone):
        raise KeyError(self.secret)


def test_what_a_stranger_raises_is_told_by_its_kind_alone(make, heard):
    feed = make(fetchers=[Candidate("odd", Raises("token=s3cr3t")), TABLE])
    feed.step()
    assert "odd: failed with KeyError" in heard.warnings[0]
    assert "s3cr3t" not in heard.warnings[0]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        120.0,
        CarbonIntensity(grams_per_kwh=float("nan"), zone="DK-DK1", source="odd"),
        CarbonIntensity(grams_per_kwh=5, zone="DK-DK1", source="odd", start=NOON, end=NOON),
        CarbonIntensity(grams_per_kwh=5, zone="DK-DK1", source="odd", start=NOON.replace(tzinfo=None), end=NOON),
        CarbonIntensity(grams_per_kwh=900, zone="DK-DK1", source="odd", signal=Signal.MARGINAL),
    ],
)
def test_an_answer_that_is_none_poisons_nothing(make, clock, heard, answer):
    class Odd(Grid):
        def current(self, zone):
            return answer

    feed = make(fetchers=[Candidate("odd", Odd(clock)), TABLE])
    feed.step()
    assert at(feed, 12, 10) == (143.3, "fallback")
    assert len(heard.warnings) == 1


def test_a_fetcher_that_cannot_even_be_made_costs_itself_alone(make, clock, heard):
    def broken():
        raise ImportError("no module named pandas")

    feed = make(fetchers=[Candidate("broken", broken), Candidate("grid", lambda: Grid(clock)), TABLE])
    feed.step()
    assert at(feed, 12, 10) == (112.0, "live")
    assert heard.warnings == ["carbon intensity: broken: failed with ImportError"]


def test_a_long_run_keeps_the_newest_two_days_of_intensities(make, clock, heard):
    feed = make(fetchers=[Candidate("grid", GridWithPast(clock)), TABLE])
    for _ in range(5 * 24):
        feed.step()
        clock.advance(3_600)
    assert len(feed.timeline.values) < 60
    assert len({zone for zone, _ in heard.found}) == 1
    assert sum(len(values) for _, values in heard.found) > 5 * 24  # whoever keeps the record has heard of all
    now_ns = clock.wall_ns(clock.monotonic_ns())
    assert feed.timeline.at(now_ns - 40 * 3_600 * 10**9).settled
    assert feed.timeline.at(now_ns - 60 * 3_600 * 10**9) is None


def test_a_service_that_fails_for_months_is_still_asked_and_its_warnings_are_bounded(make, clock, heard):
    grid = Grid(clock)
    feed = make(fetchers=[Candidate("grid", grid), TABLE])
    for number in range(1_100):
        grid.fail = RateLimited(f"again, says answer {number}", retry_after_s=1.0)
        clock.advance(feed.step())
    assert len(grid.asked) == 1_100
    assert len(heard.warnings) <= 200
    # It was asked for 19 hours, the longer the less often, and what is used instead is on record every 5 minutes at most.
    assert 12 * 18 < len(heard.found) < 12 * 20
    grid.fail = None
    feed.step()
    assert feed.timeline.at(clock.wall_ns(clock.monotonic_ns())).source == "Grid"


def test_a_guessed_place_is_told_once_where_the_table_tells_it_among_other_things(clock):
    zone = Zone(key="DK-DK1", found_by="time zone", guess=True)
    value = Inquiry(FeedPlan(zone=zone, fetchers=[TABLE]), clock=clock).average()
    assert value.note == "the average of Denmark, for want of one of DK-DK1; the place is guessed from the time zone"
