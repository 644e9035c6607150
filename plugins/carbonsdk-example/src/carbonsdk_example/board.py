"""The sink: a notice board in a text file."""

from pathlib import Path

from carbonsdk.plugin import EpochFinished, EpochReport, Event


class Board:
    """Appends a line for each epoch, and takes no notice of other events."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def handle(self, event: Event) -> None:
        """Write an epoch's line."""
        if isinstance(event, EpochFinished):
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{line(event.report)}\n")

    def close(self) -> None:
        """Let go of nothing: the file is opened for each line."""


def line(report: EpochReport) -> str:
    """Return an epoch in a line. What is not known is said to be so; it is not 0."""
    joules, grams = report.energy.joules, report.co2eq_grams
    energy = f"unknown energy ({report.energy.reason})" if joules is None else f"{joules:.0f} J {report.energy.quality}"
    carbon = "unknown CO2eq" if grams is None else f"{grams:.3f} g CO2eq"
    return f"{report.name} {report.number}: {energy}, {carbon}"
