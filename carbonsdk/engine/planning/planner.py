"""From settings and plugins to a plan: who is asked, in which order, with which options."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from carbonsdk.clock import Clock
from carbonsdk.engine.baselines import load as load_baselines
from carbonsdk.engine.ledger.overhead import Overhead
from carbonsdk.engine.plan import ALL_KINDS, BackendPlan, Plan, SinkPlan
from carbonsdk.engine.planning.feed_planner import FeedPlanner
from carbonsdk.engine.planning.identity import identified, record_of, told_of
from carbonsdk.engine.planning.making import Maker, named, wanted
from carbonsdk.engine.planning.plugin_options import fitted
from carbonsdk.host import PluginHost, Registered
from carbonsdk.launch import detect
from carbonsdk.model import DeviceKind
from carbonsdk.settings import Resolved, Settings

_CPU = frozenset({DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.SOC, DeviceKind.NODE, DeviceKind.OTHER})
_GPU = frozenset({DeviceKind.GPU})
_KINDS = {"all": ALL_KINDS, "cpu": _CPU, "gpu": _GPU, "gpu,cpu": ALL_KINDS, "cpu,gpu": ALL_KINDS}


class Planner:
    """Plans a run. Touches neither hardware nor network: factories are called later.

    Raises SettingsError for an option that a plugin does not have.
    """

    def __init__(self, resolved: Resolved, host: PluginHost, clock: Clock, *, environ: Mapping[str, str] | None = None) -> None:
        self._resolved = fitted(resolved, host)
        self._host = host
        self._maker = Maker(host, clock, offline=resolved.settings.offline)
        self.feeds = FeedPlanner(self._maker, self._resolved)
        self._environ = os.environ if environ is None else environ

    def plan(self, *, console: Mapping[str, Any] | None = None) -> Plan:
        """Return the plan; `console` are options of the console sink, None for none of it.

        Raises SettingsError for a plugin that is not there.
        """
        resolved = self._resolved
        settings = resolved.settings
        launch = detect(self._environ)
        info, before = identified(settings, launch, clock=self._maker.clock, environ=self._environ)
        baselines = load_baselines(settings.state_dir)
        return Plan(
            info=info,
            backends=tuple(self._backends(settings)),
            sinks=tuple(self._sinks(settings, console if launch.rank == 0 else None)),
            intensity=self.feeds.plan(),
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
                *filter(None, [baselines.problem]),
                *told_of(before, info.run_id),
                *self._host.complaints,
                *_empty_keys(settings.api_keys),
            ),
        )

    def _backends(self, settings: Settings) -> Iterable[BackendPlan]:
        options = settings.options.get("backends", {})
        simulated = simulation(settings)
        if simulated:
            yield self._backend(named(self._host.backends, "replay", "backend"), simulated, by_name=True)
            return
        for name, registered, by_name in wanted(self._host.backends, settings.backends, "backend"):
            yield self._backend(registered, options.get(name, {}), by_name=by_name)

    def _backend(self, registered: Registered[Any], options: Mapping[str, Any], *, by_name: bool) -> BackendPlan:
        registration = registered.registration
        return BackendPlan(
            name=registered.name,
            make=self._maker.factory(registered, options),
            preference=registration.preference,
            kinds=registration.kinds,
            inline=registration.inline,
            named=by_name,
        )

    def _sinks(self, settings: Settings, console: Mapping[str, Any] | None) -> Iterable[SinkPlan]:
        options = settings.options.get("sinks", {})
        names = dict.fromkeys(settings.sinks)
        if console is not None and "console" not in names:
            yield self._sink("console", console)
        if settings.log_dir is not None:
            logs = {"log_dir": settings.log_dir, "log_file_prefix": settings.log_file_prefix}
            for name in ("decimal_precision", "monitor_epochs", "epochs_before_pred"):
                logs[name] = getattr(settings, name)
            yield self._sink("carbontracker_log", {**logs, **options.get("carbontracker_log", {})})
        for name in names:
            yield self._sink(name, options.get(name, {}))

    def _sink(self, name: str, options: Mapping[str, Any]) -> SinkPlan:
        return SinkPlan(name, self._maker.factory(named(self._host.sinks, name, "sink"), options))


def _overhead(settings: Settings) -> Overhead:
    # The fixed part is the machine's: nothing tells which process it is for.
    fixed_watts = 0.0 if settings.scope == "process" else settings.overhead_watts
    return Overhead(watts=fixed_watts, factor=settings.overhead_factor, bias=settings.overhead_bias)


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
