"""From settings and plugins to a plan: who is asked, in which order, with which options."""

import functools
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from carbonsdk.clock import Clock
from carbonsdk.engine.baselines import load as load_baselines
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.identity import identified, record_of, told_beside
from carbonsdk.engine.offer import Offer
from carbonsdk.engine.overhead import Overhead
from carbonsdk.engine.places import place
from carbonsdk.engine.plan import ALL_KINDS, Plan, SinkPlan
from carbonsdk.engine.plugin_options import fitted
from carbonsdk.engine.sharing import Sharing
from carbonsdk.errors import SettingsError
from carbonsdk.host import PluginHost, Registered
from carbonsdk.http import OfflineHttp, RequestsHttp
from carbonsdk.interfaces import HttpClient
from carbonsdk.launch import detect
from carbonsdk.model import CarbonIntensity, DeviceKind
from carbonsdk.settings import Resolved, Settings

T = TypeVar("T")
Options = Mapping[str, Mapping[str, Any]]

_CPU = frozenset({DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.SOC, DeviceKind.NODE, DeviceKind.OTHER})
_GPU = frozenset({DeviceKind.GPU})
# Names that carbontracker has for services; in its earlier releases upper and lower case were the same.
_CARBONTRACKER_SERVICES = {
    "electricitymaps": "electricitymaps",
    "carbonintensitygb": "great_britain",
    "energidataservice": "denmark",
}
_KINDS = {"all": ALL_KINDS, "cpu": _CPU, "gpu": _GPU, "gpu,cpu": ALL_KINDS, "cpu,gpu": ALL_KINDS}


AUTO = "auto"
"""Among the names of backends or fetchers: all that are used by themselves."""


class Planner:
    """Makes plans with one host and one clock. Touches neither hardware nor network: factories are called later."""

    def __init__(self, host: PluginHost, clock: Clock, environ: Mapping[str, str] | None = None) -> None:
        self._host, self._clock = host, clock
        self._http: RequestsHttp | OfflineHttp = OfflineHttp()
        self._sharing = Sharing(clock, cut=self._http.close)
        self._environ = os.environ if environ is None else environ

    def plan(self, resolved: Resolved, *, console: Mapping[str, Any] | None = None) -> Plan:
        """Return the plan for these settings; `console` are options of the console sink, None for none of it.

        Raises SettingsError for a plugin or an option that is not there.
        """
        resolved = fitted(resolved, self._host)
        settings = resolved.settings
        launch = detect(self._environ)
        info, before = identified(settings, launch, clock=self._clock, environ=self._environ)
        intensity = self.feed(resolved)
        http = self._http
        baselines = load_baselines(settings.state_dir)
        return Plan(
            info=info,
            offers=tuple(self._offers(settings, http)),
            sinks=tuple(self._sinks(settings, http, console if launch.rank == 0 else None)),
            intensity=intensity,
            record=record_of(info, settings),
            kinds=_KINDS[settings.components],
            interval_s=settings.update_interval,
            edge_reads=settings.edge_reads,
            sync=settings.sync,
            settle_s=settings.settle_s,
            devices_by_pid=settings.devices_by_pid,
            overhead=_overhead(settings),
            share_policy=settings.share_policy if settings.scope == "process" else None,
            baselines=baselines,
            first_epoch=before.first_number,
            epochs_before_forecast=forecast_after(settings),
            warnings=(
                *resolved.warnings,
                *filter(None, [baselines.problem, told_beside(info.run_id) if before.beside else None]),
                *self._host.complaints,
                *_empty_keys(settings.api_keys),
            ),
        )

    def feed(self, resolved: Resolved) -> FeedPlan:
        """Return where intensities come from with these settings; raise SettingsError for a plugin that is not there."""
        settings = resolved.settings
        http = self._http = OfflineHttp() if settings.offline else RequestsHttp()
        self._sharing = Sharing(self._clock, cut=http.close)
        locators = tuple(self._locators(settings, http))
        zone = None if settings.zone is None else place(settings.zone, found_by=resolved.sources.get("zone", "call"))
        if zone is not None and zone.cloud_region and (cloud := self._host.locators.get("cloud")):
            # Which grid the region hangs on is in a table of the locator's: it reads, and asks nobody.
            given = {"provider": zone.cloud_provider, "region": zone.cloud_region}
            zone, locators = None, (Candidate("cloud", self._make(cloud, given, http), inline=True),)
        return FeedPlan(
            zone=zone,
            locators=locators,
            fetchers=tuple(self._fetchers(settings, http)),
            own=_own(settings),
            basis=settings.basis,
            cut=self._sharing.close,
        )

    def _make(self, registered: Registered[T], options: Mapping[str, Any], http: HttpClient) -> Callable[[], T]:
        return functools.partial(self._host.make, registered, options, clock=self._clock, http=http)

    def _offers(self, settings: Settings, http: HttpClient) -> Iterable[Offer]:
        options = settings.options.get("backends", {})
        simulated = simulation(settings)
        if simulated:
            replay = _named(self._host.backends, "replay", "backend")
            yield self._offer("replay", replay, simulated, named=True, http=http)
            return
        for name, registered, named in _wanted(self._host.backends, settings.backends, "backend"):
            yield self._offer(name, registered, options.get(name, {}), named=named, http=http)

    def _offer(
        self, name: str, registered: Registered[Any], options: Mapping[str, Any], *, named: bool, http: HttpClient
    ) -> Offer:
        registration = registered.registration
        return Offer(
            name=name,
            make=self._make(registered, options, http),
            preference=registration.preference,
            kinds=registration.kinds,
            inline=registration.inline,
            named=named,
        )

    def _sinks(self, settings: Settings, http: HttpClient, console: Mapping[str, Any] | None) -> Iterable[SinkPlan]:
        options: Options = settings.options.get("sinks", {})
        wanted = dict.fromkeys(settings.sinks)
        if console is not None and "console" not in wanted:
            yield SinkPlan(name="console", make=self._make(_named(self._host.sinks, "console", "sink"), console, http))
        if settings.log_dir is not None:
            logs = {"log_dir": settings.log_dir, "log_file_prefix": settings.log_file_prefix}
            for name in ("decimal_precision", "monitor_epochs", "epochs_before_pred"):
                logs[name] = getattr(settings, name)
            logs.update(options.get("carbontracker_log", {}))
            yield SinkPlan(
                name="carbontracker_log", make=self._make(_named(self._host.sinks, "carbontracker_log", "sink"), logs, http)
            )
        for name in wanted:
            yield SinkPlan(name=name, make=self._make(_named(self._host.sinks, name, "sink"), options.get(name, {}), http))

    def services(self, keys: Mapping[str, T]) -> dict[str, T]:
        """Return keys by the fetcher that each belongs to; raise SettingsError for a service that nobody knows."""
        found = {}
        for name, key in keys.items():
            known = _CARBONTRACKER_SERVICES.get(name.lower(), name)
            _named(self._host.fetchers, known, "intensity service")
            found[known] = key
        return found

    def keyed_fetchers(self, settings: Settings, keys: Mapping[str, Any]) -> tuple[Candidate, ...]:
        """Return the fetchers that these keys are of; raise SettingsError for a service that nobody knows."""
        mine = self.services(keys)
        renewed = replace(settings, api_keys=mine)
        return tuple(each for each in self._fetchers(renewed, self._http) if mine.get(each.name))

    def _fetchers(self, settings: Settings, http: HttpClient) -> Iterable[Candidate]:
        options: Options = settings.options.get("intensity", {})
        keys = self.services(settings.api_keys)
        for name, registered, _ in _wanted(self._host.fetchers, settings.fetchers, "intensity fetcher"):
            known = {each.name for each in fields(registered.registration.settings)}
            asked = {"basis": settings.basis} if settings.basis is not None and "basis" in known else {}
            own = {**asked, **options.get(name, {})}
            # A service without keys is given one where carbontracker asked for it.
            if keys.get(name) and "token" in known:
                own["token"] = keys[name]
            make, inline = self._make(registered, own, http), registered.registration.inline
            shared = not inline and not settings.offline
            yield Candidate(name, self._sharing.behind(make, registered, own) if shared else make, inline)

    def _locators(self, settings: Settings, http: HttpClient) -> Iterable[Candidate]:
        options: Options = settings.options.get("locators", {})
        if settings.locate is not None:
            _named(self._host.locators, settings.locate, "locator")
        for name, registered in self._host.locators.items():
            if registered.registration.automatic or name == settings.locate:
                made = self._make(registered, options.get(name, {}), http)
                yield Candidate(name, made, registered.registration.inline)


