"""What the Carbon Intensity API of Great Britain's system operator (NESO) is asked, and how its answers are read."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from carbonsdk.intensity import series
from carbonsdk.intensity.great_britain import GreatBritainSettings
from carbonsdk.plugin import BadAnswer, Basis, CarbonIntensity, Clock, HttpClient, SettingsError, Zone, ZoneUnknown

SOURCE = "NESO Carbon Intensity API (carbonintensity.org.uk), CC BY 4.0"
_ZONES = frozenset({"GB", "UK"})
_LONGEST_RANGE = timedelta(days=14)  # the service's own limit
_SLOT = timedelta(minutes=30)
_INSTANT = timedelta(microseconds=1)
_POSTCODE = re.compile(r"(?P<outward>[A-Z]{1,2}[0-9][A-Z0-9]?)(\s*[0-9][A-Z]{2})?")


class GreatBritain:
    """An `IntensityFetcher` with history and forecast; all values are of half hours.

    Of the country the past is what was measured ("actual"); a region has estimates alone. The figures count what leaves the
    stacks of power stations, imports and losses included: they are direct emissions.
    """

    def __init__(self, settings: GreatBritainSettings, *, clock: Clock, http: HttpClient) -> None:
        self._settings = settings
        self._clock = clock
        self._http = http

    def covers(self, zone: Zone) -> bool:
        """Say yes for Great Britain; Northern Ireland is another grid."""
        return zone.key.upper() in _ZONES

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the half hour that it is now."""
        region = self._region(zone)
        path = f"regional/{region}" if region else "intensity"
        found = list(self._values(self._ask(path, zone), zone, region))
        if not found:
            raise BadAnswer(f"{SOURCE} has no value at the moment")
        return found[-1]

    def history(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return every half hour of the past that is known."""
        return tuple(value for value in self._range(zone, start, end) if not value.forecast)

    def forecast(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return the half hours to come, about two days."""
        return tuple(value for value in self._range(zone, start, end) if value.forecast)

    def _range(self, zone: Zone, start: datetime, end: datetime) -> tuple[CarbonIntensity, ...]:
        region, found = self._region(zone), list[CarbonIntensity]()
        for left, right in series.stretches(_slot_of(start), _slot_of(end + _SLOT - _INSTANT), longest=_LONGEST_RANGE):
            stretch = f"{series.minutes(left, suffix='Z')}/{series.minutes(right, suffix='Z')}"
            path = f"regional/intensity/{stretch}/{region}" if region else f"intensity/{stretch}"
            found += self._values(self._ask(path, zone), zone, region)
        # The service counts the slot that ends at the start of a range as part of it.
        return series.inside(found, start, end)

    def _region(self, zone: Zone) -> str | None:
        postcode = zone.postcode or self._settings.postcode
        if postcode:
            return f"postcode/{outward(postcode)}"
        return None if self._settings.regionid is None else f"regionid/{self._settings.regionid}"

    def _ask(self, path: str, zone: Zone) -> Any:
        if not self.covers(zone):
            raise ZoneUnknown(f"{SOURCE} knows Great Britain alone, not {zone.key}")
        answer = self._http.fetch_json(f"{self._settings.base_url.rstrip('/')}/{path}")
        if not isinstance(answer, dict) or "data" not in answer:
            raise BadAnswer(f"{SOURCE} answered without data")
        return answer["data"]

    def _values(self, data: Any, zone: Zone, region: str | None) -> Iterator[CarbonIntensity]:
        name = region.replace("postcode/", "postcode ").replace("regionid/", "region ") if region else None
        for slot in _slots(data, region):
            start, end = series.moment(slot.get("from")), series.moment(slot.get("to"))
            intensity = slot.get("intensity")
            if not isinstance(intensity, dict):
                raise BadAnswer(f"{SOURCE} gave a slot without an intensity")
            actual, expected = series.figure(intensity.get("actual")), series.figure(intensity.get("forecast"))
            fetched_at = series.now(self._clock)
            to_come = start > fetched_at
            grams = expected if actual is None or to_come else actual
            if grams is None or end <= start:
                continue
            measured = actual is not None and not to_come
            yield CarbonIntensity(
                grams_per_kwh=grams,
                zone=zone.key.upper().replace("UK", "GB"),
                source=SOURCE,
                basis=Basis.DIRECT,
                start=start,
                end=end,
                estimated=not (measured or to_come),
                forecast=to_come,
                settled=measured and end <= fetched_at,
                fetched_at=fetched_at,
                note=name,
            )


def outward(postcode: str) -> str:
    """Return the outward half of a postcode, which is all that the service takes; raise SettingsError for none."""
    found = _POSTCODE.fullmatch(postcode.strip().upper())
    if found is None:
        raise SettingsError(f"{postcode!r} is no postcode of Great Britain: write its first half, like RG10")
    return found["outward"]


def _slot_of(moment: datetime) -> datetime:
    """Return the beginning of the half hour that a moment lies in."""
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


def _slots(data: Any, region: str | None) -> list[dict[str, Any]]:
    """Return the slots; those of a region lie one level deeper, and with a range in an object instead of a list."""
    if region is None:
        return series.rows(data, "data")
    holders = [data] if isinstance(data, dict) else series.rows(data, "data")
    kind, _, wanted = region.partition("/")
    slots: list[dict[str, Any]] = []
    for holder in holders:
        said = holder.get(kind)
        if said is not None and str(said).upper() != wanted:
            raise BadAnswer(f"{SOURCE} answered for {kind} {str(said)[:10]!r} where {wanted!r} was asked for")
        slots += series.rows(holder.get("data"), "data")
    return slots
