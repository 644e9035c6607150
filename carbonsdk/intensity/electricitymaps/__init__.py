"""Electricity Maps: live, past and forecast intensity of most of the world's grids. Needs a token."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from carbonsdk.plugin import Basis, Context, IntensityFetcher, Registration, Secret, hookimpl


@dataclass(frozen=True, slots=True)
class ElectricityMapsSettings:
    """`token` is the API's; `api` its version; `disable_estimations` takes nothing that the service has estimated."""

    token: Secret | None = None
    api: Literal["v4", "v3"] = "v4"
    basis: Basis = Basis.LIFECYCLE
    disable_estimations: bool = False
    base_url: str = "https://api.electricitymaps.com"


def _fetcher(context: Context) -> IntensityFetcher:
    from carbonsdk.intensity.electricitymaps.fetcher import ElectricityMaps

    return ElectricityMaps(context.settings, clock=context.clock, http=context.http)


@hookimpl
def carbonsdk_intensity_fetchers() -> Iterable[Registration[IntensityFetcher]]:
    """Register the service; without a token it covers no zone."""
    return [
        Registration(
            name="electricitymaps",
            factory=_fetcher,
            settings=ElectricityMapsSettings,
            preference=100,
            summary="live, past and forecast intensity from Electricity Maps; needs a token",
        )
    ]
