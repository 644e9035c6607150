"""Power usage effectiveness: the facility's energy over the devices'. A factor of its own, with its provenance."""

import math
from typing import NamedTuple

from carbonsdk.errors import SettingsError


class Pue(NamedTuple):
    """A factor of at least 1, who says so, and of which year; `year` is None where a person gave the number."""

    value: float
    source: str
    year: int | None = None

    @property
    def told(self) -> str:
        """Return who says so and of which year, for people and for the record."""
        return self.source if self.year is None else f"{self.source}, {self.year}"


# Fleet averages over a provider's own data centres; a single site may lie well off.
_KNOWN = {
    "aws": Pue(1.15, "Amazon, global data centre average", 2024),
    "azure": Pue(1.18, "Microsoft, global data centre average", 2024),
    "gcp": Pue(1.09, "Google, fleet average", 2024),
    "meta": Pue(1.08, "Meta, fleet average", 2024),
    "average": Pue(1.54, "Uptime Institute Global Data Center Survey, average of sites", 2025),
}
_ALSO = {"amazon": "aws", "microsoft": "azure", "google": "gcp"}

PROVIDERS = tuple(_KNOWN)
"""The names that `pue` knows."""


def pue(spec: "float | str | Pue") -> Pue:
    """Return the factor for a number, or for a provider's name (`aws`, `azure`, `gcp`, `meta`, or `average`).

    Raise SettingsError for a factor below 1 and for an unknown name.
    """
    if isinstance(spec, Pue):
        return spec
    number = _number(spec)
    if number is None:
        return _named(str(spec))
    if not (math.isfinite(number) and number >= 1):
        raise SettingsError(f"a PUE of {spec} is not possible: it is the facility's energy over the devices', at least 1.0")
    return Pue(number, "given by the user")


def _number(spec: float | str) -> float | None:
    try:
        return float(spec)  # a string, too: settings come from the environment
    except ValueError:
        return None


def _named(name: str) -> Pue:
    key = name.strip().lower()
    key = _ALSO.get(key, key)
    if key in _KNOWN:
        return _KNOWN[key]
    import difflib

    near = difflib.get_close_matches(key, [*_KNOWN, *_ALSO], n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_KNOWN)}, or give a number"
    raise SettingsError(f"no PUE is known for {name!r}: {hint}")
