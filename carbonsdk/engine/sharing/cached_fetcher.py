"""A fetcher whose answers all processes of a user share."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from carbonsdk.clock import Clock, utc
from carbonsdk.engine.sharing.answer_cache import AnswerCache, Question
from carbonsdk.errors import BadAnswer
from carbonsdk.interfaces import IntensityFetcher, SupportsForecast, SupportsHistory
from carbonsdk.model import CarbonIntensity, Signal, Zone

FRESH_S = 240.0  # less than the 5 minutes after which a feed asks again
_OLD_FRESH_S = 3_600.0
_OLD = timedelta(hours=48)  # what is not settled by then will not be
_HOUR = timedelta(hours=1)


def cached(fetcher: IntensityFetcher, *, identity: str, cache: AnswerCache, clock: Clock) -> IntensityFetcher:
    """Return the fetcher behind the cache, with history and forecast where it has them.

    `identity` is the fetcher's name and whatever else changes its answers, such as its settings.
    """
    match isinstance(fetcher, SupportsHistory), isinstance(fetcher, SupportsForecast):
        case True, True:
            kind: type[_Cached] = _CachedBoth
        case True, False:
            kind = _CachedHistory
        case False, True:
            kind = _CachedForecast
        case _:
            kind = _Cached
    return kind(fetcher, identity=identity, cache=cache, clock=clock)


class _Cached:
    """Asks by the hour, so that questions which differ by seconds are the same one."""

    def __init__(self, fetcher: IntensityFetcher, *, identity: str, cache: AnswerCache, clock: Clock) -> None:
        self._fetcher = fetcher
        self._identity = identity
        self._cache = cache
        self._clock = clock

    @property
    def signal(self) -> Signal:
        """Return what the fetcher says of its values."""
        return Signal(getattr(self._fetcher, "signal", Signal.AVERAGE))

    def covers(self, zone: Zone) -> bool:
        """Say what the fetcher says."""
        return self._fetcher.covers(zone)

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the intensity now, or as it was known a few minutes ago."""
        values = self._cache.answer(self._question("current", zone), lambda: (self._fetcher.current(zone),))
        if len(values) != 1:
            raise BadAnswer(f"the cache held {len(values)} values where one was due")
        return values[0]

    def _question(self, call: str, zone: Zone, *times: datetime, fresh_s: float = FRESH_S) -> Question:
        place = (zone.key, zone.latitude, zone.longitude, zone.cloud_provider, zone.cloud_region, zone.postcode)
        hours = (time.astimezone(UTC).isoformat() for time in times)
        return Question((self._identity, call, *map(str, place), *hours), fresh_s)

    def _now(self) -> datetime:
        return utc(self._clock.wall_ns(self._clock.monotonic_ns()))


class _CachedHistory(_Cached):
    def history(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return what is known of [start, end)."""
        assert isinstance(self._fetcher, SupportsHistory)  # noqa: S101 - `cached` has seen to that
        fetch, now = self._fetcher.history, self._now()
        first, last = _floor(start), _ceiling(end)
        question = self._question("history", zone, first, last, fresh_s=_OLD_FRESH_S if last < now - _OLD else FRESH_S)
        # Services may refuse a range that reaches into the future.
        return _cut(self._cache.answer(question, lambda: fetch(zone, start=first, end=max(end, min(last, now)))), start, end)


class _CachedForecast(_Cached):
    def forecast(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return what is forecast for [start, end)."""
        assert isinstance(self._fetcher, SupportsForecast)  # noqa: S101 - `cached` has seen to that
        fetch, first, last = self._fetcher.forecast, _floor(start), _ceiling(end)
        question = self._question("forecast", zone, first, last)
        return _cut(self._cache.answer(question, lambda: fetch(zone, start=first, end=last)), start, end)


class _CachedBoth(_CachedHistory, _CachedForecast):
    pass


def _floor(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _ceiling(moment: datetime) -> datetime:
    floor = _floor(moment)
    return floor if floor == moment else floor + _HOUR


def _cut(values: Iterable[CarbonIntensity], start: datetime, end: datetime) -> tuple[CarbonIntensity, ...]:
    """Return the values that touch [start, end)."""
    return tuple(
        value for value in values if (value.end is None or value.end > start) and (value.start is None or value.start < end)
    )
