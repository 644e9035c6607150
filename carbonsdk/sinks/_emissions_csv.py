"""A row a run in the layout of `emissions.csv`: kWh, watts, seconds and kg; what is unknown stays empty.

Its readers expect a PUE to be part of energy and emissions, so it is here; powers are the devices' own.
"""

import logging
import math
import os
import platform
from collections import Counter
from pathlib import Path

from carbonsdk import units
from carbonsdk.counted import counted, joules_of, simulated
from carbonsdk.events import Event, IntensityFound, RunFinished, RunInfo
from carbonsdk.figures import plain
from carbonsdk.model import Device, DeviceKind, Zone
from carbonsdk.reports import RunReport
from carbonsdk.sinks._appending import Table

COLUMNS = (
    "timestamp", "project_name", "run_id", "experiment_id", "duration", "emissions", "emissions_rate",
    "cpu_power", "gpu_power", "ram_power", "cpu_energy", "gpu_energy", "ram_energy", "energy_consumed", "water_consumed",
    "country_name", "country_iso_code", "region", "cloud_provider", "cloud_region", "os", "python_version",
    "codecarbon_version", "cpu_count", "cpu_model", "gpu_count", "gpu_model", "longitude", "latitude", "ram_total_size",
    "tracking_mode", "cpu_utilization_percent", "gpu_utilization_percent", "ram_utilization_percent", "ram_used_gb",
    "on_cloud", "pue", "wue",
)  # fmt: skip

_COMPONENTS = {"cpu": DeviceKind.CPU, "gpu": DeviceKind.GPU, "ram": DeviceKind.MEMORY}


class EmissionsTable:
    """Appends a row when a run ends."""

    def __init__(self, path: Path, *, labels: tuple[str | None, str | None], log: logging.Logger) -> None:
        self._table = Table(path, header=COLUMNS, log=log)
        self._project, self._experiment = labels
        self._zone: Zone | None = None

    @property
    def path(self) -> Path:
        """Return where rows really go."""
        return self._table.path

    def handle(self, event: Event) -> None:
        """Keep the zone, and append a row at the end."""
        match event:
            case IntensityFound(_, zone):
                self._zone = zone
            case RunFinished(run, report):
                cells = self._labels(run, report) | _figures(report) | _place(self._zone) | _machine(report)
                self._table.append([_cell(cells.get(column)) for column in COLUMNS])

    def close(self) -> None:
        """Do nothing: no file is open between rows."""

    def _labels(self, run: RunInfo, report: RunReport) -> dict[str, object]:
        sort = "simulated" if simulated(report.devices) else report.energy.quality.value
        return {
            "project_name": self._project or run.name,
            "run_id": run.run_id,
            "experiment_id": self._experiment,
            "python_version": platform.python_version(),
            # The column is named after another tool; the value says who really wrote the row, and what no column is for.
            "codecarbon_version": f"carbonsdk {run.version}, energy {sort}",
        }


def _figures(report: RunReport) -> dict[str, object]:
    kg = None if report.co2eq_grams is None else report.co2eq_grams / 1000 * report.pue
    cells: dict[str, object] = {
        "timestamp": report.end.astimezone().strftime("%Y-%m-%dT%H:%M:%S"),
        "duration": report.duration_s,
        "emissions": kg,
        "emissions_rate": None if kg is None or report.duration_s <= 0 else kg / report.duration_s,
        "energy_consumed": _kwh(report.energy.joules, pue=report.pue),
        "pue": report.pue,
    }
    for name, kind in _COMPONENTS.items():
        joules = joules_of(report.devices, {kind})
        cells[f"{name}_energy"] = _kwh(joules, pue=report.pue)
        cells[f"{name}_power"] = None if joules is None or report.duration_s <= 0 else joules / report.duration_s
    return cells


def _place(zone: Zone | None) -> dict[str, object]:
    if zone is None:
        return {}
    return {
        "region": None if zone.key == "WORLD" else zone.key,
        "cloud_provider": zone.cloud_provider,
        "cloud_region": zone.cloud_region,
        "longitude": zone.longitude,
        "latitude": zone.latitude,
        "on_cloud": "Y" if zone.cloud_provider else None,
    }


def _machine(report: RunReport) -> dict[str, object]:
    import psutil

    devices = [each.device for each in counted(report.devices)]
    gpus = [device for device in devices if device.kind is DeviceKind.GPU]
    return {
        "os": platform.platform(),
        "cpu_count": os.cpu_count(),
        "cpu_model": _models([device for device in devices if device.kind is DeviceKind.CPU], counted=False),
        "gpu_count": len(gpus) or None,
        "gpu_model": _models(gpus, counted=True),
        "ram_total_size": psutil.virtual_memory().total / 2**30,
        "tracking_mode": report.scope,
    }


def _models(devices: list[Device], *, counted: bool) -> str | None:
    names = Counter(device.name for device in devices)
    return "; ".join(f"{count} x {name}" if counted else name for name, count in names.items()) or None


def _kwh(joules: float | None, *, pue: float) -> float | None:
    return None if joules is None else units.kwh(joules) * pue


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return plain(value, digits=12) if isinstance(value, float) else str(value)
