"""From the names in settings to what plugins offer, and to calls that make it."""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from carbonsdk.clock import Clock
from carbonsdk.errors import SettingsError
from carbonsdk.host import PluginHost, Registered
from carbonsdk.http import OfflineHttp, RequestsHttp
from carbonsdk.options import nearest

T = TypeVar("T")

AUTO = "auto"
"""Among the names of backends or fetchers: all that are used by themselves."""


class Maker:
    """Makes what plugins offer, with one clock and one HTTP client, which opens no socket if `offline`."""

    def __init__(self, host: PluginHost, clock: Clock, *, offline: bool) -> None:
        self.host, self.clock = host, clock
        self.http: RequestsHttp | OfflineHttp = OfflineHttp() if offline else RequestsHttp()

    def factory(self, registered: Registered[T], options: Mapping[str, Any]) -> Callable[[], T]:
        """Return a call that makes what was registered; nothing is made yet."""
        return functools.partial(self.host.make, registered, options, clock=self.clock, http=self.http)


def named(table: Mapping[str, Registered[T]], name: str, what: str) -> Registered[T]:
    """Return what is registered by a name; raise SettingsError where nothing is, with the nearest name that there is."""
    try:
        return table[name]
    except KeyError:
        hint = nearest(name, table) or f"; there are: {', '.join(sorted(table)) or 'none'}"
        raise SettingsError(f"no {what} is called {name!r}{hint}") from None


def wanted(
    table: Mapping[str, Registered[T]], names: Collection[str] | None, what: str
) -> Iterable[tuple[str, Registered[T], bool]]:
    """Yield what to use, and whether it was named: by these names, or for None all that is used by itself."""
    if names is None:
        yield from ((name, each, False) for name, each in table.items() if each.registration.automatic)
        return
    chosen = [name for name in names if name != AUTO]
    if AUTO in names:
        yield from (each for each in wanted(table, None, what) if each[0] not in chosen)
    for name in chosen:
        yield name, named(table, name, what), True
