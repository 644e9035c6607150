"""One cache for all processes of a user: one request for eight ranks, whole files, bounded, and never in the way."""

import json
import os
import resource
import stat
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta

import pytest

from carbonsdk.engine.sharing import answer_cache
from carbonsdk.engine.sharing.answer_cache import AnswerCache, Question
from carbonsdk.engine.sharing.cached_fetcher import cached
from carbonsdk.engine.sharing.lease import Lease
from carbonsdk.errors import BadAnswer, RateLimited, ServiceUnavailable, Unauthorized
from carbonsdk.interfaces import IntensityFetcher, SupportsForecast, SupportsHistory
from carbonsdk.model import Basis, CarbonIntensity, Signal, Zone
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.http import LoopbackService

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEATHER = Question(("service", "current", "DE"), 240.0)


def value(grams=100.0, hours=0, **more):
    start = NOON + hours * HOUR
    return CarbonIntensity(grams_per_kwh=grams, zone="DE", source="Grid", start=start, end=start + HOUR, **more)


class Asking:
    """A thing to ask: counts how often, and answers or raises in turn."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.times = 0

    def __call__(self):
        self.times += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def cache(tmp_path, clock):
    return AnswerCache(clock, tmp_path / "cache")


def test_a_fresh_answer_is_given_again_as_it_was(cache):
    given = (value(basis=Basis.DIRECT, signal=Signal.MARGINAL, estimated=True, fetched_at=NOON, note="æ"), value(1.5, 1))
    ask = Asking(given)
    assert cache.answer(WEATHER, ask) == given
    assert cache.answer(WEATHER, ask) == given
    assert ask.times == 1


def test_an_answer_that_is_no_longer_fresh_is_asked_for_anew(cache, clock):
    ask = Asking((value(1),), (value(2),))
    cache.answer(WEATHER, ask)
    clock.advance(239.9)
    assert cache.answer(WEATHER, ask) == (value(1),)
    clock.advance(0.2)
    assert cache.answer(WEATHER, ask) == (value(2),)


def test_another_question_has_another_answer(cache):
    cache.answer(WEATHER, Asking((value(1),)))
    assert cache.answer(Question(("service", "current", "FR"), 240), Asking((value(2),))) == (value(2),)


def test_a_clock_that_was_set_back_makes_no_answer_eternal(cache, tmp_path):
    cache.answer(WEATHER, Asking((value(1),)))
    earlier = AnswerCache(FakeClock(NOON - 2 * HOUR), tmp_path / "cache")
    assert earlier.answer(WEATHER, Asking((value(2),))) == (value(2),)


@pytest.mark.parametrize(
    ("error", "kept_s"),
    [
        (ServiceUnavailable("no connection"), 30),
        (BadAnswer("no JSON"), 30),
        (RateLimited("slower", 120.0), 120),
        (RateLimited("slower", 7_200.0), 300),
        (RateLimited("slower"), 30),
    ],
)
def test_a_refusal_is_shared_for_a_while(cache, clock, error, kept_s):
    ask = Asking(error, (value(),))
    for _ in range(2):
        with pytest.raises(type(error), match=str(error)) as caught:
            cache.answer(WEATHER, ask)
        assert getattr(caught.value, "retry_after_s", None) == getattr(error, "retry_after_s", None)
        clock.advance(kept_s - 1)
    assert ask.times == 1
    clock.advance(2)
    assert cache.answer(WEATHER, ask) == (value(),)


@pytest.mark.parametrize("error", [Unauthorized("no token"), KeyError("bug")])
def test_what_is_wrong_with_the_asker_is_not_shared(cache, error):
    ask = Asking(error, (value(),))
    with pytest.raises(type(error)):
        cache.answer(WEATHER, ask)
    assert cache.answer(WEATHER, ask) == (value(),)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"written_ns": "x"}', "\x00" * 99, "[" * 99_999])
def test_a_damaged_entry_is_asked_for_anew(cache, tmp_path, content):
    cache.answer(WEATHER, Asking((value(1),)))
    (entry,) = (tmp_path / "cache").glob("*.json")
    entry.write_text(content)
    assert cache.answer(WEATHER, Asking((value(2),))) == (value(2),)


def test_values_that_make_no_sense_are_asked_for_anew(cache, tmp_path):
    cache.answer(WEATHER, Asking((value(1.5),)))
    (entry,) = (tmp_path / "cache").glob("*.json")
    entry.write_text(entry.read_text().replace("1.5", '"many"'))
    assert cache.answer(WEATHER, Asking((value(2),))) == (value(2),)


def test_only_the_user_reads_the_cache(cache, tmp_path):
    cache.answer(WEATHER, Asking((value(),)))
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").iterdir()] == [0o600]


def test_nothing_but_the_answer_is_left_behind(cache, tmp_path):
    cache.answer(WEATHER, Asking((value(),)))
    with pytest.raises(KeyError):
        cache.answer(Question(("other",), 1), Asking(KeyError()))
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".json"]


@pytest.mark.parametrize("broken", ["a file", "read-only"])
def test_without_a_directory_everyone_asks(tmp_path, clock, broken):
    place = tmp_path / "place"
    if broken == "a file":
        place.write_text("")
    else:
        place.mkdir(mode=0o500)
        if os.access(place, os.W_OK):
            pytest.skip("root may write anywhere")
    ask = Asking((value(),))
    cache = AnswerCache(clock, place)
    assert cache.answer(WEATHER, ask) == (value(),)
    assert cache.answer(WEATHER, ask) == (value(),)
    assert ask.times == 2


def test_the_user_cache_directory_is_found_where_none_is_given(tmp_path, clock, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    AnswerCache(clock).answer(WEATHER, Asking((value(),)))
    assert len(list((tmp_path / "carbonsdk" / "intensity").glob("*.json"))) == 1


def test_the_number_of_files_is_bounded_and_the_newest_stay(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(answer_cache, "_MOST_FILES", 3)
    for index in range(6):
        cache.answer(Question((str(index),), 240), Asking((value(index),)))
        newest = max((tmp_path / "cache").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (index, index))  # file systems differ in how finely they tell times apart
    assert len(list((tmp_path / "cache").iterdir())) <= 3
    assert cache.answer(Question(("5",), 240), Asking((value(99),))) == (value(5),)


def test_the_size_is_bounded(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(answer_cache, "_MOST_BYTES", 1_000)
    for index in range(5):
        cache.answer(Question((str(index),), 240), Asking((value(index),)))
    assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) <= 1_000


def test_an_answer_of_very_many_values_is_not_kept(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(answer_cache, "_MOST_VALUES", 2)
    ask = Asking(tuple(value(hours=hours) for hours in range(3)))
    assert len(cache.answer(WEATHER, ask)) == 3
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def lease(tmp_path):
    """Make leases of one thing, each as another process would."""
    return lambda: Lease(tmp_path / "x.lease")


def age(path, seconds):
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_a_lease_is_had_by_one_at_a_time(lease):
    one, other = lease(), lease()
    assert one.take()
    assert not other.take()
    one.release()
    assert other.take()


def test_a_lease_is_ignored_after_30_seconds(lease, tmp_path):
    killed, other = lease(), lease()
    killed.take()
    age(tmp_path / "x.lease", 25)
    assert not other.take()
    age(tmp_path / "x.lease", 5)
    assert other.take()
    killed.release()  # it was alive after all: the other's lease stays
    assert not lease().take()


def test_a_lease_from_the_future_is_ignored(lease, tmp_path):
    lease().take()
    age(tmp_path / "x.lease", -60)
    assert lease().take()


def test_on_a_full_disk_everyone_has_the_lease_and_nobody_waits(lease, tmp_path):
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, unlimited[1]))  # files can be made, and nothing can be written
    try:
        taken = [lease().take() for _ in range(2)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert taken == [True, True]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_no_hindrance(cache, tmp_path):
    (tmp_path / "cache").mkdir()
    left = tmp_path / "cache" / f"{WEATHER.name}.lease"
    left.write_text("somebody")
    age(left, 31)
    assert cache.answer(WEATHER, Asking((value(),))) == (value(),)


def test_who_waits_is_let_go_when_the_cache_is_closed(cache, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f"{WEATHER.name}.lease").write_text("somebody")
    raised = []

    def wait():
        try:
            cache.answer(WEATHER, Asking((value(),)))
        except ServiceUnavailable as error:
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    cache.close()
    waiting.join(5)
    assert len(raised) == 1


def test_threads_make_one_request(cache):
    gate, ask = threading.Event(), Asking((value(),))
    taken = []

    def slowly():
        gate.wait(5)
        return ask()

    threads = [threading.Thread(target=lambda: taken.append(cache.answer(WEATHER, slowly))) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert taken == [(value(),)] * 8
    assert ask.times == 1


RANK = """
    import sys
    from carbonsdk.clock import SystemClock
    from carbonsdk.engine.sharing.answer_cache import AnswerCache
    from carbonsdk.engine.sharing.cached_fetcher import cached
    from carbonsdk.http import RequestsHttp
    from carbonsdk.intensity import denmark
    from carbonsdk.interfaces import Zone
    from carbonsdk.testing import build
    clock = SystemClock()
    (registration,) = denmark.carbonsdk_intensity_fetchers()
    fetcher = build(registration, {"base_url": sys.argv[1]}, clock=clock, http=RequestsHttp())
    sys.stdin.readline()
    from pathlib import Path
    shared = cached(fetcher, identity="denmark", cache=AnswerCache(clock, Path(sys.argv[2])), clock=clock)
    print(shared.current(Zone(key="DK-DK1")).grams_per_kwh)
