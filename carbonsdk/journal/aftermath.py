"""What is known of a process that never said how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass

from carbonsdk.journal.records import EpochEnded, OpenEpoch, SlotClosed, StateNoted, Use

CUT_SHORT = "the process ended before the epoch did"


@dataclass(slots=True)
class _Curve:
    """How far one device's curve is known."""

    at_ns: int
    joules: float | None = None
    observed_ns: float = 0.0
    noise_joules: float = 0.0
    reason: str | None = None

    def rise(self, at_ns: int, joules: float | None, *, coverage: float) -> None:
        """Take in a later point; a curve never falls."""
        if joules is None or at_ns <= self.at_ns:
            return
        self.observed_ns += coverage * (at_ns - self.at_ns)
        self.at_ns = at_ns
        self.joules = max(joules, self.joules or 0.0)


def last_known(state: StateNoted, start_ns: int, epochs: Iterable[EpochEnded], slot: SlotClosed | None) -> StateNoted:
    """Return `state`, brought up to the newest epoch's end or slot's end after it."""
    curves: dict[int, _Curve] = {}
    for use in state.uses:
        observed_ns = use.coverage * (state.at_ns - start_ns)
        curves[use.device] = _Curve(state.at_ns, use.joules, observed_ns, use.noise_joules, use.reason)
    later = sorted((epoch for epoch in epochs if epoch.end_ns > state.at_ns), key=lambda epoch: epoch.end_ns)
    for epoch in later:
        for use in epoch.uses:
            reached = None if use.joules is None else use.start_joules + use.joules
            curve = curves.setdefault(use.device, _Curve(start_ns))
            curve.rise(epoch.end_ns, reached, coverage=use.coverage)
            curve.noise_joules = max(curve.noise_joules, use.noise_joules)
    for index, joules in enumerate(slot.cumulative_joules if slot else ()):
        curves.setdefault(index, _Curve(start_ns)).rise(slot.at_ns if slot else 0, joules, coverage=1.0)
    at_ns = max(state.at_ns, *(epoch.end_ns for epoch in later), slot.at_ns if slot else start_ns)
    uses = tuple(_use(index, curve, at_ns - start_ns) for index, curve in sorted(curves.items()))
    return state._replace(at_ns=at_ns, uses=uses)


def cut_short(epoch: OpenEpoch, at_ns: int) -> EpochEnded:
    """Return what is known at `at_ns` of an epoch that never ended."""
    return EpochEnded(
        epoch.number, epoch.name, epoch.start_ns, max(epoch.start_ns, at_ns), epoch.uses, partial=True, reason=CUT_SHORT
    )


def _use(index: int, curve: _Curve, duration_ns: int) -> Use:
    if curve.joules is None:
        return Use(index, 0.0, None, 0.0, 0.0, curve.reason or "no reading")
    coverage = min(1.0, curve.observed_ns / duration_ns) if duration_ns > 0 else 1.0
    return Use(index, 0.0, curve.joules, coverage, curve.noise_joules, curve.reason)
