"""What RTE's éCO2mix, as the ODRÉ portal serves it, is asked, and how its answers are read."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from carbonsdk.intensity import series
from carbonsdk.intensity.france import FranceSettings
from carbonsdk.plugin import BadAnswer, Basis, CarbonIntensity, Clock, HttpClient, Zone, ZoneUnknown

SOURCE = "RTE éCO2mix (odre.opendatasoft.com), Licence Ouverte"
_PATH = "api/explore/v2.1/catalog/datasets/eco2mix-national-tr/records"
_KNOWN = "taux_co2 is not null"
_SLOT = timedelta(minutes=15)
_LONGEST_RANGE = timedelta(hours=24)  # 96 rows: the portal gives at most 100 at once


class France:
    """An `IntensityFetcher` with history; all values are of quarter hours, and count direct emissions.

    RTE counts the fuel that is burned for what is generated in the country; imports are not in it (rte-france.com/eco2mix). The
    values are the real-time figures, which RTE replaces by consolidated ones months later: none is settled.
    """

    def __init__(self, settings: FranceSettings, *, clock: Clock, http: HttpClient) -> None:
        self._settings = settings
        self._clock = clock
        self._http = http

    def covers(self, zone: Zone) -> bool:
        """Say yes for mainland France; Corsica is another grid."""
        return zone.key.upper() == "FR"

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the newest quarter of an hour."""
        found = list(self._values(zone, {"where": _KNOWN, "order_by": "date_heure desc", "limit": "1"}))
        if not found:
            raise BadAnswer(f"{SOURCE} has no value at the moment")
        return found[0]

    def history(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return every quarter of an hour of the past that is known; the portal keeps some weeks."""
        found: list[CarbonIntensity] = []
        for left, right in series.stretches(start, end, longest=_LONGEST_RANGE):
            first = left - _SLOT + timedelta(minutes=1)  # the slot that `left` lies in, and none before it
            window = f"date_heure >= date'{series.minutes(first, suffix=':00Z')}'"
            window += f" and date_heure < date'{series.minutes(right, suffix=':59Z')}'"
            found += self._values(zone, {"where": f"{_KNOWN} and {window}", "order_by": "date_heure asc", "limit": "100"})
        return series.inside(found, start, end)

    def _values(self, zone: Zone, params: dict[str, str]) -> Iterator[CarbonIntensity]:
        if not self.covers(zone):
            raise ZoneUnknown(f"{SOURCE} knows FR alone, not {zone.key}")
        answer = self._http.fetch_json(f"{self._settings.base_url.rstrip('/')}/{_PATH}", params=params)
        fetched_at = series.now(self._clock)
        for row in series.rows(answer.get("results") if isinstance(answer, dict) else None, "results"):
            if row.get("perimetre", "France") != "France":
                raise BadAnswer(f"{SOURCE} answered for {str(row['perimetre'])[:20]!r} where 'France' was asked for")
            if "taux_co2" not in row:
                raise BadAnswer(f"{SOURCE} answered without taux_co2")
            grams = series.figure(row["taux_co2"])
            if grams is None:
                continue
            start = series.moment(row.get("date_heure"))
            yield CarbonIntensity(
                grams_per_kwh=grams,
                zone="FR",
                source=SOURCE,
                basis=Basis.DIRECT,
                start=start,
                end=start + _SLOT,
                fetched_at=fetched_at,
            )
