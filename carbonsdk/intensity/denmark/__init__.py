"""Denmark: the system operator's 5-minute intensity of both price areas, with a forecast. Needs no key."""

from collections.abc import Iterable
from dataclasses import dataclass

from carbonsdk.plugin import Context, IntensityFetcher, Registration, hookimpl


@dataclass(frozen=True, slots=True)
class DenmarkSettings:
    """Where the service is."""

    base_url: str = "https://api.energidataservice.dk"


def _fetcher(context: Context) -> IntensityFetcher:
    from carbonsdk.intensity.denmark.fetcher import Denmark

    return Denmark(context.settings, clock=context.clock, http=context.http)


@hookimpl
def carbonsdk_intensity_fetchers() -> Iterable[Registration[IntensityFetcher]]:
    """Register the service for the zones DK-DK1 and DK-DK2."""
    return [
        Registration(
            name="denmark",
            factory=_fetcher,
            settings=DenmarkSettings,
            preference=60,
            summary="Denmark, west and east, from its system operator; no key",
        )
    ]
