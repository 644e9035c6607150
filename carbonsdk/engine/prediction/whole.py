"""The whole run: what was used, what the epochs left will use, and what lies between them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from carbonsdk.engine.prediction.gaps import GapForecast, gaps_ahead
from carbonsdk.engine.prediction.laps import Course, Lap, joules_along, seconds_along
from carbonsdk.engine.prediction.outlook import Outlook
from carbonsdk.engine.prediction.steady import Rate, rate_of
from carbonsdk.reports import Estimate, Forecast
from carbonsdk.units import grams

IntensityAhead = Callable[[float, float], Estimate | None]
"""Give the gCO2eq/kWh of the time from one second of the run to another, or None where nothing is known."""


def forecast(
    laps: Sequence[Lap],
    *,
    epochs_total: int,
    intensity: IntensityAhead | None = None,
    grams_so_far: float | None = None,
    level: float = 0.9,
) -> Forecast | None:
    """Forecast the run of `epochs_total` epochs from those that have ended, in any order; None while none has known energy.

    `grams_so_far` are those of the energy up to the last epoch's end, `intensity` is asked about the time after it: CO2eq
    is forecast where both are known. Where more epochs ended than were planned, the run is taken to be over.
    """
    laps = sorted(laps, key=lambda lap: lap.start_s)
    joules, seconds = joules_along(laps), seconds_along(laps)
    if joules is None or seconds is None:
        return None
    left = max(0, epochs_total - len(laps))
    energy, time = _Whole.of(joules, left=left), _Whole.of(seconds, left=left)
    duration = time.run(level)
    outlook = intensity(seconds.used, duration.value) if intensity is not None and duration.value > seconds.used else None
    return Forecast(
        epochs_seen=len(laps),
        epochs_total=max(epochs_total, len(laps)),
        energy_joules=energy.run(level),
        duration_s=duration,
        co2eq_grams=_co2eq(energy, grams_so_far=grams_so_far, outlook=outlook, level=level),
        epochs_energy_joules=energy.epochs(level),
        epochs_duration_s=time.epochs(level),
        reason=_reason(energy, left=left),
    )


@dataclass(frozen=True, slots=True)
class _Whole:
    """One quantity of the whole run: its course so far, the epochs and the gaps ahead."""

    course: Course
    rate: Rate
    gaps: GapForecast

    @classmethod
    def of(cls, course: Course, *, left: int) -> "_Whole":
        # Epochs of unknown energy behind the last known total are inside no total: they count as still to come.
        ahead = left + course.trailing
        rate = rate_of(course.whole, left=ahead)
        return cls(course, rate, gaps_ahead(course.gaps, epoch=rate.level, left=ahead))

    @property
    def rest(self) -> Outlook:
        return self.rate.rest.plus(self.gaps.rest)

    def run(self, level: float) -> Estimate:
        return self.rest.estimate(self.course.used, level=level)

    def epochs(self, level: float) -> Estimate:
        """Return the union of all epochs; those that were missed are taken to be like the ones ahead."""
        missed = self.course.missing * self.rate.level
        doubt = 0.1 * missed
        overlap = min(0.0, self.gaps.rest.value)
        outlook = self.rate.rest.plus(Outlook(missed + overlap, doubt, doubt))
        return outlook.estimate(self.course.used_by_epochs, level=level)


def _co2eq(energy: _Whole, *, grams_so_far: float | None, outlook: Estimate | None, level: float) -> Estimate | None:
    """Add the grams of the rest; the doubts about its energy and about the grid are independent."""
    if grams_so_far is None:
        return None
    rest = energy.run(level)
    used = energy.course.used
    if rest.high <= used:
        return Estimate(grams_so_far, grams_so_far, grams_so_far, level)
    if outlook is None:
        return None
    ahead = grams(rest.value - used, outlook.value)
    down = math.hypot(grams(rest.value - rest.low, outlook.value), grams(rest.value - used, outlook.value - outlook.low))
    up = math.hypot(grams(rest.high - rest.value, outlook.value), grams(rest.value - used, outlook.high - outlook.value))
    value = grams_so_far + ahead
    return Estimate(value, max(grams_so_far, value - down), value + up, level)


def _reason(energy: _Whole, *, left: int) -> str | None:
    """Say what the forecast rests on."""
    course, rate = energy.course, energy.rate
    seen = len(course.epochs)
    if left == 0:
        return "every epoch has ended"
    if seen == 1:
        return "one epoch seen: it may hold a warm-up, and what comes between epochs is unknown, so the interval is wide"
    parts = [f"{seen} epochs seen"]
    if rate.put_aside:
        parts.append(
            f"the first {rate.put_aside} do not set the rate" if rate.put_aside > 1 else "the first does not set the rate"
        )
    if rate.outliers:
        parts.append(f"{rate.outliers} far off the others")
    if energy.gaps.period is not None:
        parts.append(f"something between epochs is expected every {energy.gaps.period} epochs")
    if course.missing or course.trailing:
        parts.append(f"{course.missing + course.trailing} of unknown energy")
    return "; ".join(parts)
