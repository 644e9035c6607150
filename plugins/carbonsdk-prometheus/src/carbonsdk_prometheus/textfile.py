"""One file a process in the textfile collector's directory, renewed about once a second while the run goes on."""

import logging
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from carbonsdk.plugin import (
    Clock,
    EpochCorrected,
    EpochFinished,
    Event,
    PowerSampled,
    RunFinished,
    RunInfo,
    RunStarted,
    SettingsError,
)
from carbonsdk_prometheus import PrometheusSettings
from carbonsdk_prometheus.tally import Tally

_NS_PER_S = 1_000_000_000
_PREFIX, _SUFFIX = "carbonsdk-", ".prom"


class Textfile:
    """Renews its file after a sample or an epoch, at most twice a second. A full disk costs the file, and no figure."""

    def __init__(self, settings: PrometheusSettings, *, clock: Clock, log: logging.Logger) -> None:
        directory = settings.path or Path()
        if not directory.is_dir():
            raise SettingsError(f"the sink 'prometheus' writes to the textfile collector's directory, and {directory} is none")
        self._directory = directory
        self._keep_s = settings.keep_s
        self._clock = clock
        self._log = log
        self._tally = Tally()
        self._written_ns: int | None = None

    def handle(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case RunStarted():
                self._remove_old()
            case PowerSampled(run):
                self._tally.sample(event)
                self._renew(run)
            case EpochFinished(run, report) | EpochCorrected(run, report):
                self._tally.epoch(report)
                self._renew(run)
            case RunFinished(run, report):
                self._tally.finish(report)
                self._write(run)

    def close(self) -> None:
        """Leave the file, for a scrape that comes after the run."""

    def _renew(self, run: RunInfo) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._written_ns is None or now_ns - self._written_ns >= _NS_PER_S // 2:
            self._written_ns = now_ns
            self._write(run)

    def _write(self, run: RunInfo) -> None:
        # The collector passes over names that do not end in .prom, and never sees half a file.
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{_PREFIX}{run.run_id}-{run.host}-{run.rank}-{run.pid}")
        draft: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self._directory, prefix=f".{name}.", delete=False
            ) as file:
                draft = Path(file.name)
                file.write(self._tally.text(run))
            draft.chmod(0o644)
            draft.replace(self._directory / f"{name}{_SUFFIX}")
        except OSError as error:
            # Raised, it would have the event handed over again, and counted again.
            self._log.warning("no metrics can be written to %s: %s", self._directory, error.strerror or error)
            if draft is not None:
                with suppress(OSError):
                    draft.unlink()

    def _remove_old(self) -> None:
        now_s = self._clock.wall_ns(self._clock.monotonic_ns()) / _NS_PER_S
        for path in self._directory.glob(f"{_PREFIX}*{_SUFFIX}"):
            with suppress(OSError):  # another user's
                if now_s - path.stat().st_mtime > self._keep_s:
                    path.unlink()
