"""The forecast of a run under way: kept up in the sampler's thread, never on an epoch's path."""

import threading
from collections import deque

from carbonsdk.engine.feed import IntensityFeed
from carbonsdk.engine.forecasting.grid_ahead import carried_on, expected
from carbonsdk.engine.forecasting.lapbook import LapBook
from carbonsdk.engine.plan import Plan
from carbonsdk.engine.prediction.laps import Lap
from carbonsdk.engine.scribe import Scribe
from carbonsdk.events import ForecastMade
from carbonsdk.journal.records import EpochEnded, Use
from carbonsdk.reports import Estimate, Forecast
from carbonsdk.units import NS_PER_S

_DAY_NS = 86_400 * NS_PER_S


class Forecaster:
    """Collects the epochs that end, and forecasts where enough have."""

    def __init__(self, plan: Plan, scribe: Scribe, feed: IntensityFeed, *, start_unix_ns: int) -> None:
        self._plan, self._scribe, self._feed = plan, scribe, feed
        self._first = plan.first_epoch
        self._start_ns = start_unix_ns
        self._laps = LapBook()
        self._fresh: deque[EpochEnded] = deque()
        self._lock = threading.RLock()
        self._making = threading.RLock()  # held for milliseconds; no edge waits for it but one that asks a person
        self._seen = 0  # epochs that came to their own end
        self._made_at = 0
        self._last: EpochEnded | None = None
        self.latest: Forecast | None = None
        if self._planned and plan.epochs_before_forecast:
            # The first forecast, which is the one that people see, is made before an answer to it could come.
            feed.forecast_until(_end_of_day(start_unix_ns + _DAY_NS // 4))

    def go_on(self, plan: Plan) -> None:
        """Follow another plan: the run turned out to be the next attempt of an earlier one."""
        self._plan, self._first = plan, plan.first_epoch

    def start_at(self, number: int) -> None:
        """Take epoch `number` of those planned for the next one: a checkpoint may be behind the record."""
        self._first = number - self._seen

    @property
    def _planned(self) -> int:
        """Return how many epochs this attempt is to run: those that earlier ones left."""
        planned = self._plan.info.epochs_planned or 0
        return planned - self._first if planned > self._first else planned

    @property
    def due(self) -> bool:
        """Return whether the first forecast can be made, or there is enough new for another: 1 % more epochs."""
        least = self._plan.epochs_before_forecast
        if not self._planned or least == 0 or self._seen < max(1, least):
            return False
        return self._made_at == 0 or self._seen >= self._made_at + max(1, self._made_at // 100)

    @property
    def eager(self) -> bool:
        """Return whether the first forecast can be made: people wait for that one."""
        return self._made_at == 0 and self.due

    def saw(self, ended: EpochEnded) -> None:
        """Take an epoch that has ended; of one that broke off the energy counts, but it is no measure of the others."""
        with self._lock:
            self._fresh.append(ended)
            self._seen += _is_whole(ended)

    def _take_in(self) -> None:
        """Enter the epochs seen since; the caller holds the lock."""
        while self._fresh:
            ended = self._fresh[0]
            if self._last is None or ended.end_ns > self._last.end_ns:
                self._last = ended
            lap = self._lap(ended, whole=_is_whole(ended))
            self._laps.add(lap, provisional=ended.number if ended.provisional else None)
            del self._fresh[0]  # without a call in between: see `LapBook.add`

    def _lap(self, ended: EpochEnded, *, whole: bool = True) -> Lap:
        start_s, end_s = (ended.start_ns - self._start_ns) / NS_PER_S, (ended.end_ns - self._start_ns) / NS_PER_S
        return Lap(start_s, end_s, *_joules(ended), whole=whole)

    def corrected(self, ended: EpochEnded) -> None:
        """Take the final readings of an epoch that was seen before they came."""
        with self._lock:
            self._take_in()
            if self._laps.correct(ended.number, self._lap(ended)):
                self._made_at = self._made_at if self.latest else 0  # its energy may have been all that was wanting
            if self._last is not None and self._last.number == ended.number:
                self._last = ended

    def follow(self) -> None:
        """Make a forecast if one is due, and tell of it; wait for the one that another thread is making."""
        with self._making:
            with self._lock:
                self._take_in()
            if not self.due:
                return
            self._made_at = self._seen
            made = self.forecast()
            if made is not None:
                self.latest = made
                self._scribe.tell(lambda: ForecastMade(self._plan.info, made))

    def forecast(self) -> Forecast | None:
        """Return a forecast from the epochs so far; None while none has ended with known energy."""
        from carbonsdk.engine.prediction.whole import forecast

        planned = self._planned
        with self._lock:
            self._take_in()
            if not planned or not self._laps:
                return None
            laps, before = self._laps.laps(), self._laps.before
        made = forecast(
            laps,
            epochs_total=planned - before.number,
            intensity=self._ahead,
            grams_so_far=self._grams_until_last_end(),
        )
        return None if made is None else before.added_to(made)

    def _grams_until_last_end(self) -> float | None:
        last = self._last
        if last is None:
            return None
        uses = [Use(use.device, 0.0, use.start_joules + use.joules) for use in last.uses if use.joules is not None]
        return self._scribe.assembly.tally.carbon(self._start_ns, last.end_ns, uses).grams

    def _ahead(self, start_s: float, end_s: float) -> Estimate | None:
        start_ns = self._start_ns + int(start_s * NS_PER_S)
        end_ns = self._start_ns + int(end_s * NS_PER_S)
        self._feed.forecast_until(_end_of_day(end_ns))
        timeline = self._feed.timeline
        return expected(carried_on(timeline.pieces(start_ns, end_ns), now=timeline.at(start_ns)))


def _end_of_day(unix_ns: int) -> int:
    """Round up, so that a run that is forecast to last seconds more does not have the service asked again."""
    return -(-unix_ns // _DAY_NS) * _DAY_NS


def _is_whole(ended: EpochEnded) -> bool:
    return not ended.partial and not ended.failed


def _joules(ended: EpochEnded) -> tuple[float | None, float | None]:
    """Return the cumulative joules at both edges; None where no device is known."""
    known = [(use.start_joules, use.joules) for use in ended.uses if use.joules is not None]
    if not known:
        return None, None
    start = sum(start_joules for start_joules, _ in known)
    return start, start + sum(joules for _, joules in known)
