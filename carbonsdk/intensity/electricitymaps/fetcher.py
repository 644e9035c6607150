"""What Electricity Maps is asked, and how its answers are read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from carbonsdk.intensity import series
from carbonsdk.intensity.electricitymaps import ElectricityMapsSettings
from carbonsdk.plugin import BadAnswer, Basis, CarbonIntensity, Clock, HttpClient, Secret, Unauthorized, Zone, ZoneUnknown

SOURCE = "Electricity Maps (electricitymaps.com)"  # its terms ask for the attribution
_NOWHERE = "WORLD"
_HORIZONS = (6, 24, 48, 72)
_USUAL_HORIZON = 24  # how far a token's plan lets it look depends on the plan
# The service's API reference: values are hourly unless asked for otherwise, /history has the last 24 hours, and a range of
# hourly values may have 240.
_HISTORY = timedelta(hours=24)
_LONGEST_RANGE = timedelta(days=10)
_GRANULARITY = {"5_minutes": 5, "15_minutes": 15, "30_minutes": 30, "hourly": 60}


class ElectricityMaps:
    """An `IntensityFetcher` with history and forecast."""

    def __init__(self, settings: ElectricityMapsSettings, *, clock: Clock, http: HttpClient) -> None:
        self._settings = settings
        self._clock = clock
        self._http = http
        self._farthest = _HORIZONS[-1]

    def covers(self, zone: Zone) -> bool:
        """Say yes with a token, for any place that is known."""
        return bool(self._settings.token) and _place(zone) is not None

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the newest value; it may be of an hour that is over."""
        answer = self._ask("latest", zone)
        value = self._value(answer, answer)
        if value is None:
            raise BadAnswer(f"{SOURCE} has no value for {zone.key} at the moment")
        return value

    def history(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return the past; of more than the last day only where the token's plan has it."""
        found: list[CarbonIntensity] = []
        recent = series.now(self._clock).replace(minute=0, second=0, microsecond=0) - _HISTORY + timedelta(hours=1)
        if end > recent:
            found += self._series(self._ask("history", zone), "history")
        try:
            for left, right in series.stretches(start, min(end, recent), longest=_LONGEST_RANGE):
                window = {"start": _stamp(left), "end": _stamp(right)}
                found += self._series(self._ask("past-range", zone, window), "data")
        except Unauthorized:
            if not found:
                raise
        return series.inside(found, start, end)

    def forecast(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return the forecast, up to 72 hours ahead; raise Unauthorized where the token's plan has none."""
        ahead_h = (end - series.now(self._clock)).total_seconds() / 3600
        horizon = min(next((hours for hours in _HORIZONS if hours >= ahead_h), _HORIZONS[-1]), self._farthest)
        refusal = ""
        for hours in dict.fromkeys((horizon, min(horizon, _USUAL_HORIZON))):
            try:
                answer = self._ask("forecast", zone, {"horizonHours": str(hours)})
            except Unauthorized as error:
                refusal = str(error)
                continue
            self._farthest = hours if hours < horizon else self._farthest
            return series.inside(self._series(answer, "forecast", forecast=True), start, end)
        raise Unauthorized(f"no forecast with this token: {refusal}")

    def _ask(self, what: str, zone: Zone, more: Mapping[str, str] | None = None) -> dict[str, Any]:
        place, token = _place(zone), self._settings.token
        if place is None:
            raise ZoneUnknown(f"{SOURCE} is asked about a zone, not about {zone.key}: name one with zone=")
        if not token:
            raise Unauthorized("Electricity Maps wants a token: give api_keys={'electricitymaps': …}")
        answer = self._http.fetch_json(
            f"{self._settings.base_url.rstrip('/')}/{self._settings.api}/carbon-intensity/{what}",
            params={**place, **self._options(), **(more or {})},
            headers={"auth-token": Secret(token.reveal().strip())},
        )
        if not isinstance(answer, dict):
            raise BadAnswer(f"{SOURCE} answered with something other than a JSON object")
        _check_zone(answer.get("zone"), zone, place)
        return answer

    def _options(self) -> dict[str, str]:
        # Without disableCallerLookup a place that the service does not know silently becomes the caller's own.
        options = {"emissionFactorType": Basis(self._settings.basis).value, "disableCallerLookup": "true"}
        return {**options, "disableEstimations": "true"} if self._settings.disable_estimations else options

    def _series(self, answer: dict[str, Any], key: str, *, forecast: bool = False) -> Iterator[CarbonIntensity]:
        # v3 names a list after its endpoint, v4 calls some of them "data".
        for row in series.rows(answer.get(key, answer.get("data")), key):
            value = self._value(row, answer, forecast=forecast)
            if value is not None:
                yield value

    def _value(self, row: dict[str, Any], answer: dict[str, Any], *, forecast: bool = False) -> CarbonIntensity | None:
        grams = series.figure(row.get("carbonIntensity"))
        estimated = row.get("isEstimated") is True
        if grams is None or (estimated and self._settings.disable_estimations):
            return None
        start = series.moment(row.get("datetime"))
        end = start + timedelta(minutes=_minutes(row.get("temporalGranularity", answer.get("temporalGranularity"))))
        fetched_at = series.now(self._clock)
        return CarbonIntensity(
            grams_per_kwh=grams,
            zone=str(answer["zone"]),
            source=SOURCE,
            basis=self._basis(row.get("emissionFactorType", answer.get("emissionFactorType"))),
            start=start,
            end=end,
            estimated=estimated,
            forecast=forecast,
            settled=not (forecast or estimated) and row is not answer and end <= fetched_at,
            fetched_at=fetched_at,
            note="; ".join(_remarks(row, answer)) or None,
        )

    def _basis(self, said: Any) -> Basis:
        wanted = Basis(self._settings.basis)
        if said is not None and said != wanted.value:
            raise BadAnswer(f"{SOURCE} gave {str(said)[:20]!r} emissions where {wanted.value!r} ones were asked for")
        return wanted


def _place(zone: Zone) -> dict[str, str] | None:
    """Return how to ask for a zone: by its key, but by what is finer where the key is a mere country or unknown."""
    if "-" not in zone.key:
        if zone.cloud_provider and zone.cloud_region:
            region = zone.cloud_region.lower().replace(" ", "")
            return {"dataCenterProvider": zone.cloud_provider.lower(), "dataCenterRegion": region}
        if zone.latitude is not None and zone.longitude is not None:
            return {"lat": f"{zone.latitude:g}", "lon": f"{zone.longitude:g}"}
    return None if zone.key == _NOWHERE else {"zone": zone.key.upper()}


def _check_zone(said: Any, zone: Zone, place: Mapping[str, str]) -> None:
    if "zone" in place:
        right = said == place["zone"]
    else:
        right = isinstance(said, str) and bool(said) and (zone.country is None or said.split("-")[0] == zone.country)
    if not right:
        shown = repr(said)[:40] if isinstance(said, str) else "no zone"
        raise BadAnswer(f"{SOURCE} answered for {shown} where {zone.key!r} was asked for")


def _minutes(granularity: Any) -> int:
    if granularity is None:
        return _GRANULARITY["hourly"]
    if granularity in _GRANULARITY:
        return _GRANULARITY[granularity]
    raise BadAnswer(f"{SOURCE} gave values of a granularity that is not known here: {str(granularity)[:20]!r}")


def _remarks(row: dict[str, Any], answer: dict[str, Any]) -> Iterator[str]:
    method = row.get("estimationMethod")
    if row.get("isEstimated") is True and isinstance(method, str):
        yield f"estimated by {method[:40]}"
    # Tokens for trying out get made-up figures, which say so here.
    disclaimer = row.get("_disclaimer", answer.get("_disclaimer"))
    if isinstance(disclaimer, str) and disclaimer:
        yield disclaimer[:200]


def _stamp(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
