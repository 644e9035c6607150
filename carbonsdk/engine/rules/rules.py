"""What a user asked to happen at the edges of epochs: when measuring ends, what is raised, and when a person is asked."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from carbonsdk.errors import MeasurementFault, RunDeclined, SettingsError
from carbonsdk.journal.records import EpochEnded
from carbonsdk.settings import Settings

if TYPE_CHECKING:
    from carbonsdk.engine.rules.budget import BudgetRule
    from carbonsdk.engine.session import Session

_DRAIN_S = 1.0


class Rules:
    """Runs in the training thread, at the edges; raises only what the user asked for."""

    def __init__(self, settings: Settings, session: "Session") -> None:
        self._settings, self._session = settings, session
        self._measured = 0
        # Of the processes of a job one asks: they may share a terminal.
        self._asked = not settings.stop_and_confirm or session.plan.info.rank != 0
        self._budget = _budget_rule(settings, session)
        session.measuring.before_epoch = self._before
        session.measuring.after_epoch = self._after

    def _before(self) -> None:
        self._mind_faults()
        if self._budget is not None:
            self._budget.before_first()

    def _after(self, ended: EpochEnded) -> None:
        self._measured += 1
        self._mind_faults()
        self._confirm()
        monitored = self._settings.monitor_epochs
        if 0 < monitored <= self._measured:
            self._session.stop(f"{self._measured} epoch(s) were measured, as monitor_epochs asked")
        if self._budget is not None:
            self._budget.check(ended.number)

    def end_after_last(self) -> None:
        """End the run if the last planned epoch has ended: with `epoch_end` nothing else says so."""
        if self._settings.epochs is not None and self._measured >= self._settings.epochs and self._session.alive:
            self._session.stop("the last epoch has ended")

    def _mind_faults(self) -> None:
        fault = self._session.notices.first_fault
        if fault is None or self._settings.ignore_errors is None:
            return
        if self._settings.ignore_errors:
            reason = f"measuring ended at a fault, as ignore_errors=True asks ({fault})"
            if self._session.alive:
                self._session.notices.warn(f"{reason}; the training goes on")
            self._session.stop(reason)
            return
        self._session.notices.first_fault = None  # told once
        raise MeasurementFault(fault)

    def _confirm(self) -> None:
        wanted = self._session.plan.epochs_before_forecast
        if self._asked or wanted == 0 or self._measured < wanted:
            return
        self._asked = True
        from carbonsdk.engine.rules.confirmation import confirmed

        self._session.forecaster.follow()
        self._session.scribe.drain(_DRAIN_S)  # the forecast stands on the screen before the question does
        answer = confirmed(sys.stdin, sys.stdout)
        if answer is None:
            self._session.notices.warn("stop_and_confirm: there is no terminal to ask on, so the run goes on")
        elif not answer:
            self._session.stop("the run was declined after its forecast")
            raise RunDeclined("the run was declined after its forecast")


def _budget_rule(settings: Settings, session: "Session") -> "BudgetRule | None":
    budget = settings.budget
    if budget is None:
        return None
    from carbonsdk.engine.rules.budget import Budget, BudgetRule

    if not isinstance(budget, Budget):
        raise SettingsError(f"budget must be a carbonsdk.Budget, such as Budget(kwh=2.5), not {budget!r:.80}")
    if callable(settings.on_budget) and not _takes_one(settings.on_budget):
        raise SettingsError("on_budget is called with the BudgetExceeded, so it must take one argument")
    return BudgetRule(budget, settings.on_budget, session)


def _takes_one(call: Callable[..., object]) -> bool:
    """Return whether a call may be made with one argument; of what does not tell (some of C's own), believe it."""
    import inspect

    try:
        signature = inspect.signature(call)
    except (ValueError, TypeError):
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True
