"""Events through structlog onto the logging that the program has.

That is its own structlog where it configured one, else the standard library's, which is wrapped. Nothing is configured here.
"""

import json
import logging
import random
import sys
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any

from carbonsdk import figures
from carbonsdk.counted import simulated
from carbonsdk.events import (
    DevicesChosen,
    EpochCorrected,
    EpochFinished,
    Event,
    ForecastMade,
    IntensityFound,
    PowerSampled,
    RunFinished,
    RunStarted,
    WarningRaised,
)
from carbonsdk.reports import EpochReport, RunReport
from carbonsdk.sinks._event_fields import kind

_Record = tuple[tuple[str, str], dict[str, Any]]  # what a method of the standard library's logger is called with


class EventLog:
    """Logs each event once: INFO, warnings as WARNING, samples and corrections as DEBUG.

    A structlog that the program configured gets the event and its values. In the standard library the message is text;
    handlers that want values find them in the record's attribute `carbonsdk`.
    """

    def __init__(self, logger: str, *, as_json: bool) -> None:
        _import_rich_quietly()
        import structlog

        self._name = logger
        self._is_configured, self._configured = structlog.is_configured, structlog.get_logger
        self._wrapped = structlog.wrap_logger(
            logging.getLogger(logger),
            processors=[structlog.stdlib.filter_by_level, _as_json if as_json else _as_pairs],
            wrapper_class=structlog.stdlib.BoundLogger,
            context_class=dict,
        )

    def handle(self, event: Event) -> None:
        """Log one event."""
        match event:
            case WarningRaised():
                level = "warning"
            case PowerSampled() | EpochCorrected():
                level = "debug"
            case _:
                level = "info"
        logger = self._configured(self._name) if self._is_configured() else self._wrapped
        getattr(logger, level)(kind(event), **_values(event))

    def close(self) -> None:
        """Do nothing: the handlers are the program's own."""


def _values(event: Event) -> dict[str, Any]:
    return {"run_id": event.run.run_id, "rank": event.run.rank, **_figures(event)}


def _figures(event: object) -> dict[str, Any]:
    match event:
        case RunStarted(run):
            return {"host": run.host, "run_name": run.name, "epochs_planned": run.epochs_planned}
        case DevicesChosen(_, devices, selection):
            chosen = [choice.backend for choice in selection if choice.chosen]
            qualities = [device.sensor.quality.value for device in devices]
            return {"devices": [device.name for device in devices], "qualities": qualities, "backends": chosen}
        case IntensityFound(_, zone, intensity):
            return {
                "zone": zone.key,
                "grams_per_kwh": intensity.grams_per_kwh,
                "source": intensity.source,
                "basis": intensity.basis.value,
                "signal": intensity.signal.value,
                "kind": figures.kind(intensity),
            }
        case EpochFinished(_, report) | EpochCorrected(_, report):
            return {"epoch": report.number, "epoch_name": report.name, **_of_report(report)}
        case ForecastMade(_, forecast):
            grams = forecast.co2eq_grams
            return {
                "epochs_seen": forecast.epochs_seen,
                "epochs_total": forecast.epochs_total,
                "energy_joules": forecast.energy_joules.value,
                "energy_joules_low": forecast.energy_joules.low,
                "energy_joules_high": forecast.energy_joules.high,
                "duration_s": forecast.duration_s.value,
                "co2eq_grams": grams.value if grams else None,
            }
        case PowerSampled(_, _, watts):
            return {"watts": {device.id: value for device, value in watts}}
        case WarningRaised(_, text):
            return {"text": text}
        case RunFinished(_, report):
            return {"state": report.state, "epochs": report.epoch_count, **_of_report(report), "record": report.record}
        case _:  # a kind that is newer than this sink
            return {}


def _of_report(report: EpochReport | RunReport) -> dict[str, Any]:
    use = report.energy
    return {
        "duration_s": report.duration_s,
        "energy_joules": use.joules,
        "uncertainty_joules": use.uncertainty_joules,
        "quality": use.quality.value,
        "simulated": simulated(report.devices),
        "coverage": use.coverage,
        "partial": use.partial,
        "co2eq_grams": report.co2eq_grams,
        "reason": use.reason,
    }


def _as_json(_logger: logging.Logger, _method: str, entry: MutableMapping[str, Any]) -> _Record:
    name = entry.pop("event")
    return _record(json.dumps({"event": name, **entry}, ensure_ascii=False, default=str), entry)


def _as_pairs(_logger: logging.Logger, _method: str, entry: MutableMapping[str, Any]) -> _Record:
    name = entry.pop("event")
    return _record(" ".join([name, *(f"{key}={_shown(value)}" for key, value in entry.items() if value is not None)]), entry)


def _record(message: str, values: MutableMapping[str, Any]) -> _Record:
    # One attribute of our own: `name` and the like would collide with those of a LogRecord.
    return ("%s", message), {"extra": {"carbonsdk": dict(values)}}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if isinstance(value, bool | int) else json.dumps(value, ensure_ascii=False, default=str)


def _import_rich_quietly() -> None:
    """Import what structlog imports where it is installed, and leave the program's random numbers where they stood.

    rich numbers its styles from one that it draws at its import: a training that is seeded would no longer repeat itself.
    """
    import rich.color

    # Who imports `random` just now, in any thread, finds this module of our own: what rich draws with is not the real one's.
    drawn_apart, apart = ModuleType("random"), random.Random()  # noqa: S311 - nothing depends on it
    vars(drawn_apart).update(vars(random), getrandbits=apart.getrandbits, randint=apart.randint)
    sys.modules["random"] = drawn_apart
    try:
        import rich.style  # noqa: F401
    finally:
        sys.modules["random"] = random
