"""The fetcher: a web service that answers `{"grams_per_kwh": 112.0, "start": "2026-01-05T12:00Z", "end": …}`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carbonsdk.plugin import BadAnswer, CarbonIntensity, Clock, HttpClient, Zone, ZoneUnknown

if TYPE_CHECKING:
    from carbonsdk_example import ServiceSettings


class Service:
    """Asks the service through carbonsdk's client, which has deadlines and keeps the token to itself."""

    def __init__(self, settings: "ServiceSettings", *, clock: Clock, http: HttpClient) -> None:
        self._settings = settings
        self._clock = clock
        self._http = http

    def covers(self, zone: Zone) -> bool:
        """Return whether the settings name the zone."""
        return zone.key in self._settings.zones

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return what the service answers; raise ZoneUnknown or BadAnswer."""
        if not self.covers(zone):
            raise ZoneUnknown(f"`intensity.example.zones` does not name {zone.key}")
        token = self._settings.token
        answer = self._http.fetch_json(
            self._settings.url,
            params={"zone": zone.key},
            headers={"auth-token": token} if token else None,
        )
        try:
            start, end = datetime.fromisoformat(answer["start"]), datetime.fromisoformat(answer["end"])
            grams_per_kwh = float(answer["grams_per_kwh"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadAnswer(f"the answer for {zone.key} lacks or garbles {error}") from error
        if start.tzinfo is None or end.tzinfo is None or grams_per_kwh < 0:
            raise BadAnswer(f"the answer for {zone.key} has times without a zone, or a negative intensity")
        return CarbonIntensity(
            grams_per_kwh=grams_per_kwh,
            zone=zone.key,
            source=self._settings.url,
            start=start,
            end=end,
            fetched_at=self._now(),
        )

    def _now(self) -> datetime:
        unix_ns = self._clock.wall_ns(self._clock.monotonic_ns())
        return datetime.fromtimestamp(unix_ns / 1e9, tz=UTC)
