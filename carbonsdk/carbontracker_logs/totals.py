"""The sum over logged runs, and the sentence to cite it with."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carbonsdk import units
from carbonsdk.carbontracker_logs.values import LoggedRun, LoggedUse
from carbonsdk.equivalents import TABLE, Equivalent, Factor, equivalents
from carbonsdk.figures import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Energy and CO2eq of several runs, the PUE of each log included.

    `runs` have a figure, of which `predicted` have only a forecast for the epochs that were not measured; `unknown` have none
    and are not in the sum. `without_grams` have energy but no CO2eq. `corrected` are runs whose log averages the powers of
    several devices where it should add them; here they are added.
    """

    energy_joules: float | None
    grams: float | None
    equivalents: tuple[Equivalent, ...]
    runs: int
    predicted: int = 0
    unknown: int = 0
    without_grams: int = 0
    corrected: int = 0
    programs: tuple[str, ...] = ()

    @property
    def kwh(self) -> float | None:
        """Return the energy in kilowatt-hours, or None where no run has any."""
        return None if self.energy_joules is None else units.kwh(self.energy_joules)

    @property
    def sentence(self) -> str:
        """Return the sentence for a paper, followed by what is missing from it."""
        if self.kwh is None:
            return "The energy used by the training of models in this work is unknown: none of the logs holds a consumption."
        text = f"The training of models in this work is estimated to use {plain(self.kwh, digits=4)} kWh of electricity"
        if self.grams is not None:
            text += f" contributing to {plain(self.grams / 1000, digits=4)} kg of CO2eq"
        text += "."
        if self.equivalents:
            text += f" This is equivalent to {' or '.join(each.text for each in self.equivalents)}."
        if self.programs:
            text += f" Measured by {', '.join(self.programs)}, added up by carbonsdk."
        return " ".join([text, *self.remarks])

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what a reader of the sentence must know."""
        counted = (
            (self.unknown, "{} without a consumption not included."),
            (self.without_grams, "{} without carbon intensity included in the energy alone."),
            (self.predicted, "{} included as predicted, since not all epochs were measured."),
            (self.corrected, "{} corrected, since the log averages devices that it should add."),
        )
        return tuple(text.format(f"{count} run{'s' if count > 1 else ''}") for count, text in counted if count)


@dataclass(frozen=True, slots=True)
class _Share:
    kwh: float
    grams: float | None
    predicted: bool
    corrected: bool


def total(runs: Sequence[LoggedRun], *, table: Iterable[Factor] = TABLE) -> Total:
    """Return the sum: what each run used; or was predicted to use, where it went on after measuring ended."""
    shares = [(run, _share(run)) for run in runs]
    known = [(run, share) for run, share in shares if share is not None]
    grams = [share.grams for _, share in known if share.grams is not None]
    sum_grams = math.fsum(grams) if grams else None
    return Total(
        energy_joules=units.joules(math.fsum(share.kwh for _, share in known)) if known else None,
        grams=sum_grams,
        equivalents=equivalents(sum_grams, table=table),
        runs=len(known),
        predicted=sum(share.predicted for _, share in known),
        unknown=len(runs) - len(known),
        without_grams=len(known) - len(grams),
        corrected=sum(share.corrected for _, share in known),
        programs=tuple(dict.fromkeys(f"{run.program} {run.version or '(version unknown)'}" for run, _ in known)),
    )


def _share(run: LoggedRun) -> _Share | None:
    actual, predicted = _known(run.actual), _known(run.predicted)
    if actual is not None and not (predicted is not None and _went_on(run, actual, predicted)):
        return _told(run, actual, predicted=False)
    if actual is None and run.measured_kwh is not None:
        # The log was cut off before the consumption was told: what was measured until then was used.
        return _measured(run)
    return None if predicted is None else _told(run, predicted, predicted=True)


def _measured(run: LoggedRun, *, planned: int | None = None, grams: float | None = None) -> _Share | None:
    """Return what the epochs add up to, or as many as were `planned` would; `grams` where the log has no intensity."""
    kwh, grams_per_kwh = run.measured_kwh, run.grams_per_kwh
    if kwh is None:
        return None
    kwh *= planned / len(run.epochs) if planned else 1.0
    grams = grams if grams_per_kwh is None else kwh * grams_per_kwh
    return _Share(kwh, grams, predicted=planned is not None, corrected=bool(run.averaged))


def _known(use: LoggedUse | None) -> LoggedUse | None:
    return use if use is not None and use.kwh is not None else None


def _went_on(run: LoggedRun, actual: LoggedUse, predicted: LoggedUse) -> bool:
    measured, planned = actual.epochs, predicted.epochs
    return not run.early_stop and measured is not None and planned is not None and measured < planned


def _told(run: LoggedRun, use: LoggedUse, *, predicted: bool) -> _Share:
    factor = run.averaging_factor
    grams = None if use.grams is None else use.grams * factor
    if use.rough and (use.epochs or not predicted):
        # A few watt-hours that were rounded to thousandths of a kilowatt-hour are better added up again.
        again = _measured(run, planned=use.epochs if predicted else None, grams=grams)
        if again is not None:
            return again
    return _Share((use.kwh or 0.0) * factor, grams, predicted=predicted, corrected=factor > 1.0)
