"""The newest epochs as a forecast wants them, and the sum of those before: a month of training must not grow it."""

from array import array
from dataclasses import replace
from math import isnan
from typing import NamedTuple

from carbonsdk.engine.prediction.laps import Lap
from carbonsdk.reports import Estimate, Forecast

NEWEST = 4_096
_MOST_PROVISIONAL = 10_000


class LapBook:
    """At most `NEWEST` laps; of older ones the number, the joules and the seconds. Not thread-safe."""

    def __init__(self) -> None:
        self._rows = array("d")  # start, end, start joules, end joules; NaN where unknown
        self._whole = array("b")  # whether each came to its own end
        self._provisional: dict[int, int] = {}  # the place of epochs whose joules will be corrected, by number
        self._gone = 0
        self._gone_joules = 0.0
        self._gone_s = 0.0

    def __len__(self) -> int:
        return self._gone + len(self._whole)

    def add(self, lap: Lap, *, provisional: int | None) -> None:
        """Take a lap; `provisional` is the number by which a correction of its joules will come, None where none will.

        What a signal's handler raises finds it entered or not: see `Points`.
        """
        if len(self._whole) >= NEWEST:
            self._let_go(NEWEST // 2)
        if provisional is not None:
            self._provisional[provisional] = len(self)
            if len(self._provisional) > _MOST_PROVISIONAL:
                del self._provisional[next(iter(self._provisional))]
        row = array("d", (lap.start_s, lap.end_s, *_numbers(lap)))
        whole = array("b", (lap.whole,))
        self._rows += row
        self._whole += whole

    def correct(self, number: int, lap: Lap) -> bool:
        """Take the final joules of a provisional lap; return whether it was waited for."""
        place = self._provisional.pop(number, None)
        if place is None or place < self._gone:
            return False
        row = 4 * (place - self._gone)
        self._rows[row + 2 : row + 4] = array("d", _numbers(lap))
        return True

    def _let_go(self, count: int) -> None:
        gone_s, gone_joules = self._gone_s, self._gone_joules
        for start_s, end_s, first, last in zip(*(iter(self._rows[: 4 * count]),) * 4, strict=True):
            gone_s += end_s - start_s
            gone_joules += 0.0 if isnan(last - first) else last - first
        del self._rows[: 4 * count], self._whole[:count]
        self._gone, self._gone_s, self._gone_joules = self._gone + count, gone_s, gone_joules

    def laps(self) -> list[Lap]:
        """Return the newest laps."""
        rows = zip(*(iter(self._rows.tolist()),) * 4, self._whole.tolist(), strict=True)
        return [
            Lap(start, end, None if isnan(first) else first, None if isnan(last) else last, whole=bool(whole))
            for start, end, first, last, whole in rows
        ]

    @property
    def before(self) -> "Before":
        """Return what the laps that are in the sum alone come to."""
        return Before(self._gone, self._gone_joules, self._gone_s)


class Before(NamedTuple):
    """Laps that are no longer kept one by one."""

    number: int
    joules: float
    seconds: float

    def added_to(self, made: Forecast) -> Forecast:
        """Return a forecast from the newer laps with these added; the run's own totals hold them already."""
        if not self.number:
            return made
        return replace(
            made,
            epochs_seen=made.epochs_seen + self.number,
            epochs_total=made.epochs_total + self.number,
            epochs_energy_joules=_raised(made.epochs_energy_joules, self.joules),
            epochs_duration_s=_raised(made.epochs_duration_s, self.seconds),
        )


def _numbers(lap: Lap) -> tuple[float, float]:
    nothing = float("nan")
    return (
        nothing if lap.start_joules is None else lap.start_joules,
        nothing if lap.end_joules is None else lap.end_joules,
    )


def _raised(estimate: Estimate, by: float) -> Estimate:
    return replace(estimate, value=estimate.value + by, low=estimate.low + by, high=estimate.high + by)
