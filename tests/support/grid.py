"""Services and places for the tests of the feed. The clock is moved by hand; the feed's rounds are called by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from carbonsdk.clock import unix_ns
from carbonsdk.engine.feed import Candidate
from carbonsdk.intensity.static_tables import StaticTables
from carbonsdk.model import CarbonIntensity, Zone

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DENMARK = Zone(key="DK-DK1")
TABLE = Candidate("static", StaticTables(), inline=True)
HOUR = timedelta(hours=1)


class Grid:
    """A service whose intensity is 100 g plus the hour of the day, and of which failures are asked for."""

    def __init__(self, clock, **how):
        self.clock = clock
        self.how = how
        self.fail = None
        self.asked = []

    def covers(self, zone):
        return zone.key == "DK-DK1"

    def now(self):
        return NOON + timedelta(microseconds=(self.clock.wall_ns(self.clock.monotonic_ns()) - unix_ns(NOON)) // 1000)

    def current(self, zone):
        self.answer("current")
        return self.of(self.now())

    def answer(self, what):
        self.asked.append(what)
        if self.fail is not None:
            raise self.fail

    def of(self, moment, **more):
        start = moment.replace(minute=0, second=0, microsecond=0)
        return CarbonIntensity(
            grams_per_kwh=100.0 + start.hour,
            zone="DK-DK1",
            source="Grid",
            start=start,
            end=start + HOUR,
            fetched_at=self.now(),
            **(self.how | more),
        )


class GridWithPast(Grid):
    """It revises every hour to 200 g plus the hour of the day."""

    def history(self, zone, *, start, end):
        self.answer(f"history {start:%H:%M}-{end:%H:%M}")
        hours = int((end - start) / HOUR)
        revised = (self.of(start + count * HOUR, settled=True) for count in range(hours))
        return [replace(value, grams_per_kwh=value.grams_per_kwh + 100) for value in revised]


class GridWithFuture(Grid):
    def forecast(self, zone, *, start, end):
        self.answer(f"forecast {start:%H:%M}-{end:%H:%M}")
        hours = int((end - start) / HOUR) + 1
        return [self.of(start + count * HOUR, forecast=True) for count in range(hours)]


class Place:
    def __init__(self, zone=None, fail=None):
        self.zone, self.fail = zone, fail

    def locate(self):
        if self.fail:
            raise self.fail
        return self.zone


class Listener:
    def __init__(self):
        self.found = []
        self.warnings = []

    def on_found(self, zone, values):
        self.found.append((zone.key, [value.grams_per_kwh for value in values]))


def at(feed, hour, minute=0):
    value = feed.timeline.at(unix_ns(NOON.replace(hour=hour, minute=minute)))
    return (
        None
        if value is None
        else (
            value.grams_per_kwh,
            "fallback" if value.fallback else "settled" if value.settled else "forecast" if value.forecast else "live",
        )
    )
