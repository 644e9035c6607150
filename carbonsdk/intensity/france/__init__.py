"""France: the system operator's quarter-hourly intensity (éCO2mix). Needs no key."""

from collections.abc import Iterable
from dataclasses import dataclass

from carbonsdk.plugin import Context, IntensityFetcher, Registration, hookimpl


@dataclass(frozen=True, slots=True)
class FranceSettings:
    """Where the service is."""

    base_url: str = "https://odre.opendatasoft.com"


def _fetcher(context: Context) -> IntensityFetcher:
    from carbonsdk.intensity.france.fetcher import France

    return France(context.settings, clock=context.clock, http=context.http)


@hookimpl
def carbonsdk_intensity_fetchers() -> Iterable[Registration[IntensityFetcher]]:
    """Register the service for the zone FR."""
    return [
        Registration(
            name="france",
            factory=_fetcher,
            settings=FranceSettings,
            preference=60,
            summary="France, from its system operator's éCO2mix; no key",
        )
    ]
