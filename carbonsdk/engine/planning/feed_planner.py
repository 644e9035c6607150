"""From settings and plugins to where carbon intensities come from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from carbonsdk.clock import Clock
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.planning.making import Maker, named, wanted
from carbonsdk.engine.planning.places import place
from carbonsdk.engine.sharing import Sharing
from carbonsdk.host import PluginHost
from carbonsdk.model import CarbonIntensity
from carbonsdk.settings import Resolved, Settings

T = TypeVar("T")

# Names that carbontracker has for services; in its earlier releases upper and lower case were the same.
_CARBONTRACKER_SERVICES = {
    "electricitymaps": "electricitymaps",
    "carbonintensitygb": "great_britain",
    "energidataservice": "denmark",
}


def feed_plan(resolved: Resolved, clock: Clock) -> FeedPlan:
    """Return where intensities come from by these settings and the installed plugins; raise SettingsError for one not there."""
    host = PluginHost.discover(resolved.settings.disable_plugins)
    return FeedPlanner(Maker(host, clock, offline=resolved.settings.offline), resolved).plan()


class FeedPlanner:
    """Plans where intensities come from. Touches neither hardware nor network: factories are called later."""

    def __init__(self, maker: Maker, resolved: Resolved) -> None:
        self._maker, self._host = maker, maker.host
        self._settings, self._sources = resolved.settings, resolved.sources
        self._sharing = Sharing(maker.clock, cut=maker.http.close)

    def plan(self) -> FeedPlan:
        """Return where intensities come from; raise SettingsError for a plugin that is not there."""
        settings = self._settings
        locators = tuple(self._locators())
        zone = None if settings.zone is None else place(settings.zone, found_by=self._sources.get("zone", "call"))
        if zone is not None and zone.cloud_region and (cloud := self._host.locators.get("cloud")):
            # Which grid the region hangs on is in a table of the locator's: it reads, and asks nobody.
            given = {"provider": zone.cloud_provider, "region": zone.cloud_region}
            zone, locators = None, (Candidate("cloud", self._maker.factory(cloud, given), inline=True),)
        return FeedPlan(
            zone=zone,
            locators=locators,
            fetchers=tuple(self._fetchers(settings.api_keys)),
            own=_own(settings),
            basis=settings.basis,
            cut=self._sharing.close,
        )

    def keyed(self, keys: Mapping[str, Any]) -> tuple[Candidate, ...]:
        """Return the fetchers that these keys are of; raise SettingsError for a service that nobody knows."""
        mine = self._by_fetcher(keys)
        return tuple(each for each in self._fetchers(mine) if mine.get(each.name))

    def _by_fetcher(self, keys: Mapping[str, T]) -> dict[str, T]:
        """Return keys by the fetcher that each belongs to; raise SettingsError for a service that nobody knows."""
        found = {}
        for name, key in keys.items():
            known = _CARBONTRACKER_SERVICES.get(name.lower(), name)
            named(self._host.fetchers, known, "intensity service")
            found[known] = key
        return found

    def _fetchers(self, api_keys: Mapping[str, Any]) -> Iterable[Candidate]:
        settings = self._settings
        options = settings.options.get("intensity", {})
        keys = self._by_fetcher(api_keys)
        for name, registered, _ in wanted(self._host.fetchers, settings.fetchers, "intensity fetcher"):
            known = {each.name for each in fields(registered.registration.settings)}
            asked = {"basis": settings.basis} if settings.basis is not None and "basis" in known else {}
            own = {**asked, **options.get(name, {})}
            # A service without keys is given one where carbontracker asked for it.
            if keys.get(name) and "token" in known:
                own["token"] = keys[name]
            make, inline = self._maker.factory(registered, own), registered.registration.inline
            shared = not inline and not settings.offline
            yield Candidate(name, self._sharing.behind(make, registered, own) if shared else make, inline)

    def _locators(self) -> Iterable[Candidate]:
        locate, options = self._settings.locate, self._settings.options.get("locators", {})
        if locate is not None:
            named(self._host.locators, locate, "locator")
        for name, registered in self._host.locators.items():
            if registered.registration.automatic or name == locate:
                made = self._maker.factory(registered, options.get(name, {}))
                yield Candidate(name, made, registered.registration.inline)


def _own(settings: Settings) -> Sequence[CarbonIntensity]:
    if settings.intensity is None:
        return ()
    from carbonsdk.engine.planning.own_intensity import own_intensity

    return own_intensity(settings.intensity)
