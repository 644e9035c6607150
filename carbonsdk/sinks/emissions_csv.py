"""Sink `emissions_csv`: one row a run in the 38 columns that other tools read."""

from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Context, Registration, SettingsError, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class EmissionsCsvSettings:
    """`path` is the file to append to; it must be given. `project_name` is the run's name unless given."""

    path: Path | None = None
    project_name: str | None = None
    experiment_id: str | None = None

    def __post_init__(self) -> None:
        if self.path is None:
            raise SettingsError("the sink 'emissions_csv' needs a file: set its `path`, or name it as emissions_csv=FILE")


def _make(context: Context) -> Sink:
    from carbonsdk.sinks._emissions_csv import EmissionsTable

    settings = context.settings
    return EmissionsTable(Path(settings.path), labels=(settings.project_name, settings.experiment_id), log=context.log)


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [
        Registration(
            name="emissions_csv",
            factory=_make,
            settings=EmissionsCsvSettings,
            automatic=False,
            summary="one row a run, in the columns of emissions.csv",
        )
    ]
