"""The best time to start, against figures worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

import carbonsdk as ct
from carbonsdk import units
from carbonsdk.clock import unix_ns
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.inquiry import Inquiry
from carbonsdk.errors import BadAnswer, IntensityError, SettingsError
from carbonsdk.footprint.stretches import Stretches
from carbonsdk.footprint.timeline import Timeline
from carbonsdk.model import CarbonIntensity, Zone
from carbonsdk.testing.clock import FakeClock
from carbonsdk.when import Wish, best_start_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOUR_NS = units.nanoseconds(3600)


def hours(*grams, start=NOON, **more):
    """Return one value an hour; None leaves a gap."""
    return [
        CarbonIntensity(
            grams_per_kwh=each, zone="DE", source="Grid", start=start + index * HOUR, end=start + (index + 1) * HOUR, **more
        )
        for index, each in enumerate(grams)
        if each is not None
    ]


def stretches(*grams):
    timeline = Timeline(hours(*grams))
    return Stretches(timeline.pieces(unix_ns(NOON), unix_ns(NOON + len(grams) * HOUR)))


def best(length_h, *grams):
    """Return (hours after noon, mean) of the best window."""
    found = stretches(*grams).best(round(length_h * HOUR_NS))
    return None if found is None else ((found[0] - unix_ns(NOON)) / HOUR_NS, found[1])


@pytest.mark.parametrize(
    ("length_h", "grams", "expected"),
    [
        (1, (300, 100, 200), (1, 100)),
        (2, (300, 100, 200), (1, 150)),
        (3, (300, 100, 200), (0, 200)),
        (0.5, (300, 100, 200), (1, 100)),
        (1.5, (300, 200, 100), (1.5, 400 / 3)),  # half an hour of 200 and an hour of 100: it ends at an edge
        (1.5, (300, 100, 200), (1, 400 / 3)),  # an hour of 100 and half an hour of 200: it starts at one
        (2.5, (100, 300, 300, 100), (0, 220)),  # 0:00 to 2:30 and 1:30 to 4:00 are alike: the first
        (1, (200, 200, 200), (0, 200)),
        (1, (0, 0), (0, 0)),
    ],
)
def test_the_window_with_the_lowest_mean_is_found(length_h, grams, expected):
    assert best(length_h, *grams) == pytest.approx(expected)


def test_no_window_lies_over_a_gap_or_beyond_the_end():
    assert best(2, 100, None, 300, 400) == (2, 350)
    assert best(2, 100, None, 300) is None
    assert best(4, 100, 200, 300) is None


def test_the_mean_of_a_window_is_known_where_all_of_it_is():
    found = stretches(100, 300, None, 500)
    assert found.mean(unix_ns(NOON), 2 * HOUR_NS) == 200
    assert found.mean(unix_ns(NOON) + HOUR_NS // 2, HOUR_NS) == 200
    assert found.mean(unix_ns(NOON), 3 * HOUR_NS) is None
    assert found.mean(unix_ns(NOON) - 1, HOUR_NS) is None
    assert found.known_until_ns == unix_ns(NOON + 4 * HOUR)


def test_the_best_window_is_no_worse_than_any_other_by_the_minute():
    grams = (410, 395, 260, 255, 290, 180, 330, 300, 120, 500)
    found = stretches(*grams)
    length_ns = round(2.7 * HOUR_NS)
    start_ns, mean = found.best(length_ns)
    minute_ns = HOUR_NS // 60
    others = [found.mean(unix_ns(NOON) + index * minute_ns, length_ns) for index in range(440)]
    assert mean <= min(each for each in others if each is not None) + 1e-9
    assert found.mean(start_ns, length_ns) == pytest.approx(mean)


class Grid:
    """A service with a forecast from `start` on, and a live value."""

    def __init__(self, *grams, start=NOON, live=None, error=None):
        self.ahead = hours(*grams, start=start, forecast=True)
        self.live = live
        self.error = error

    def covers(self, zone):
        return True

    def current(self, zone):
        if self.live is None:
            raise BadAnswer("nothing live")
        return self.live

    def forecast(self, zone, *, start, end):
        if self.error:
            raise self.error
        return [value for value in self.ahead if value.end > start and value.start < end]


def inquiry(*grids, clock=None, **more):
    fetchers = [Candidate(f"grid {index}", grid) for index, grid in enumerate(grids)]
    return Inquiry(FeedPlan(zone=Zone(key="DE"), fetchers=fetchers, **more), clock=clock or FakeClock())


def test_the_best_start_says_what_it_saves():
    found = best_start_of(inquiry(Grid(300, 300, 100, 100)), Wish(2 * HOUR, energy_kwh=12))
    assert (found.start, found.end) == (NOON + 2 * HOUR, NOON + 4 * HOUR)
    assert (found.grams_per_kwh, found.now_grams_per_kwh) == (100, 300)
    assert found.saving == pytest.approx(2 / 3)
    assert (found.co2eq_grams, found.saved_grams) == (1200, 2400)
    assert (found.is_now, found.wait_s) == (False, 7200)
    assert (found.zone, found.sources, found.known_until) == ("DE", ("Grid",), NOON + 4 * HOUR)


def test_without_an_energy_there_are_no_grams():
    found = best_start_of(inquiry(Grid(300, 100)), Wish(3600))
    assert (found.co2eq_grams, found.saved_grams) == (None, None)
    assert found.to_dict()["saved_grams"] is None
    assert found.to_dict()["start"] == "2026-01-05T13:00:00+00:00"


def test_nothing_is_better_than_now_where_nothing_is():
    found = best_start_of(inquiry(Grid(100, 100, 300)), Wish(HOUR, energy_kwh=1))
    assert (found.is_now, found.wait_s, found.saving, found.saved_grams) == (True, 0, 0, 0)
    assert found.start == NOON


def test_a_start_in_mid_hour_is_weighed_from_there():
    clock = FakeClock(NOON + timedelta(minutes=30))
    found = best_start_of(inquiry(Grid(100, 400, 160), clock=clock), Wish(HOUR))
    assert found.now_grams_per_kwh == 250  # half an hour of 100, half an hour of 400
    assert (found.start, found.grams_per_kwh) == (NOON + 2 * HOUR, 160)


def test_a_deadline_is_kept():
    wish = Wish(HOUR, deadline=NOON + 2.5 * HOUR)
    found = best_start_of(inquiry(Grid(300, 200, 100, 50)), wish)
    assert (found.start, found.end) == (NOON + 1.5 * HOUR, NOON + 2.5 * HOUR)
    assert found.grams_per_kwh == 150  # half an hour of 200, half an hour of 100


def test_the_live_value_leads_to_the_forecast():
    live = hours(500)[0]
    found = best_start_of(inquiry(Grid(400, 100, start=NOON + HOUR, live=live)), Wish(2 * HOUR))
    assert found.now_grams_per_kwh == 450
    late = hours(500, start=NOON - HOUR)[0]  # published, of the hour that is over
    found = best_start_of(inquiry(Grid(400, 100, start=NOON + HOUR, live=late)), Wish(2 * HOUR))
    assert found.now_grams_per_kwh == 450


def test_what_a_start_now_emits_may_be_unknown():
    found = best_start_of(inquiry(Grid(400, 100, start=NOON + HOUR)), Wish(HOUR, energy_kwh=1))
    assert (found.now_grams_per_kwh, found.saving, found.saved_grams) == (None, None, None)
    assert found.start == NOON + 2 * HOUR


def test_the_next_service_is_asked_where_one_fails():
    asked = inquiry(Grid(error=BadAnswer("no forecast for this token")), Grid(300, 100))
    assert best_start_of(asked, Wish(HOUR)).start == NOON + HOUR
    assert "grid 0: no forecast for this token" in asked.complaints


def test_the_users_own_hours_win_over_the_forecast():
    sun = hours(20, start=NOON + 2 * HOUR, own=True)
    found = best_start_of(inquiry(Grid(300, 100, 200), own=sun), Wish(HOUR))
    assert (found.start, found.grams_per_kwh) == (NOON + 2 * HOUR, 20)


def test_no_forecast_is_an_error_that_says_who_was_asked():
    with pytest.raises(IntensityError, match=r"nobody forecasts .* DE .*grid 0: no"):
        best_start_of(inquiry(Grid(error=BadAnswer("no"))), Wish(HOUR))


def test_a_forecast_that_is_too_short_is_an_error():
    with pytest.raises(IntensityError, match=r"reaches to 2026-01-05 14:00 UTC, too short for 3 h 00 min"):
        best_start_of(inquiry(Grid(300, 100)), Wish(3 * HOUR))


def test_a_run_that_is_longer_than_any_forecast_is_an_error_of_the_forecast():
    for deadline in (None, NOON + 200 * HOUR):
        with pytest.raises(
            IntensityError, match=r"nobody forecasts as far as a run of 90 h 00 min takes: 72 h 00 min at the most"
        ):
            best_start_of(inquiry(Grid(300, 100)), Wish(90 * HOUR, deadline=deadline))


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration": 0},
        {"duration": -HOUR},
        {"duration": HOUR, "deadline": datetime(2026, 1, 6)},  # noqa: DTZ001 - that is the point
        {"duration": HOUR, "energy_kwh": -1.0},
        {"duration": HOUR, "energy_kwh": float("nan")},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(SettingsError):
        Wish(**wrong)


def test_a_deadline_that_cannot_be_kept_is_refused():
    with pytest.raises(SettingsError, match="not over by"):
        best_start_of(inquiry(Grid(1, 2, 3)), Wish(2 * HOUR, deadline=NOON + HOUR))


def test_it_is_in_the_public_api(tmp_path):
    csv = tmp_path / "campus.csv"
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    csv.write_text("".join(f"{(start + index * HOUR).isoformat()},{200 - 50 * index}\n" for index in range(4)))
    found = ct.best_start(timedelta(minutes=30), "DE", intensity=csv, offline=True, energy_kwh=2.0)
    assert (found.grams_per_kwh, found.co2eq_grams) == (50, 100)
    assert found.start == start + 3 * HOUR
