"""The country of the IP address, as a web service sees it. Asked only when a person names this way."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from carbonsdk.intensity.locators import IpSettings
from carbonsdk.plugin import BadAnswer, HttpClient, SettingsError, Zone


class IpLocator:
    """A `Locator` that asks one service, over https; a VPN or a proxy moves its answer."""

    def __init__(self, settings: IpSettings, http: HttpClient) -> None:
        address = urlsplit(settings.url)
        if address.scheme != "https" and not _is_loopback(address.hostname):
            raise SettingsError(f"the locator 'ip' asks over https alone: change its url, {settings.url!r}")
        self._url = settings.url
        self._http = http

    def locate(self) -> Zone | None:
        """Return the country and the coordinates; raise a ServiceError where there is no usable answer."""
        answer = self._http.fetch_json(self._url)
        country = _country(answer)
        return Zone(
            key=country,
            latitude=_degrees(answer.get("latitude"), most=90),
            longitude=_degrees(answer.get("longitude"), most=180),
            found_by="IP address",
        )


def _country(answer: Any) -> str:
    match answer:
        case {"country_code": str(code)} | {"country": str(code)} if len(code) == 2 and code.isascii() and code.isalpha():
            return code.upper()
    raise BadAnswer("the service that locates the IP address named no country")


def _degrees(value: Any, *, most: float) -> float | None:
    try:
        degrees = float(value)  # some services write numbers as text
    except (TypeError, ValueError):
        return None
    return degrees if abs(degrees) <= most else None


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
