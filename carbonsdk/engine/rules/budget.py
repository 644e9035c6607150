"""The most that a run may use, and what happens when it has."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbonsdk.engine.rules.spending import Amounts, Spending
from carbonsdk.engine.rules.verdict import Verdict, Verdicts
from carbonsdk.errors import BudgetExceeded, SettingsError

if TYPE_CHECKING:
    from carbonsdk.engine.session import Session

_USED, _FORECAST = "the run has used", "the run is forecast to use"
_MOST = sys.float_info.max
_CHEAP_S = 0.005
_SPARING = 100
OnBudget = str | Callable[[BudgetExceeded], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that a run may use, all its attempts and processes together: energy of its devices, CO2eq, time.

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


class BudgetRule:
    """Checks one run against its budget. Runs in the training thread, at the edges of epochs.

    In a job of several processes rank 0 finds the excesses, and all act on each at one edge (see `Verdict`). A process that
    sees no directory of rank 0's, or whose rank 0 has no budget, finds them for itself and acts at once.
    """

    def __init__(self, budget: Budget, on_budget: OnBudget, session: "Session") -> None:
        self._budget, self._on_budget, self._session = budget, on_budget, session
        self._spending = Spending(session)
        self._found: set[str] = set()
        self._begun = False
        self._verdicts: Verdicts | None = None
        self._announced: list[Verdict] = []
        self._acted = 0
        self._cost_s = self._rests_until_s = 0.0
        if budget.forecast and session.plan.info.epochs_planned is None:
            session.notices.warn("the forecast cannot be held against the budget without a number of epochs: give `epochs`")

    def before_first(self) -> None:
        """Check what earlier attempts of the run have left, which every process finds alike; raises as `check` does."""
        if self._begun:
            return
        self._begun = True
        plan = self._session.plan
        if plan.info.world_size > 1 and plan.record is not None:
            verdicts = Verdicts(plan.record.parent)
            self._verdicts = verdicts if not self._leads or verdicts.clear() else None
        used = self._spending.before()
        if used is not None:
            for excess in self._excess(_USED, used):
                self._act(excess)

    def check(self, number: int) -> None:
        """Check the run at the end of epoch `number`, and its forecast where that is wished; raise what the user asked for.

        An excess is told once: of the forecast, and of what was used.
        """
        told = self._told()
        for verdict in () if told is None else told[self._acted : self._acted + 1]:
            if verdict.number != number:
                self._acted += 1
                self._act(verdict.text)
        if told is not None and not self._leads:
            return
        for excess in self._look():
            if told is None or not self._spending.in_company:
                self._act(excess)
            else:
                self._announce(Verdict(number, excess))

    @property
    def _leads(self) -> bool:
        return self._session.plan.info.rank == 0

    def _told(self) -> Sequence[Verdict] | None:
        """Return what the processes of the job are told of excesses; None for one that is on its own."""
        if self._verdicts is None:
            return None
        return self._announced if self._leads else self._verdicts.read()

    def _announce(self, verdict: Verdict) -> None:
        self._announced.append(verdict)
        try:
            assert self._verdicts is not None  # noqa: S101 - who announces was not on its own
            self._verdicts.add(verdict)
        except OSError as error:
            self._session.notices.warn(f"the other processes cannot be told that {verdict.text}: {error.strerror or error}")

    def _act(self, excess: str) -> None:
        exceeded = BudgetExceeded(excess)
        if callable(self._on_budget):
            self._on_budget(exceeded)
        elif self._on_budget == "raise":
            raise exceeded

    def _look(self) -> list[str]:
        """Return what is found now, and was not before."""
        if _USED in self._found or time.monotonic() < self._rests_until_s:
            return []
        begun_s = time.perf_counter()
        try:
            return self._excesses()
        finally:
            self._rest(time.perf_counter() - begun_s)

    def _rest(self, cost_s: float) -> None:
        # A month has thousands of intensities to add up. What one check alone costs more (an import) says nothing of the next.
        usual_s, self._cost_s = min(cost_s, self._cost_s), cost_s
        self._rests_until_s = 0.0 if usual_s < _CHEAP_S else time.monotonic() + _SPARING * usual_s

    def _excesses(self) -> list[str]:
        used = self._spending.so_far()
        for limit, unit, amount in self._limits(used):
            if amount is None:
                self._session.notices.warn(f"the budget of {limit:g} {unit} cannot be checked: what is used is not known")
        found = self._excess(_USED, used)
        if self._budget.forecast and not self._found:
            ahead = self._spending.forecast()
            found += [] if ahead is None else self._excess(_FORECAST, ahead)
        return found

    def _excess(self, how: str, amounts: Amounts) -> list[str]:
        """Return the excess as a sentence, if there is one, and warn of it unless a call will be made."""
        over = [
            f"{amount:.4g} {unit} of its budget of {limit:g} {unit}"
            for limit, unit, amount in self._limits(amounts)
            if amount is not None and amount > limit
        ]
        if not over:
            return []
        self._found.add(how)
        excess = f"{how} {', '.join(over)}"
        if not callable(self._on_budget):
            self._session.notices.warn(excess)
        return [excess]

    def _limits(self, amounts: Amounts) -> Iterator[tuple[float, str, float | None]]:
        given = (self._budget.kwh, self._budget.grams, self._budget.hours)
        for limit, unit, amount in zip(given, ("kWh", "gCO2eq", "h"), amounts, strict=True):
            if limit is not None:
                yield limit, unit, amount


def _is_positive(limit: object) -> bool:
    return isinstance(limit, int | float) and not isinstance(limit, bool) and 0 < limit <= _MOST
