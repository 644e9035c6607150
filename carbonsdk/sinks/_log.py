"""Events onto the logging that the program has: its structlog where it configured one, else the standard library's.

Nothing is configured here, and structlog is never imported: by way of rich its import draws from the program's own random
numbers, and a training that is seeded would no longer repeat itself.
"""

import json
import logging
import sys
from typing import Any

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


class EventLog:
    """Logs each event once: INFO, warnings as WARNING, samples and corrections as DEBUG.

    structlog gets the event and its values. In the standard library the message is text; handlers that want values find them
    in the record's attribute `carbonsdk`.
    """

    def __init__(self, logger: str, *, as_json: bool) -> None:
        self._name = logger
        self._log = logging.getLogger(logger)
        self._render = _as_json if as_json else _as_pairs

    def handle(self, event: Event) -> None:
        """Log one event."""
        match event:
            case WarningRaised():
                level = logging.WARNING
            case PowerSampled() | EpochCorrected():
                level = logging.DEBUG
            case _:
                level = logging.INFO
        structlog = sys.modules.get("structlog")
        # A module that is being imported has no names yet.
        if structlog is not None and getattr(structlog, "is_configured", bool)():
            method = getattr(structlog.get_logger(self._name), logging.getLevelName(level).lower())
            method(kind(event), **_values(event))
            return
        if not self._log.isEnabledFor(level):
            return
        values = _values(event)
        # One attribute of our own: `name` and the like would collide with those of a LogRecord.
        self._log.log(level, "%s", self._render(kind(event), values), extra={"carbonsdk": values})

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
            return {"devices": [device.name for device in devices], "backends": chosen}
        case IntensityFound(_, zone, intensity):
            return {
                "zone": zone.key,
                "grams_per_kwh": intensity.grams_per_kwh,
                "source": intensity.source,
                "signal": intensity.signal.value,
            }
        case EpochFinished(_, report) | EpochCorrected(_, report):
            return {"epoch": report.number, "epoch_name": report.name, **_of_report(report)}
        case ForecastMade(_, forecast):
            grams = forecast.co2eq_grams
            return {
                "epochs_seen": forecast.epochs_seen,
                "epochs_total": forecast.epochs_total,
                "energy_joules": forecast.energy_joules.value,
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
        "coverage": use.coverage,
        "partial": use.partial,
        "co2eq_grams": report.co2eq_grams,
        "reason": use.reason,
    }


def _as_json(name: str, values: dict[str, Any]) -> str:
    return json.dumps({"event": name, **values}, ensure_ascii=False, default=str)


def _as_pairs(name: str, values: dict[str, Any]) -> str:
    return " ".join([name, *(f"{key}={_shown(value)}" for key, value in values.items() if value is not None)])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if isinstance(value, bool | int) else json.dumps(value, ensure_ascii=False, default=str)
