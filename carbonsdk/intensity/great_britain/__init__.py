"""Great Britain: the system operator's half-hourly intensity, national or of a region. Needs no key."""

from collections.abc import Iterable
from dataclasses import dataclass

from carbonsdk.plugin import Context, IntensityFetcher, Registration, SettingsError, hookimpl


@dataclass(frozen=True, slots=True)
class GreatBritainSettings:
    """`postcode` (the outward half, RG10) or `regionid` (1 to 17) choose a region; without them it is the whole country."""

    postcode: str = ""
    regionid: int | None = None
    base_url: str = "https://api.carbonintensity.org.uk"

    def __post_init__(self) -> None:
        if self.regionid is not None and not 1 <= self.regionid <= 17:
            raise SettingsError(f"regionid is one of 1 to 17, not {self.regionid}")


def _fetcher(context: Context) -> IntensityFetcher:
    from carbonsdk.intensity.great_britain.fetcher import GreatBritain

    return GreatBritain(context.settings, clock=context.clock, http=context.http)


@hookimpl
def carbonsdk_intensity_fetchers() -> Iterable[Registration[IntensityFetcher]]:
    """Register the service for the zone GB."""
    return [
        Registration(
            name="great_britain",
            factory=_fetcher,
            settings=GreatBritainSettings,
            preference=60,
            summary="Great Britain, national or by region, from its system operator; no key",
        )
    ]
