"""Sink `csv`: one row an epoch, appended safely from many processes."""

from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Context, Registration, SettingsError, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """`path` is the file to append to; it must be given."""

    path: Path | None = None

    def __post_init__(self) -> None:
        if self.path is None:
            raise SettingsError("the sink 'csv' needs a file: set its `path`, or name it as csv=epochs.csv")


def _make(context: Context) -> Sink:
    from carbonsdk.sinks._csv import EpochTable

    return EpochTable(Path(context.settings.path), log=context.log)


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [Registration(name="csv", factory=_make, settings=CsvSettings, automatic=False, summary="one CSV row an epoch")]
