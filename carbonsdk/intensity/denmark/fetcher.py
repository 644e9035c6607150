"""What Energinet's Energi Data Service is asked, and how its answers are read."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from carbonsdk.intensity import series
from carbonsdk.intensity.denmark import DenmarkSettings
from carbonsdk.plugin import BadAnswer, Basis, CarbonIntensity, Clock, HttpClient, Zone, ZoneUnknown

SOURCE = "Energinet, Energi Data Service (energidataservice.dk), CC BY 4.0"
_AREAS = {"DK-DK1": "DK1", "DK-DK2": "DK2"}
_SLOT = timedelta(minutes=5)
_EMISSIONS, _PROGNOSIS = "CO2Emis", "CO2EmisProg"
# The service bans for five minutes who asks more than 40 times in 10 s; a month is 8,640 values.
_LONGEST_RANGE = timedelta(days=30)


class Denmark:
    """An `IntensityFetcher` with history and forecast; all values are of 5 minutes, and count direct emissions."""

    def __init__(self, settings: DenmarkSettings, *, clock: Clock, http: HttpClient) -> None:
        self._settings = settings
        self._clock = clock
        self._http = http

    def covers(self, zone: Zone) -> bool:
        """Say yes for the two price areas; the country as a whole is neither of them."""
        return zone.key.upper() in _AREAS

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the newest 5 minutes."""
        found = list(self._values(_EMISSIONS, zone, {"sort": "Minutes5UTC desc", "limit": "1"}))
        if not found:
            raise BadAnswer(f"{SOURCE} has no value for {zone.key} at the moment")
        return found[0]

    def history(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return every 5 minutes of the past that are known."""
        return self._range(_EMISSIONS, zone, start, end)

    def forecast(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return the 5 minutes to come, as far as the prognosis goes: at least nine hours (energidataservice.dk)."""
        return self._range(_PROGNOSIS, zone, start, end)

    def _range(self, dataset: str, zone: Zone, start: datetime, end: datetime) -> tuple[CarbonIntensity, ...]:
        found: list[CarbonIntensity] = []
        # `end` is exclusive and both are cut to the minute: ask from the slot's beginning to beyond the last one.
        for left, right in series.stretches(start - _SLOT, end + _SLOT, longest=_LONGEST_RANGE):
            window = {"start": series.minutes(left), "end": series.minutes(right)}
            found += self._values(dataset, zone, {**window, "sort": "Minutes5UTC asc", "limit": "0"})
        return series.inside(found, start, end)

    def _values(self, dataset: str, zone: Zone, more: dict[str, str]) -> Iterator[CarbonIntensity]:
        area = _AREAS.get(zone.key.upper())
        if area is None:
            raise ZoneUnknown(f"{SOURCE} knows {' and '.join(_AREAS)} alone, not {zone.key}")
        answer = self._http.fetch_json(
            f"{self._settings.base_url.rstrip('/')}/dataset/{dataset}",
            # Without a time zone the service reads and writes Danish time, which has an hour twice in autumn.
            params={"filter": json.dumps({"PriceArea": [area]}), "timezone": "UTC", **more},
        )
        forecast, fetched_at = dataset == _PROGNOSIS, series.now(self._clock)
        for row in series.rows(answer.get("records") if isinstance(answer, dict) else None, "records"):
            if row.get("PriceArea") != area:
                raise BadAnswer(f"{SOURCE} answered for {str(row.get('PriceArea'))[:10]!r} where {area!r} was asked for")
            grams = series.figure(row.get("CO2Emission"))
            if grams is None:
                continue
            start = series.moment(row.get("Minutes5UTC"))
            yield CarbonIntensity(
                grams_per_kwh=grams,
                zone=zone.key.upper(),
                source=SOURCE,
                basis=Basis.DIRECT,
                start=start,
                end=start + _SLOT,
                forecast=forecast,
                settled=not forecast and start + _SLOT <= fetched_at,
                fetched_at=fetched_at,
            )
