"""What WattTime is asked, and how its answers are read."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from carbonsdk import units
from carbonsdk.intensity import series
from carbonsdk.intensity.watttime import WattTimeSettings
from carbonsdk.intensity.watttime.account import Account
from carbonsdk.plugin import BadAnswer, Basis, CarbonIntensity, Clock, HttpClient, Signal, Zone, ZoneUnknown

SOURCE = "WattTime (watttime.org)"
SIGNAL_TYPE = "co2_moer"
GRAMS_PER_KWH = units.GRAMS_PER_POUND / 1000  # of one pound per megawatt-hour
_UNITS = "lbs_co2_per_mwh"
_LONGEST_RANGE = timedelta(days=30)
_FARTHEST_H = 72
_PERIOD_S = 300.0


class WattTime:
    """An `IntensityFetcher` with history and forecast of the marginal operating emissions rate, which is direct.

    The service's "signal index" is a percentile and no intensity: it is not asked for.
    """

    signal = Signal.MARGINAL

    def __init__(self, settings: WattTimeSettings, *, clock: Clock, http: HttpClient) -> None:
        self._account = Account(settings, clock=clock, http=http)
        self._regions = {key.upper(): region for key, region in settings.regions.items()}
        self._located: dict[tuple[float, float], str] = {}
        self._clock = clock

    def covers(self, zone: Zone) -> bool:
        """Say yes with credentials, where the region is set or can be found by coordinates."""
        return bool(self._account) and (zone.key.upper() in self._regions or None not in (zone.latitude, zone.longitude))

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the 5 minutes that it is now, which are the first of the newest forecast."""
        now = series.now(self._clock)
        found = list(self._values(zone, "forecast", {"horizon_hours": "1"}, estimated=True))
        if not found:
            raise BadAnswer(f"{SOURCE} has no value for {zone.key} at the moment")
        return next((value for value in reversed(found) if value.start is not None and value.start <= now), found[0])

    def history(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return every 5 minutes of the past that are known."""
        found: list[CarbonIntensity] = []
        for left, right in series.stretches(start, end, longest=_LONGEST_RANGE):
            found += self._values(zone, "historical", {"start": _stamp(left), "end": _stamp(right)}, settled=True)
        return series.inside(found, start, end)

    def forecast(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return the 5 minutes to come, up to three days."""
        ahead_h = (end - series.now(self._clock)).total_seconds() / 3600
        hours = min(max(int(ahead_h) + 1, 1), _FARTHEST_H)
        return series.inside(self._values(zone, "forecast", {"horizon_hours": str(hours)}, forecast=True), start, end)

    def _values(self, zone: Zone, what: str, more: dict[str, str], **labels: bool) -> Iterator[CarbonIntensity]:
        region = self._region(zone)
        answer = self._account.fetch(what, {"region": region, "signal_type": SIGNAL_TYPE, **more})
        period = _period(answer.get("meta"), region)
        fetched_at = series.now(self._clock)
        for row in series.rows(answer.get("data"), "data"):
            pounds_per_mwh = series.figure(row.get("value"))
            if pounds_per_mwh is None:
                continue
            start = series.moment(row.get("point_time"))
            # "imputed_data_used" is said of the past alone (docs.watttime.org, /v3/historical).
            imputed = row.get("imputed_data_used") is True
            settled = labels.get("settled", False) and not imputed and start + period <= fetched_at
            yield CarbonIntensity(
                grams_per_kwh=pounds_per_mwh * GRAMS_PER_KWH,
                zone=zone.key,
                source=SOURCE,
                basis=Basis.DIRECT,
                signal=Signal.MARGINAL,
                start=start,
                end=start + period,
                fetched_at=fetched_at,
                **{**labels, "estimated": imputed or labels.get("estimated", False), "settled": settled},
                note=f"region {region}",
            )

    def _region(self, zone: Zone) -> str:
        if region := self._regions.get(zone.key.upper()):
            return region
        if zone.latitude is None or zone.longitude is None:
            raise ZoneUnknown(f"WattTime's region of {zone.key} is not known: name it in regions, or give coordinates")
        place = (zone.latitude, zone.longitude)
        if place not in self._located:
            where = {"latitude": f"{place[0]:g}", "longitude": f"{place[1]:g}", "signal_type": SIGNAL_TYPE}
            match self._account.fetch("region-from-loc", where):
                case {"region": str(region)} if region:
                    self._located[place] = region
                case _:
                    raise BadAnswer(f"{SOURCE} named no region for {zone.key}")
        return self._located[place]


def _period(meta: Any, region: str) -> timedelta:
    """Return how long a value holds; raise BadAnswer for values of another region, signal or unit."""
    if not isinstance(meta, dict):
        raise BadAnswer(f"{SOURCE} does not say what its values are of")
    for key, wanted in (("region", region), ("signal_type", SIGNAL_TYPE), ("units", _UNITS)):
        if meta.get(key, wanted) != wanted:
            raise BadAnswer(f"{SOURCE} gave the {key} {str(meta[key])[:30]!r} where {wanted!r} was asked for")
    seconds = series.figure(meta.get("data_point_period_seconds", _PERIOD_S))
    return timedelta(seconds=seconds or _PERIOD_S)


def _stamp(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
