"""The sink `prometheus`: a run's metrics in a file that the node exporter's textfile collector reads."""

from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Context, Registration, SettingsError, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """`path` is the directory of the textfile collector; it must be given.

    Files there that no run has renewed for `keep_s` seconds are removed when another run begins.
    """

    path: Path | None = None
    keep_s: float = 3600.0

    def __post_init__(self) -> None:
        if self.path is None:
            raise SettingsError("the sink 'prometheus' needs the textfile collector's directory: set its `path`")


def _make(context: Context) -> Sink:
    from carbonsdk_prometheus.textfile import Textfile

    return Textfile(context.settings, clock=context.clock, log=context.log)


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [
        Registration(
            name="prometheus",
            factory=_make,
            settings=PrometheusSettings,
            automatic=False,
            summary="metrics for the node exporter's textfile collector",
        )
    ]
