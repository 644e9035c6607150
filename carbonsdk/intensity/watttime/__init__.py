"""WattTime: the marginal emissions of a grid, reported beside the average. Needs an account."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from carbonsdk.plugin import Context, IntensityFetcher, Registration, Secret, hookimpl


@dataclass(frozen=True, slots=True)
class WattTimeSettings:
    """The account: `username` and `password`, or both in one as `token`, "name:password"; with a `username`, its password.

    `regions` gives WattTime's region of a zone (`{"US-CAL-CISO": "CAISO_NORTH"}`); other zones need coordinates.
    """

    username: str = ""
    password: Secret | None = None
    token: Secret | None = None
    regions: Mapping[str, str] = field(default_factory=dict)
    base_url: str = "https://api.watttime.org"


def _fetcher(context: Context) -> IntensityFetcher:
    from carbonsdk.intensity.watttime.fetcher import WattTime

    return WattTime(context.settings, clock=context.clock, http=context.http)


@hookimpl
def carbonsdk_intensity_fetchers() -> Iterable[Registration[IntensityFetcher]]:
    """Register the service; without an account it covers no zone."""
    return [
        Registration(
            name="watttime",
            factory=_fetcher,
            settings=WattTimeSettings,
            preference=60,
            summary="marginal emissions from WattTime, beside the average; needs an account",
        )
    ]
