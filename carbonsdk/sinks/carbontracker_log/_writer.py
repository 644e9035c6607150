"""Two files a process: the standard log with every epoch, and the output log with what is shown to people."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from carbonsdk.clock import Clock, utc
from carbonsdk.events import (
    DevicesChosen,
    EpochCorrected,
    EpochFinished,
    Event,
    ForecastMade,
    IntensityFound,
    RunFinished,
    RunInfo,
)
from carbonsdk.model import Device, Signal
from carbonsdk.reports import EpochReport, RunReport
from carbonsdk.sinks._appending import append_line
from carbonsdk.sinks._carbontracker_words import clock_time
from carbonsdk.sinks._consumption import EpochTally, actual, intensity_of, predicted
from carbonsdk.sinks.carbontracker_log import CarbontrackerLogSettings, _wording

_FORMAT = "2.4.7"

_MOST_WAITING = 16
"""Provisional epochs, and those behind them, that are held back; a driver may hang for good."""


class TrackerLogs:
    """Writes a message as soon as it is final, each in one write."""

    def __init__(self, settings: CarbontrackerLogSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._base: Path | None = None
        self._devices: tuple[Device, ...] = ()
        self._named: str | None = None
        self._tally = EpochTally()
        self._waiting: list[EpochReport] = []
        self._provisional: dict[int, int] = {}
        self._forecast_written = False
        self._broken_off = 0

    def handle(self, event: Event) -> None:
        """Write what the event tells, if anything."""
        self._begin(event.run)
        match event:
            case DevicesChosen(_, devices):
                self._devices = _joined(self._devices, devices)
            case IntensityFound(_, zone, intensity) if intensity.signal is Signal.AVERAGE:
                self._info(f"Carbon intensity fetched: {intensity.grams_per_kwh:.2f} gCO2eq/kWh at {zone.key}")
            case EpochFinished(_, report):
                self._waiting.append(report)
                self._write_final()
            case EpochCorrected(_, report):
                self._correct(report)
            case ForecastMade(run, forecast) if not self._forecast_written:
                self._forecast_written = True
                description = f"Predicted consumption for {forecast.epochs_total} epoch(s):"
                precision = self._settings.decimal_precision
                self._output(_wording.consumption(predicted(run, forecast), description=description, precision=precision))
            case RunFinished(run, report):
                self._write_final(most=0)
                self._end(run, report)

    def close(self) -> None:
        """Do nothing: no file is open between messages."""

    def _begin(self, run: RunInfo) -> None:
        if self._base is not None:
            return
        prefix = f"{self._settings.log_file_prefix}_" if self._settings.log_file_prefix else ""
        # Where carbontracker draws a number by lot, ours tells the processes of a run apart.
        digest = hashlib.sha256(f"{run.run_id}/{run.attempt}/{run.host}/{run.rank}".encode()).digest()
        number = int.from_bytes(digest[:4], "big") % 1_000_000
        moment = self._moment("%Y-%m-%dT%H%M%SZ")
        self._base = Path(self._settings.log_dir or "") / f"{prefix}{run.pid}.{number}_{moment}_carbontracker"
        self._info(f"carbonsdk version {run.version}, in the log format of carbontracker version {_FORMAT}")
        self._info(f"Only predicted and actual consumptions are multiplied by a PUE coefficient of {run.pue:g}.")

    def _write_final(self, *, most: int = _MOST_WAITING) -> None:
        """Write the epochs that ended, in order; a provisional one, and those behind it, wait for its last reading."""
        while self._waiting and (len(self._waiting) > most or not self._waiting[0].provisional):
            self._epoch(self._waiting.pop(0))

    def _correct(self, report: EpochReport) -> None:
        for place, waiting in enumerate(self._waiting):
            if waiting.number == report.number:
                self._waiting[place] = report
                self._write_final()
                return
        number = self._provisional.pop(report.number, report.number)
        for name, watts in _wording.device_watts(report, self._devices).items():
            self._info(f"Correction of epoch {number}, power (W) of {name}: {_wording.all_watts(watts)}")

    def _epoch(self, report: EpochReport) -> None:
        self._tally.add(report)
        self._broken_off += report.partial or report.failed
        if report.provisional:
            # carbontracker counts epochs from 1, whatever their own numbers are.
            self._provisional[report.number] = self._tally.count
        self._name_components(report)
        self._info(f"Epoch {self._tally.count}:")
        self._info(f"Duration: {clock_time(report.duration_s, hundredths=True)}")
        for name, watts in _wording.device_watts(report, self._devices).items():
            text = _wording.power(watts)
            self._info(f"Average power usage (W) for {name}: {text}")
            if text == "None" and len(watts) > 1:
                self._info(f"Power of each device (W) of {name}: {_wording.all_watts(watts)}")

    def _name_components(self, report: EpochReport | RunReport) -> None:
        """Write the components late, so that the first such line, the only one the parser reads, holds all devices."""
        self._devices = _joined(self._devices, [each.device for each in report.devices])
        text = _wording.components(self._devices)
        if self._devices and text != self._named:
            self._named = text
            self._info(text)
            self._output(text)

    def _end(self, run: RunInfo, report: RunReport) -> None:
        self._name_components(report)
        wanted = self._settings.monitor_epochs if self._settings.monitor_epochs > 0 else run.epochs_planned
        if wanted is not None and report.epoch_count - self._broken_off < wanted:
            self._info(f"Training was interrupted before all {wanted} epochs were monitored.")
        used = actual(report, self._tally)
        mean, intensity = intensity_of(used), report.intensity
        if mean is not None and intensity is not None:
            text = f"Average carbon intensity during training was {mean:.2f} gCO2eq/kWh at detected location: {intensity.zone}."
            self._info(text)
            self._output(text)
        if used.joules is None:
            # Not in carbontracker's words: its parser would look for a figure.
            self._output(f"The energy used is unknown: {used.reason or 'nothing was measured'}")
        else:
            counted = self._settings.epochs_before_pred != 0 and used.epochs is not None
            description = f"Actual consumption{f' for {used.epochs} epoch(s)' if counted else ''}:"
            precision = self._settings.decimal_precision
            self._output(_wording.consumption(used, description=description, precision=precision))
        self._info("Monitoring thread ended.")
        self._output("Finished monitoring.")

    def _info(self, message: str) -> None:
        self._write("", message)

    def _output(self, message: str) -> None:
        self._write("_output", f"CarbonTracker: {message}")

    def _write(self, suffix: str, message: str) -> None:
        if self._base is None:
            return
        line = f"{self._moment('%Y-%m-%d %H:%M:%S')} - {message}\n"
        # Its parser opens files in the locale's encoding, whatever that is.
        append_line(self._base.with_name(f"{self._base.name}{suffix}.log"), line.encode("ascii", "backslashreplace"))

    def _moment(self, layout: str) -> str:
        return utc(self._clock.wall_ns(self._clock.monotonic_ns())).astimezone().strftime(layout)


def _joined(known: Sequence[Device], more: Sequence[Device]) -> tuple[Device, ...]:
    """Return the devices that totals are made of, in the order in which they came: simulated ones only where none is real."""
    devices = tuple({device.key: device for device in (*known, *more)}.values())
    return tuple(device for device in devices if not device.simulated) or devices
