"""The locator: whoever set the machine up has written down where it stands."""

from pathlib import Path

from carbonsdk.plugin import Zone


class Site:
    """Reads the key of a zone from a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def locate(self) -> Zone | None:
        """Return the zone, or None where the file is missing or empty."""
        try:
            key = self._path.read_text().strip()
        except OSError:
            return None
        return Zone(key=key, found_by="example") if key else None
