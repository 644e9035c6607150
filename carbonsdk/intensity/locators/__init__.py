"""Ways to find the grid that the machine hangs on: cloud metadata, time zone, and, if asked for, the IP address."""

from collections.abc import Iterable
from dataclasses import dataclass

from carbonsdk.plugin import Context, Locator, Registration, hookimpl


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Where the metadata services are, and how long each request may take; with a `provider` and a `region` none is asked."""

    aws_url: str = "http://169.254.169.254"
    gcp_url: str = "http://169.254.169.254"
    azure_url: str = "http://169.254.169.254"
    deadline_s: float = 0.2
    provider: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class TimezoneSettings:
    """The time zone's name and the locale's (`de_DE`); empty means what the machine is set to."""

    timezone: str = ""
    locale: str = ""
    etc: str = "/etc"


@dataclass(frozen=True, slots=True)
class IpSettings:
    """A service that answers with the country (`country_code`, or `country` in two letters) of the caller's address."""

    url: str = "https://get.geojs.io/v1/ip/geo.json"


def _cloud(context: Context) -> Locator:
    from carbonsdk.intensity.locators.cloud import CloudLocator

    return CloudLocator(context.settings, context.http)


def _timezone(context: Context) -> Locator:
    from carbonsdk.intensity.locators.timezone import TimezoneLocator

    return TimezoneLocator(context.settings)


def _ip(context: Context) -> Locator:
    from carbonsdk.intensity.locators.ip import IpLocator

    return IpLocator(context.settings, context.http)


@hookimpl
def carbonsdk_locators() -> Iterable[Registration[Locator]]:
    """Register the ways, the surest first; the IP address is looked up only when somebody names that way."""
    return [
        Registration(
            name="cloud",
            factory=_cloud,
            settings=CloudSettings,
            preference=100,
            summary="the metadata service of AWS, Google Cloud or Azure",
        ),
        Registration(
            name="ip",
            factory=_ip,
            settings=IpSettings,
            preference=50,
            automatic=False,
            summary="geolocation of the IP address by a web service, over https",
        ),
        Registration(
            name="timezone",
            factory=_timezone,
            settings=TimezoneSettings,
            preference=10,
            inline=True,
            summary="a guess of the country from the time zone, or else the locale",
        ),
    ]
