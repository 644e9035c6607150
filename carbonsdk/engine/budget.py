"""The most that a run may use, and what happens when it has."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from carbonsdk import units
from carbonsdk.errors import BudgetExceeded, SettingsError

if TYPE_CHECKING:
    from carbonsdk.engine.session import Session

_USED = "the run has used"
_CHEAP_S = 0.005
_SPARING = 100
OnBudget = str | Callable[[BudgetExceeded], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that a run may use, all its attempts together: energy of its devices, CO2eq, time.

    ::

        CarbonTracker(epochs=100, budget=ct.Budget(kwh=20, hours=48), on_budget="raise")

    Checked at the end of each epoch; with `forecast` what the whole run is most likely to use is checked as well, as soon as
    it can be told. After days of short epochs this is done less often, so that it takes a hundredth of the time at most. Raises
    SettingsError where there is no limit at all, or one that is not above 0.
    """

    kwh: float | None = None
    grams: float | None = None
    hours: float | None = None
    forecast: bool = False

    def __post_init__(self) -> None:
        given = {"kwh": self.kwh, "grams": self.grams, "hours": self.hours}
        if all(limit is None for limit in given.values()):
            raise SettingsError("a Budget needs a limit: give kwh, grams or hours")
        for name, limit in given.items():
            if limit is not None and not _is_positive(limit):
                raise SettingsError(f"Budget({name}=…) must be a number above 0, not {limit!r}")


class _Amounts(NamedTuple):
    """What is used, or will have been, of each thing that a budget can limit; None where that is unknown."""

    kwh: float | None
    grams: float | None
    hours: float | None


class BudgetRule:
    """Checks one run against its budget. Runs in the training thread, at the edges of epochs."""

    def __init__(self, budget: Budget, on_budget: OnBudget, session: "Session") -> None:
        self._budget, self._on_budget, self._session = budget, on_budget, session
        self._earlier: _Amounts | None = None
        self._told: set[str] = set()
        self._cost_s = self._rests_until_s = 0.0

    def before_first(self) -> None:
        """Check what earlier attempts of the run have left; raises as `check` does."""
        if self._session.plan.info.attempt > 1:
            self._judge(_USED, self._before)

    def check(self) -> None:
        """Check the run so far, and its forecast where that is wished; raise BudgetExceeded if the user asked for it.

        An excess is told once: of the forecast, and of what was used.
        """
        if _USED in self._told or time.monotonic() < self._rests_until_s:
            return
        begun_s = time.thread_time()
        try:
            self._check()
        finally:
            self._rest(time.thread_time() - begun_s)

    def _rest(self, cost_s: float) -> None:
        # A month has thousands of intensities to add up. What one check alone costs more (an import) says nothing of the next.
        usual_s, self._cost_s = min(cost_s, self._cost_s), cost_s
        self._rests_until_s = 0.0 if usual_s < _CHEAP_S else time.monotonic() + _SPARING * usual_s

    def _check(self) -> None:
        report = self._session.report()
        self._judge(_USED, self._with_earlier(report.energy.joules, report.co2eq_grams, report.duration_s))
        if not self._budget.forecast or self._told:
            return
        forecast = self._session.forecast()
        if forecast is not None:
            grams = None if forecast.co2eq_grams is None else forecast.co2eq_grams.value
            ahead = self._with_earlier(forecast.energy_joules.value, grams, forecast.duration_s.value)
            self._judge("the run is forecast to use", ahead)

    @property
    def _before(self) -> _Amounts:
        """Return what earlier attempts have used; read once, and only where there were any."""
        plan = self._session.plan
        if self._earlier is None:
            if plan.info.attempt == 1 or plan.record is None:
                self._earlier = _Amounts(0.0, 0.0, 0.0)
            else:
                from carbonsdk.runs import spent

                self._earlier = _amounts(*spent(plan.record.parent, plan.info.rank, but=plan.record))
        return self._earlier

    def _with_earlier(self, joules: float | None, grams: float | None, seconds: float) -> _Amounts:
        pairs = zip(_amounts(joules, grams, seconds), self._before, strict=True)
        return _Amounts(*(None if now is None or then is None else now + then for now, then in pairs))

    def _judge(self, how: str, amounts: _Amounts) -> None:
        excesses = list(self._excesses(amounts))
        if not excesses or how in self._told:
            return
        self._told.add(how)
        exceeded = BudgetExceeded(f"{how} {', '.join(excesses)}")
        if callable(self._on_budget):
            self._on_budget(exceeded)
            return
        self._session.notices.warn(str(exceeded))
        if self._on_budget == "raise":
            raise exceeded

    def _excesses(self, amounts: _Amounts) -> Iterator[str]:
        for name, unit, amount in zip(_Amounts._fields, ("kWh", "gCO2eq", "h"), amounts, strict=True):
            limit = getattr(self._budget, name)
            if limit is None:
                continue
            if amount is None:
                self._session.notices.warn(f"the budget of {limit:g} {unit} cannot be checked: what is used is not known")
            elif amount > limit:
                yield f"{amount:.4g} {unit} of its budget of {limit:g} {unit}"


def _amounts(joules: float | None, grams: float | None, seconds: float) -> _Amounts:
    return _Amounts(None if joules is None else units.kwh(joules), grams, seconds / units.SECONDS_PER_HOUR)


def _is_positive(limit: object) -> bool:
    return isinstance(limit, int | float) and not isinstance(limit, bool) and 0 < limit < math.inf
