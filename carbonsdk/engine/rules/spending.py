"""What a run has used, and what it is forecast to use: all its attempts and all its processes together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from carbonsdk import units
from carbonsdk.reports import RunReport

if TYPE_CHECKING:
    from carbonsdk.engine.session import Session
    from carbonsdk.journal.claims import Part
    from carbonsdk.runs.others import Others


class Amounts(NamedTuple):
    """How much of each thing that a budget can limit; None where that is unknown."""

    kwh: float | None
    grams: float | None
    hours: float


class Spending:
    """Adds up this process, as it measures, with what lies beside its record. It sees no other host's disk."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._others: Others | None = None
        self._report: RunReport | None = None
        self._used = Amounts(None, None, 0.0)
        self._share = 1.0
        self.in_company = False  # whether other ranks were there when it was added up last

    def before(self) -> Amounts | None:
        """Return what earlier attempts have used; None where nothing is known of any."""
        attempt = self._session.plan.info.attempt
        earlier = [part for part in self._parts() if part.assembly.run_info.attempt < attempt] if attempt > 1 else []
        return _together(earlier) if any(part.assembly.devices for part in earlier) else None

    def so_far(self) -> Amounts:
        """Return what the run has used by now."""
        report = self._report = self._session.report()
        others = self._parts()
        own = _amounts(report.energy.joules, report.co2eq_grams, report.duration_s)
        if not others:
            self._used, self._share, self.in_company = own, 1.0, False
            return own
        mine, info = self._own_part(), self._session.plan.info
        self._used = _together([mine, *others])
        beside = [part for part in others if part.assembly.run_info.attempt >= info.attempt]
        self.in_company = any(part.assembly.run_info.rank != info.rank for part in beside)
        now = _together([mine, *beside]) if beside else own
        self._share = own.kwh / now.kwh if own.kwh and now.kwh else 1.0
        return self._used

    def forecast(self) -> Amounts | None:
        """Return what the run will most likely have used, seen from the last `so_far`; None where that cannot be told yet.

        Of what is to come this process is taken to use the share that it has used of this attempt.
        """
        forecast, report = self._session.forecast(), self._report
        if forecast is None or report is None:
            return None
        joules, grams = report.energy.joules, report.co2eq_grams
        ahead = _amounts(
            None if joules is None else max(0.0, forecast.energy_joules.value - joules) / self._share,
            None
            if grams is None or forecast.co2eq_grams is None
            else max(0.0, forecast.co2eq_grams.value - grams) / self._share,
            max(0.0, forecast.duration_s.value - report.duration_s),
        )
        used = self._used
        return Amounts(_sum(used.kwh, ahead.kwh), _sum(used.grams, ahead.grams), used.hours + ahead.hours)

    def _parts(self) -> "list[Part]":
        """Return the records beside one's own. A run of one process and one attempt imports no reader for it."""
        plan = self._session.plan
        if plan.record is None or (plan.info.attempt == 1 and plan.info.world_size == 1):
            return []
        if self._others is None or self._others.own != plan.record:
            from carbonsdk.runs.others import Others

            self._others = Others(plan.record)
        return self._others.parts()

    def _own_part(self) -> "Part":
        from carbonsdk.journal.claims import Part

        session, assembly = self._session, self._session.scribe.assembly
        state = session.settling.state(session.edges.stamp()) if session.alive else assembly.last_known()
        return Part(assembly, state, "running")


def _together(parts: "Sequence[Part]") -> Amounts:
    from carbonsdk.journal.merging import spent

    return _amounts(*spent(parts))


def _amounts(joules: float | None, grams: float | None, seconds: float) -> Amounts:
    return Amounts(None if joules is None else units.kwh(joules), grams, seconds / units.SECONDS_PER_HOUR)


def _sum(used: float | None, ahead: float | None) -> float | None:
    return None if used is None or ahead is None else used + ahead
