"""The cloud region that this machine runs in, from its provider's metadata service."""

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from carbonsdk.intensity.locators import CloudSettings
from carbonsdk.plugin import HttpClient, Secret, ServiceError, Zone

_ZONES = Path(__file__).parents[1] / "data" / "cloud_zones.csv"
_AWS_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_GCP_ZONE = re.compile(r"projects/\d+/zones/(?P<region>[a-z]+(-[a-z]+)+\d+)-[a-z]")
_AZURE_REGION = re.compile(r"[a-z]+\d*")


class CloudLocator:
    """A `Locator` that asks each provider in turn.

    An answer counts only if it has the shape of that provider's own: a captive portal, a proxy or another provider's service
    at the same address is not mistaken for it. AWS is asked with a session token (IMDSv2) and not without.
    """

    def __init__(self, settings: CloudSettings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http

    def locate(self) -> Zone | None:
        """Return the provider's region with its grid, or None where no provider answers."""
        if self._settings.provider and self._settings.region:
            return replace(cloud_zone(self._settings.provider, self._settings.region), found_by="the region given")
        asks: dict[str, Callable[[], str | None]] = {"aws": self._aws, "gcp": self._gcp, "azure": self._azure}
        for provider, ask in asks.items():
            try:
                region = ask()
            except ServiceError:
                continue  # not this provider's machine, or not within the deadline
            if region is not None:
                return cloud_zone(provider, region)
        return None

    def _aws(self) -> str | None:
        token = self._http.fetch_text(
            f"{self._settings.aws_url}/latest/api/token",
            method="PUT",
            headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"},
            deadline_s=self._settings.deadline_s,
        )
        document = self._http.fetch_json(
            f"{self._settings.aws_url}/latest/dynamic/instance-identity/document",
            headers={"X-aws-ec2-metadata-token": Secret(token)},
            deadline_s=self._settings.deadline_s,
        )
        match document:
            case {"region": str(region), "instanceId": str(instance)} if instance.startswith("i-"):
                return region if _AWS_REGION.fullmatch(region) else None
        return None

    def _gcp(self) -> str | None:
        zone = self._http.fetch_text(
            f"{self._settings.gcp_url}/computeMetadata/v1/instance/zone",
            headers={"Metadata-Flavor": "Google"},
            deadline_s=self._settings.deadline_s,
        )
        found = _GCP_ZONE.fullmatch(zone.strip())
        return found["region"] if found else None

    def _azure(self) -> str | None:
        document = self._http.fetch_json(
            f"{self._settings.azure_url}/metadata/instance/compute",
            params={"api-version": "2021-02-01"},
            headers={"Metadata": "true"},
            deadline_s=self._settings.deadline_s,
        )
        match document:
            case {"azEnvironment": str(environment), "location": str(region)} if environment.startswith("Azure"):
                return region if _AZURE_REGION.fullmatch(region) else None
        return None


def cloud_zone(provider: str, region: str) -> Zone:
    """Return the zone of a cloud region; `WORLD`, with the region, where the table does not know its grid."""
    with _ZONES.open(encoding="utf-8", newline="") as lines:
        keys = {(row["provider"], row["region"]): row["zone"] for row in csv.DictReader(lines)}
    return Zone(
        key=keys.get((provider, region), "WORLD"),
        name=f"{provider} {region}",
        cloud_provider=provider,
        cloud_region=region,
        found_by="cloud metadata",
    )