"""


def test_eight_ranks_make_one_request(tmp_path):
    record = {"Minutes5UTC": "2026-01-05T12:00:00", "PriceArea": "DK1", "CO2Emission": 75.0}
    with LoopbackService() as service:
        service.on("/dataset/CO2Emis", {"records": [record]})
        command = [sys.executable, "-c", textwrap.dedent(RANK), service.url, str(tmp_path / "cache")]
        ranks = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
            for _ in range(8)
        ]
        for rank in ranks:
            rank.stdin.write("go\n")
            rank.stdin.flush()
        told = [rank.communicate(timeout=60)[0] for rank in ranks]
        assert told == ["75.0\n"] * 8
        assert len(service.asked) == 1


class Grid:
    """A service of hours: 100 g plus the hour of the day."""

    signal = Signal.MARGINAL

    def __init__(self):
        self.asked = []

    def covers(self, zone):
        return zone.key == "DE"

    def current(self, zone):
        self.asked.append("current")
        return value()

    def history(self, zone, *, start, end):
        self.asked.append((start, end))
        return [
            value(hours, hours) for hours in range(-5, 1) if NOON + hours * HOUR < end and NOON + (hours + 1) * HOUR > start
        ]

    def forecast(self, zone, *, start, end):
        self.asked.append((start, end))
        return [value(hours, hours, forecast=True) for hours in range(6)]


class Bare:
    def covers(self, zone):
        return True

    def current(self, zone):
        return value()


@pytest.fixture
def grid():
    return Grid()


@pytest.fixture
def shared(grid, cache, clock):
    return cached(grid, identity="grid", cache=cache, clock=clock)


DE = Zone(key="DE")


def test_a_cached_fetcher_can_what_the_fetcher_can(shared, cache, clock):
    assert isinstance(shared, IntensityFetcher)
    assert (isinstance(shared, SupportsHistory), isinstance(shared, SupportsForecast)) == (True, True)
    bare = cached(Bare(), identity="bare", cache=cache, clock=clock)
    assert (isinstance(bare, SupportsHistory), isinstance(bare, SupportsForecast)) == (False, False)
    assert (shared.signal, bare.signal) == (Signal.MARGINAL, Signal.AVERAGE)
    assert (shared.covers(DE), shared.covers(Zone(key="FR"))) == (True, False)


def test_the_present_is_shared_for_four_minutes(shared, grid, clock):
    shared.current(DE)
    clock.advance(239)
    shared.current(DE)
    assert grid.asked == ["current"]
    clock.advance(2)
    shared.current(DE)
    assert grid.asked == ["current"] * 2


def test_places_and_settings_are_told_apart(shared, grid, cache, clock):
    shared.current(DE)
    shared.current(Zone(key="DE", latitude=1.0, longitude=2.0))
    shared.current(Zone(key="DE", postcode="RG10"))
    cached(grid, identity="grid, direct", cache=cache, clock=clock).current(DE)
    assert len(grid.asked) == 4


def test_ranges_that_differ_by_seconds_are_one_question_and_each_gets_what_it_asked_for(shared, grid, clock):
    clock.advance(1800)
    found = shared.history(DE, start=NOON - 2.5 * HOUR, end=NOON + timedelta(minutes=30))
    assert [each.grams_per_kwh for each in found] == [-3, -2, -1, 0]
    found = shared.history(DE, start=NOON - 2.2 * HOUR, end=NOON + timedelta(seconds=5))
    assert [each.grams_per_kwh for each in found] == [-3, -2, -1, 0]
    assert grid.asked == [(NOON - 3 * HOUR, NOON + timedelta(minutes=30))]  # never beyond now


def test_a_forecast_is_shared_too(shared, grid):
    ahead = shared.forecast(DE, start=NOON + timedelta(minutes=7), end=NOON + 3.5 * HOUR)
    assert [each.grams_per_kwh for each in ahead] == [0, 1, 2, 3]
    ahead = shared.forecast(DE, start=NOON + timedelta(minutes=9), end=NOON + 3.1 * HOUR)
    assert [each.grams_per_kwh for each in ahead] == [0, 1, 2, 3]
    assert grid.asked == [(NOON, NOON + 4 * HOUR)]


def test_what_is_long_past_is_shared_for_an_hour(grid, cache, tmp_path):
    clock = FakeClock(NOON + 72 * HOUR)
    shared = cached(grid, identity="grid", cache=AnswerCache(clock, tmp_path / "cache"), clock=clock)
    shared.history(DE, start=NOON - 2 * HOUR, end=NOON)
    clock.advance(3_590)
    shared.history(DE, start=NOON - 2 * HOUR, end=NOON)
    assert len(grid.asked) == 1


def test_no_secret_is_written(tmp_path, clock):
    from support.services import TOKEN, fetcher, hour, mapped

    from carbonsdk.intensity import electricitymaps

    with LoopbackService() as service:
        service.on("/v4/carbon-intensity/latest", mapped(hour("2026-01-05 12:00"), 1)[0])
        made = fetcher(electricitymaps, {"base_url": service.url, "token": TOKEN}, clock=clock)
        cached(made, identity="electricitymaps", cache=AnswerCache(clock, tmp_path), clock=clock).current(DE)
    assert TOKEN not in "".join(path.name + path.read_text() for path in tmp_path.iterdir())
    assert json.loads(next(tmp_path.iterdir()).read_text())["values"][0]["grams_per_kwh"] == 300
