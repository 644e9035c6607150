"""Sink `carbontracker_log`: the two log files that carbontracker writes, for tools that read them."""

from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Context, Registration, SettingsError, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class CarbontrackerLogSettings:
    """`log_dir` is the directory to write to; it must be given. `log_file_prefix` begins the files' names.

    `monitor_epochs` is how many epochs are to be measured, -1 for all that are planned; fewer count as an early stop.
    `epochs_before_pred` 0 says that no forecast was asked for.
    """

    log_dir: Path | None = None
    log_file_prefix: str = ""
    monitor_epochs: int = -1
    epochs_before_pred: int = 1
    decimal_precision: int = 12


def _make(context: Context) -> Sink:
    from carbonsdk.sinks.carbontracker_log._writer import TrackerLogs

    settings: CarbontrackerLogSettings = context.settings
    if settings.log_dir is None:
        raise SettingsError("the sink 'carbontracker_log' needs a directory: set its `log_dir`, for instance to logs")
    if {"/", "\\", "\0"} & set(settings.log_file_prefix):
        raise SettingsError(f"`log_file_prefix` is the beginning of a file's name, not a path: {settings.log_file_prefix!r}")
    if not 0 <= settings.decimal_precision <= 100:
        raise SettingsError(f"`decimal_precision` is a number of decimals from 0 to 100, not {settings.decimal_precision}")
    return TrackerLogs(settings, clock=context.clock)


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [
        Registration(
            name="carbontracker_log",
            factory=_make,
            settings=CarbontrackerLogSettings,
            automatic=False,
            summary="log files in carbontracker's format",
        )
    ]
