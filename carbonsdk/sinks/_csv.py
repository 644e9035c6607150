"""Rows of epochs. `schema` is the version of the columns; a row with `corrects` replaces the epoch's earlier one."""

import logging
import math
from pathlib import Path

from carbonsdk.counted import joules_of, simulated
from carbonsdk.events import EpochCorrected, EpochFinished, Event, RunInfo
from carbonsdk.model import DeviceKind
from carbonsdk.reports import EpochReport
from carbonsdk.sinks._appending import Table

SCHEMA = 1
COLUMNS = (
    "schema", "run_id", "attempt", "run_name", "host", "rank", "epoch", "epoch_name", "start", "end", "duration_s",
    "energy_joules", "energy_kwh", "uncertainty_joules", "quality", "method", "coverage",
    "cpu_joules", "memory_joules", "gpu_joules", "other_joules", "average_watts",
    "co2eq_grams", "grams_per_kwh", "zone", "intensity_source",
    "simulated", "failed", "partial", "provisional", "corrects", "reason",
)  # fmt: skip

_KINDS = (frozenset({DeviceKind.CPU}), frozenset({DeviceKind.MEMORY}), frozenset({DeviceKind.GPU}))
_OTHER = frozenset(DeviceKind).difference(*_KINDS)


class EpochTable:
    """Appends a row for every epoch that ends."""

    def __init__(self, path: Path, *, log: logging.Logger) -> None:
        self._table = Table(path, header=COLUMNS, log=log)

    @property
    def path(self) -> Path:
        """Return where rows really go."""
        return self._table.path

    def handle(self, event: Event) -> None:
        """Append a row for an epoch."""
        match event:
            case EpochFinished(run, report):
                self._table.append(_row(run, report, corrects=False))
            case EpochCorrected(run, report):
                self._table.append(_row(run, report, corrects=True))

    def close(self) -> None:
        """Do nothing: no file is open between rows."""


def _row(run: RunInfo, report: EpochReport, *, corrects: bool) -> list[str]:
    cells = _who(run, report) + _energy(report) + _carbon(report)
    cells += [
        simulated(report.devices),
        report.failed,
        report.partial,
        report.provisional,
        corrects,
        report.reason or report.energy.reason,
    ]
    return [_cell(value) for value in cells]


def _who(run: RunInfo, report: EpochReport) -> list[object]:
    return [
        SCHEMA, run.run_id, run.attempt, run.name, run.host, run.rank, report.number, report.name,
        report.start.isoformat(), report.end.isoformat(), report.duration_s,
    ]  # fmt: skip


def _energy(report: EpochReport) -> list[object]:
    use = report.energy
    figures: list[object] = [use.joules, use.kwh, use.uncertainty_joules, use.quality.value, use.method, use.coverage]
    figures += [joules_of(report.devices, kinds) for kinds in (*_KINDS, _OTHER)]
    return [*figures, report.average_watts]


def _carbon(report: EpochReport) -> list[object]:
    intensity = report.intensity
    where = (intensity.zone, intensity.source) if intensity else (None, None)
    return [report.co2eq_grams, report.carbon.grams_per_kwh, *where]


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value) if math.isfinite(value) else ""
        case _:
            return str(value)
