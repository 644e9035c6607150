"""Finding powercap zones: flat links under `class`, nested folders under `devices`, and what a container hides of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.backends.rapl import advice
from carbonsdk.backends.rapl.domain import Domain, domain_of
from carbonsdk.backends.rapl.sysfs import text_of
from carbonsdk.plugin import PermissionDenied

LISTED = Path("class/powercap")
DEVICES = Path("devices/virtual/powercap")
_FOLDER = re.compile(r"(intel-rapl(?:-[a-z]+)?)((?::\d+)+)")


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone's folder, as found."""

    path: Path
    name: str
    domain: Domain | None


def scan(root: Path) -> list[Zone]:
    """Return every zone that has a name, in order: the processor's own control type before its mirrors."""
    paths: dict[str, Path] = {}
    for top in _tops(root):
        for path in sorted(_folders(top), key=lambda path: len(path.parts)):
            paths.setdefault(path.name, path)
    names = {folder: text_of(path / "name") for folder, path in paths.items()}
    zones = []
    for folder in sorted(paths, key=_order):
        name = names[folder]
        if name is not None:
            domain = domain_of(name, parent=names.get(folder.rpartition(":")[0]))
            zones.append(Zone(paths[folder], name, domain))
    return zones


def masked_path(root: Path) -> Path | None:
    """Return the folder that a container hides, or None. Runtimes lay an empty folder over it, so that links dangle."""
    listed, devices = _tops(root)
    if devices.is_dir() and not any(_listing(devices)):
        return devices
    dangling = [path for path in _listing(listed) if path.is_symlink() and not path.exists()]
    return dangling[0] if dangling else None


def _tops(root: Path) -> tuple[Path, Path]:
    return root / LISTED, root / DEVICES


def _folders(top: Path, depth: int = 3) -> Iterator[Path]:
    """Yield zone folders under `top`, flat or nested; other links (`device`, `subsystem`) lead in circles."""
    for path in _listing(top):
        if not path.name.startswith("intel-rapl"):
            continue
        if _FOLDER.fullmatch(path.name) and path.is_dir():
            yield path
        if depth > 1:
            yield from _folders(path, depth - 1)


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except PermissionError as error:
        raise PermissionDenied(advice.hidden(folder)) from error
    except OSError:
        return []


def _order(folder: str) -> tuple[bool, str, list[int]]:
    control, *numbers = folder.split(":")
    return control != "intel-rapl", control, [int(number) for number in numbers]
