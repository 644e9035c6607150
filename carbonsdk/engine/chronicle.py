"""From what happens in a run to its records, and to the events that sinks get."""

from collections.abc import Sequence

from carbonsdk.clock import Clock
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.plan import Plan
from carbonsdk.engine.scribe import Scribe
from carbonsdk.events import (
    DevicesChosen,
    EpochCorrected,
    EpochFinished,
    IntensityFound,
    RunFinished,
    RunInfo,
    RunStarted,
    WarningRaised,
)
from carbonsdk.journal.records import DeviceFound, EpochEnded, IntensityKnown, RunBegan, SelectionMade, Warned
from carbonsdk.model import CarbonIntensity, Device, Zone
from carbonsdk.reports import Choice, RunReport


class Chronicle:
    """Puts what happens on record and then tells the sinks, from any thread. Epochs are on record before they come here.

    `plan` is replaced when the run goes on as a later attempt of another.
    """

    def __init__(self, plan: Plan, scribe: Scribe, *, clock: Clock, ledger: Ledger) -> None:
        self.plan = plan
        self._scribe, self._clock, self._ledger = scribe, clock, ledger

    @property
    def _run(self) -> RunInfo:
        return self.plan.info

    def _now_unix_ns(self) -> int:
        return self._clock.wall_ns(self._clock.monotonic_ns())

    def run_began(self, head: RunBegan) -> None:
        """Write the first record."""
        self._scribe.note(head)
        self._scribe.tell(lambda: RunStarted(head.run))

    def warned(self, text: str) -> None:
        """Record and tell a warning."""
        self._scribe.note(Warned(self._now_unix_ns(), text))
        self._scribe.tell(lambda: WarningRaised(self._run, text))

    def devices_chosen(self, adopted: Sequence[tuple[int, Device]], choices: tuple[Choice, ...]) -> None:
        """Record and tell the devices that are measured from now on, by their index, and all that was chosen so far."""
        now_ns = self._now_unix_ns()
        for index, device in adopted:
            # Of a process's part nobody knows what of it is idle; the policy "active" takes that off instead.
            baseline = None if self.plan.share_policy else self.plan.baselines.of(device)
            self._scribe.note(DeviceFound(index, device, now_ns, baseline))
        self._scribe.note(SelectionMade(choices))
        devices = tuple(account.device for account in self._ledger.accounts)
        self._scribe.tell(lambda: DevicesChosen(self._run, devices, choices))

    def intensity_found(self, zone: Zone, values: Sequence[CarbonIntensity]) -> None:
        """Record carbon intensities, and tell the newest."""
        self._scribe.note(IntensityKnown(zone, tuple(values)))
        if values:
            self._scribe.tell(lambda: IntensityFound(self._run, zone, values[-1]))

    def epoch_ended(self, ended: EpochEnded) -> None:
        """Tell of an epoch that ended."""
        if self._scribe.has_listeners:
            self._scribe.tell(lambda: EpochFinished(self._run, self._scribe.assembly.epoch_report(ended)))

    def epoch_corrected(self, ended: EpochEnded) -> None:
        """Tell of an epoch whose figures are final now."""
        if self._scribe.has_listeners:
            self._scribe.tell(lambda: EpochCorrected(self._run, self._scribe.assembly.epoch_report(ended)))

    def run_finished(self, report: RunReport) -> None:
        """Tell of the end of the run."""
        self._scribe.tell(lambda: RunFinished(self._run, report))