def _own(settings: Settings) -> Sequence[CarbonIntensity]:
    if settings.intensity is None:
        return ()
    from carbonsdk.engine.own_intensity import own_intensity

    return own_intensity(settings.intensity)


def _overhead(settings: Settings) -> Overhead:
    # The fixed part is the machine's: nothing tells which process it is for.
    fixed_watts = 0.0 if settings.scope == "process" else settings.overhead_watts
    return Overhead(watts=fixed_watts, factor=settings.overhead_factor, bias=settings.overhead_bias)


def _wanted(
    table: Mapping[str, Registered[T]], names: Collection[str] | None, what: str
) -> Iterable[tuple[str, Registered[T], bool]]:
    if names is None:
        yield from ((name, each, False) for name, each in table.items() if each.registration.automatic)
        return
    named = [name for name in names if name != AUTO]
    if AUTO in names:
        yield from (each for each in _wanted(table, None, what) if each[0] not in named)
    for name in named:
        yield name, _named(table, name, what), True


def _named(table: Mapping[str, Registered[T]], name: str, what: str) -> Registered[T]:
    try:
        return table[name]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(name, table, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(table)) or 'none'}"
        raise SettingsError(f"no {what} is called {name!r}; {hint}") from None


def _empty_keys(keys: Mapping[str, Any]) -> Iterable[str]:
    return (
        f"api_keys: the key of {name!r} is empty, so that service is not asked with it" for name, key in keys.items() if not key
    )


def forecast_after(settings: Settings) -> int:
    """Return after how many epochs the forecast comes; 0 for never."""
    if settings.epochs_before_pred >= 0:
        return settings.epochs_before_pred
    wanted = [count for count in (settings.epochs, settings.monitor_epochs) if count is not None and count > 0]
    return min(wanted, default=0)


def simulation(settings: Settings) -> dict[str, Any] | None:
    """Return the options of the replay backend that carbontracker's `sim_…` arguments ask for, or None."""
    devices = []
    if settings.sim_cpu is not None:
        devices.append(
            {"kind": "cpu", "name": settings.sim_cpu, "watts": (settings.sim_cpu_tdp or 0.0) * settings.sim_cpu_util}
        )
    if settings.sim_gpu is not None:
        watts = (settings.sim_gpu_watts or 0.0) * settings.sim_gpu_util
        devices.append({"kind": "gpu", "name": settings.sim_gpu, "watts": watts})
    return {"devices": devices} if devices else None
