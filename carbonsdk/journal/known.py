"""What the records of one process say at one moment, and the report that they make."""

from collections.abc import Sequence
from typing import NamedTuple

from carbonsdk import units
from carbonsdk.clock import utc
from carbonsdk.journal.records import RunBegan, StateNoted, Use
from carbonsdk.journal.shelf import EpochShelf
from carbonsdk.journal.tally import EpochReports, Tally
from carbonsdk.reports import Choice, Forecast, RunReport


class Known(NamedTuple):
    """What the records so far come to; no later one changes it. `epoch_uses` are of the union of the epochs."""

    began: RunBegan
    tally: Tally
    epochs: EpochShelf
    epoch_count: int
    epoch_uses: Sequence[Use]
    selection: tuple[Choice, ...]
    warnings: tuple[str, ...]

    def report(
        self, state: StateNoted, uses: Sequence[Use], *, run_state: str, forecast: Forecast | None, record: str | None
    ) -> RunReport:
        """Return the report of the run as it stood at `state`, with the use of every device until then."""
        began, run, tally = self.began, self.began.run, self.tally
        return RunReport(
            run_id=run.run_id,
            name=run.name,
            host=run.host,
            rank=run.rank,
            state=run_state,
            start=utc(began.start_ns),
            end=utc(state.at_ns),
            duration_s=units.seconds(state.at_ns - began.start_ns),
            energy=tally.total(uses),
            epochs_energy=tally.total(self.epoch_uses),
            devices=tally.energies(uses),
            carbon=tally.carbon(began.start_ns, state.at_ns, uses),
            marginal=tally.marginal_carbon(began.start_ns, state.at_ns, uses),
            epochs=EpochReports(self.epochs, tally.epoch),
            epoch_count=self.epoch_count,
            epochs_planned=run.epochs_planned,
            spans=tally.spans(state.spans),
            forecast=forecast,
            selection=self.selection,
            warnings=self.warnings,
            pue=run.pue,
            pue_source=run.pue_source,
            attempts=run.attempt,
            record=record,
            scope=run.scope,
            machine_joules=tally.machine_joules(state),
            above_idle=tally.above_idle(uses, units.seconds(state.at_ns - began.start_ns)),
        )
