"""A guess of the country, from what the machine's clock and language are set to."""

import csv
import locale
from pathlib import Path

from carbonsdk.intensity.locators import TimezoneSettings
from carbonsdk.plugin import Zone

_TABLE = Path(__file__).parents[1] / "data" / "time_zones.csv"
_SAYS_NOTHING = {"en_US", "C", "POSIX"}  # what an installer sets where nobody chose


class TimezoneLocator:
    """A `Locator` that knows the country of every IANA time zone.

    Where the clock is set to UTC, as servers are, the locale's territory decides, unless it is the installer's.
    """

    def __init__(self, settings: TimezoneSettings) -> None:
        self._settings = settings

    def locate(self) -> Zone | None:
        """Return the country as a guess, or None where neither setting tells."""
        name = self._settings.timezone or self._machine_timezone()
        if name and (country := _countries().get(name)):
            return Zone(key=country, found_by=f"time zone {name}", guess=True)
        language = self._settings.locale or locale.getlocale()[0] or ""
        language = language.partition(".")[0]
        territory = language.partition("_")[2].partition("@")[0]
        if language not in _SAYS_NOTHING and len(territory) == 2 and territory.isalpha():
            return Zone(key=territory.upper(), found_by=f"locale {language}", guess=True)
        return None

    def _machine_timezone(self) -> str | None:
        """Return the IANA name that /etc/localtime links to (Linux, macOS), else what /etc/timezone holds (Debian)."""
        etc = Path(self._settings.etc)
        try:
            target = (etc / "localtime").readlink().as_posix()
        except OSError:
            target = ""
        if "zoneinfo/" in target:
            name = target.rpartition("zoneinfo/")[2]
            return name.removeprefix("posix/").removeprefix("right/")
        try:
            return (etc / "timezone").read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None


def _countries() -> dict[str, str]:
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        return {row["time_zone"]: row["country"] for row in csv.DictReader(lines)}
