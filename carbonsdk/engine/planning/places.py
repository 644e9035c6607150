"""Where a person says that a machine stands: the key of a grid, coordinates, or the region of a cloud."""

import re

from carbonsdk.errors import SettingsError
from carbonsdk.model import Zone

_COORDINATES = re.compile(r"(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)")
_CLOUD_REGION = re.compile(r"(aws|gcp|azure)[/:]\s*([a-z][a-z0-9 -]*)", re.IGNORECASE)
_NOWHERE = "WORLD"


def place(text: str, *, found_by: str = "call") -> Zone:
    """Return the zone for `DE` or `DK-DK1`, `55.68,12.57` (degrees north and east), or `aws/eu-west-1`.

    Of coordinates and of a cloud's region the grid is not known here: the key is `WORLD`. Raise SettingsError for coordinates
    that are nowhere on earth.
    """
    text = text.strip()
    if found := _CLOUD_REGION.fullmatch(text):
        provider, region = found[1].lower(), found[2].lower().replace(" ", "")
        return Zone(key=_NOWHERE, name=f"{provider} {region}", cloud_provider=provider, cloud_region=region, found_by=found_by)
    if found := _COORDINATES.fullmatch(text):
        latitude, longitude = float(found[1]), float(found[2])
        if abs(latitude) > 90 or abs(longitude) > 180:
            raise SettingsError(f"zone {text!r} is nowhere on earth: write degrees north and east, 55.68,12.57")
        return Zone(key=_NOWHERE, name=text, latitude=latitude, longitude=longitude, found_by=found_by)
    return Zone(key=text, found_by=found_by)
