"""Energy, CO2eq and a forecast of training runs, in numbers that say where they come from.

::

    import carbonsdk as ct

    @ct.track_epoch
    def train_one_epoch(model, data): ...

    with ct.epoch() as epoch: ...
    epoch.report.energy.joules
"""

from typing import TYPE_CHECKING

from carbonsdk._version import __version__

if TYPE_CHECKING:
    from carbonsdk import errors, runs
    from carbonsdk.api import configure, current, epoch, span, stop, track_epoch
    from carbonsdk.engine.rules.budget import Budget
    from carbonsdk.reports import EpochReport, Forecast, RunReport, SpanReport
    from carbonsdk.tracker import CarbonTracker
    from carbonsdk.when import BestStart, best_start

__all__ = [
    "BestStart",
    "Budget",
    "CarbonTracker",
    "EpochReport",
    "Forecast",
    "RunReport",
    "SpanReport",
    "__version__",
    "best_start",
    "configure",
    "current",
    "epoch",
    "errors",
    "runs",
    "span",
    "stop",
    "track_epoch",
]

_HOMES = {
    **dict.fromkeys(("configure", "current", "epoch", "span", "stop", "track_epoch"), "carbonsdk.api"),
    **dict.fromkeys(("EpochReport", "Forecast", "RunReport", "SpanReport"), "carbonsdk.reports"),
    "Budget": "carbonsdk.engine.rules.budget",
    "CarbonTracker": "carbonsdk.tracker",
    **dict.fromkeys(("BestStart", "best_start"), "carbonsdk.when"),
}


def __getattr__(name: str) -> object:
    # Imported at first use: `import carbonsdk` costs next to nothing and touches nothing.
    from importlib import import_module

    if name in ("errors", "runs"):
        return import_module(f"carbonsdk.{name}")
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'carbonsdk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
