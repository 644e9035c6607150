"""The scan of installed distributions for entry points of the group `carbonsdk`."""

import logging
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import NamedTuple

from carbonsdk.interruption import let_through

GROUP = "carbonsdk"

_log = logging.getLogger("carbonsdk.host")


class Found(NamedTuple):
    """A plugin that is there and not loaded yet; `module` is what its entry point names, if it has one."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]
    module: str = ""

    @property
    def builtin(self) -> bool:
        """Return whether the plugin comes with carbonsdk."""
        return self.distribution == GROUP

    @property
    def rank(self) -> tuple[bool, str, str]:
        """Return the key by which plugins go before one another: built-ins, then by distribution name."""
        return (not self.builtin, self.distribution.lower(), self.name)


def scan() -> tuple[Found, ...]:
    """Return every installed plugin, in order of rank. Imports none of them; one scan a process for each `sys.path`."""
    return _scan(tuple(sys.path))


@lru_cache(maxsize=8)
def _scan(_path: tuple[str, ...]) -> tuple[Found, ...]:
    identities: dict[int, tuple[str, str]] = {}
    found = []
    for point in _points():
        # Reading a name parses the whole METADATA, so it is read once a distribution.
        key = id(point.dist)
        if key not in identities:
            identities[key] = _identity(point.dist)
        found.append(Found(point.name, *identities[key], point.load, point.module))
    return tuple(sorted(found, key=lambda each: each.rank))


def _points() -> Iterable[EntryPoint]:
    try:
        return tuple(entry_points(group=GROUP))
    except Exception as error:  # noqa: BLE001 - one torn entry_points.txt anywhere breaks the scan of all
        let_through(error)
        _log.debug("the scan of entry points failed; reading them distribution by distribution", exc_info=True)
        return _points_one_by_one()


def _points_one_by_one() -> list[EntryPoint]:
    points: list[EntryPoint] = []
    seen: set[str] = set()
    for distribution in distributions():
        try:
            name = distribution.metadata["Name"].lower()
            offered = distribution.entry_points.select(group=GROUP)
        except Exception as error:  # noqa: BLE001 - whatever a torn distribution makes the standard library raise
            let_through(error)
            _log.debug("the metadata of %r cannot be read", distribution, exc_info=True)
            continue
        if name not in seen:  # the first on the path hides the rest, as it does for imports
            points.extend(offered)
        seen.add(name)
    return points


def _identity(distribution: Distribution | None) -> tuple[str, str]:
    try:
        if distribution is not None:
            return str(distribution.metadata["Name"]), str(distribution.version)
    except Exception as error:  # noqa: BLE001 - as above
        let_through(error)
        _log.debug("the metadata of %r cannot be read", distribution, exc_info=True)
    return "(unknown distribution)", ""
