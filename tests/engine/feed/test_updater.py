"""What a feed finds out by itself: the place, the average under everything, the figures of the user."""

import pytest
from support.grid import DENMARK, HOUR, NOON, TABLE, Grid, Place, at

from carbonsdk.clock import unix_ns
from carbonsdk.engine.feed import Candidate
from carbonsdk.engine.planning.own_intensity import own_intensity
from carbonsdk.errors import ServiceUnavailable
from carbonsdk.model import Signal, Zone


def test_marginal_values_have_a_timeline_of_their_own(make, clock):
    marginal = Grid(clock, signal=Signal.MARGINAL)
    marginal.signal = Signal.MARGINAL
    feed = make(fetchers=[Candidate("watt", marginal), Candidate("grid", Grid(clock, note="average")), TABLE])
    feed.step()
    assert feed.timeline.at(unix_ns(NOON) + 600 * 10**9).note == "average"
    assert feed.marginal.at(unix_ns(NOON) + 600 * 10**9).signal is Signal.MARGINAL


def test_without_a_zone_the_world_stands_in_until_a_locator_finds_it(make, clock, heard):
    feed = make(zone=None, locators=[Candidate("none", Place()), Candidate("cloud", lambda: Place(DENMARK))])
    assert at(feed, 12) == (473.0, "fallback")
    assert feed.zone is None
    feed.step()
    assert feed.zone == DENMARK
    assert at(feed, 12)[0] == 143.3
    assert heard.warnings == []


def test_a_guess_from_files_stands_in_until_the_surer_locators_have_answered(make, clock):
    guess = Candidate("timezone", Place(Zone(key="DE", found_by="time zone Europe/Berlin", guess=True)), inline=True)
    feed = make(zone=None, locators=[Candidate("cloud", lambda: Place(DENMARK)), guess])
    assert at(feed, 12) == (344.1, "fallback")
    assert feed.zone is None
    feed.step()
    assert feed.zone == DENMARK
    assert at(feed, 12)[0] == 143.3


def test_the_first_locator_that_knows_wins(make):
    feed = make(zone=None, locators=[Candidate("a", Place(Zone(key="DE"))), Candidate("b", Place(DENMARK))])
    feed.step()
    assert feed.zone.key == "DE"


def test_a_guessed_country_is_labelled_in_every_answer_of_the_table(make):
    guess = Zone(key="DE", found_by="time zone Europe/Berlin", guess=True)
    feed = make(zone=None, locators=[Candidate("timezone", Place(guess))])
    feed.step()
    assert at(feed, 12) == (344.1, "fallback")
    assert feed.timeline.values[0].note == "the place is guessed from the time zone Europe/Berlin"


def test_a_services_value_for_a_guessed_place_says_so_too(make, clock):
    guess = Zone(key="DK-DK1", found_by="time zone Europe/Copenhagen", guess=True)
    feed = make(zone=None, locators=[Candidate("timezone", Place(guess))], fetchers=[Candidate("grid", Grid(clock)), TABLE])
    feed.step()
    assert at(feed, 12, 10) == (112.0, "live")
    assert feed.timeline.at(unix_ns(NOON) + 600 * 10**9).note == "the place is guessed from the time zone Europe/Copenhagen"


def test_a_locator_that_raises_is_passed_over_and_told_once(make, heard):
    feed = make(
        zone=None,
        locators=[
            Candidate("ip", Place(fail=ServiceUnavailable("geo.example: no connection"))),
            Candidate("b", Place(DENMARK)),
        ],
    )
    feed.step()
    assert feed.zone == DENMARK
    assert heard.warnings == ["carbon intensity: locator ip: geo.example: no connection"]


@pytest.mark.parametrize("others", [[], [Candidate("grid", lambda: Grid(None))]])
def test_a_zone_of_which_nothing_is_known_is_told_to_be_so_since_it_may_be_misspelt(make, heard, others):
    feed = make(zone=Zone(key="DENMARK"), fetchers=[*others, TABLE])
    if others:
        feed.step()
    assert at(feed, 12) == (473.0, "fallback")
    (text,) = heard.warnings
    told = "no figures are known for the zone 'DENMARK' (did you mean DK?): 473 gCO2eq/kWh of the world are used"
    assert text == told


def test_where_none_of_the_services_named_serves_the_zone_a_person_is_told(make, heard, clock):
    feed = make(zone=Zone(key="DE"), fetchers=[Candidate("grid", Grid(clock)), Candidate("other", Grid(clock))])
    feed.step()
    told = "nobody tells the carbon intensity of DE: grid and other do not serve it, or want a token (see `carbonsdk plugins`)"
    assert heard.warnings == [told]


def test_where_an_own_figure_holds_nobody_misses_the_services(make, heard, clock):
    feed = make(zone=Zone(key="DE"), fetchers=[Candidate("grid", Grid(clock))], own=own_intensity({NOON: 5}))
    feed.step()
    assert heard.warnings == []


def test_of_coordinates_a_person_is_told_who_could_use_them(make, heard):
    make(zone=Zone(key="WORLD", name="55.68,12.57", latitude=55.68, longitude=12.57), fetchers=[TABLE])
    (text,) = heard.warnings
    assert "the zone '55.68,12.57' (it takes electricitymaps, with a token, to find the grid of coordinates)" in text


def test_where_nobody_knows_the_place_the_world_stays_and_a_person_is_told_what_to_do(make, heard):
    feed = make(zone=None, locators=[Candidate("none", Place())])
    feed.step()
    assert feed.zone.key == "WORLD"
    assert at(feed, 12) == (473.0, "fallback")
    assert heard.warnings == ["where this machine stands is not known: name it, as zone='DK-DK1' or --zone DK-DK1"]


def test_the_users_own_hours_are_let_in_some_days_at_a_time(make, clock):
    feed = make(own=own_intensity({NOON + index * HOUR: 1000 + index for index in range(-48, 200)}))

    def hours():
        return [round(value.grams_per_kwh - 1000) for value in feed.timeline.values if value.own]

    assert hours() == [*range(73)]  # from the present one, which began at noon, on for three days
    assert feed.step() == 48 * 3600 + 50 * 60  # from 12:10 until a day before there is none left
    clock.advance(49 * 3600)
    feed.step()
    assert hours() == [*range(122)]


def test_hours_of_the_users_own_that_are_all_over_are_told_of(make, heard):
    make(zone=Zone(key="DE"), own=own_intensity({NOON - HOUR: 10}))
    assert heard.warnings == ["the values given as intensity are all of the past: the grid's figures are used instead"]


def test_the_users_own_hours_win_in_their_hours_only(make, clock):
    feed = make(own=own_intensity({NOON: 5}), fetchers=[Candidate("grid", Grid(clock)), TABLE])
    feed.step()
    assert at(feed, 12, 30) == (5.0, "live")
    clock.advance(3600)
    feed.step()
    assert at(feed, 13, 30) == (113.0, "live")
