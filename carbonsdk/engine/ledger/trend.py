"""What a device's readings say of its power between and beyond them: how much it is, and how much it varies."""

import math

from carbonsdk.engine.ledger.accounting import Limits, Stamped
from carbonsdk.model import PowerReading
from carbonsdk.units import NS_PER_S

_SIGMAS = 1.96  # half-widths are those of a 95 % interval
_SHORTEST_NS = 1_000_000
_LAGGING_NS = 10_000_000  # a quicker sensor lags by less than an edge is sharp
_MEMORY = 12  # changes of power that an average remembers
_PRIOR = 0.4  # of the power: how much it is taken to vary before anything was seen
_HIDDEN = 0.2  # of the power: bursts that are over before they show in two readings' difference
_UNSEEN = 0.8  # of the power, and of its peak, within one step of a counter: nothing shows there at all
_ONE_STEP = 1.5  # steps
_LAG = 0.7  # of a step's energy at the peak: calibrated by benchmarks/accuracy.py on random load
_BURST = 1.5  # of the peak: more than that in a short time would have shown
_PEAK_LEFT = 0.98  # of the peak, each second


class Trend:
    """The latest power of one device, and its unrest.

    `slope` is in joules per nanosecond: the latest power reading, or a counter's rise over at least four of its steps (over
    fewer it would be the step's and not the power's). `lag_joules` is what the device used, at that power, that its sensor
    does not show yet: a sensor that is renewed every `refresh` tells, on average, of half of that ago.
    """

    __slots__ = (
        "_anchor_joules",
        "_anchor_ns",
        "_enough_ns",
        "_moves",
        "_refresh_ns",
        "_swing",
        "_turn",
        "_unrest",
        "peak",
        "slope",
    )

    def __init__(self, limits: Limits) -> None:
        self.tune(limits.refresh_ns)
        self._anchor_ns = 0
        self._anchor_joules = 0.0
        self._moves = 0
        self._unrest = 0.0  # mean square of the changes of slope
        self._turn = 0.0  # mean product of two changes in a row: negative where samples miss what happens between them
        self._swing = 0.0  # the latest change
        self.slope = 0.0
        self.peak = 0.0  # the steepest that it was lately

    def begin(self, current: Stamped, counted: float) -> None:
        """Start at a reading that has none before it, or none that counts."""
        self._anchor_ns, self._anchor_joules = current.at_ns, counted
        if isinstance(current.reading, PowerReading):
            self._lean(current.part.of(current.reading.watts, NS_PER_S) / NS_PER_S)

    def learn(self, current: Stamped, counted: float, *, joules: float, elapsed_ns: int) -> None:
        """Take in a reading: `counted` joules in all, `joules` of them in the `elapsed_ns` since the one before."""
        self.peak -= self.peak * (1 - _PEAK_LEFT) * min(1.0, elapsed_ns / NS_PER_S)
        since_ns = current.at_ns - self._anchor_ns
        if not isinstance(current.reading, PowerReading) or current.reading.window_s > 0:
            # One step of the counter may show all the energy of a refresh at once.
            self.peak = max(self.peak, joules / max(elapsed_ns, self._refresh_ns, _SHORTEST_NS))
            if since_ns < self._enough_ns:
                return
            slope = (counted - self._anchor_joules) / since_ns
        else:
            slope = current.part.of(current.reading.watts, NS_PER_S) / NS_PER_S
            if since_ns < max(self._refresh_ns, _SHORTEST_NS):
                self.slope, self.peak = slope, max(self.peak, slope)
                return
        self._anchor_ns, self._anchor_joules = current.at_ns, counted
        self._lean(slope)

    def _lean(self, slope: float) -> None:
        if self._moves == 0:
            self._unrest = (_PRIOR * slope) ** 2
            self._turn = -0.25 * self._unrest
        else:
            swing = slope - self.slope
            weight = 1 / min(self._moves + 1, _MEMORY)
            self._unrest += weight * (swing * swing - self._unrest)
            self._turn += weight * (swing * self._swing - self._turn)
            self._swing = swing
        self._moves += 1
        self.slope = slope
        self.peak = max(self.peak, slope)

    def tune(self, refresh_ns: int) -> None:
        """Take the sensor to be renewed so often."""
        self._refresh_ns = refresh_ns
        self._enough_ns = max(4 * refresh_ns, _SHORTEST_NS)  # for a counter's rise to tell the power

    @property
    def leans(self) -> bool:
        """Return whether the power is known at all, so that the curve can be drawn on beyond its newest reading."""
        return self._moves > 0

    @property
    def lag_joules(self) -> float:
        """Return what was used but does not show yet."""
        if self._refresh_ns < _LAGGING_NS:
            return 0.0
        return 0.5 * self.slope * self._refresh_ns

    def most_joules(self, duration_ns: int) -> float:
        """Return what the device can have used in some time, by the most that it drew lately."""
        return _BURST * self.peak * duration_ns

    @property
    def doubt_joules(self) -> float:
        """Return how far off a reading can be, for the step that it stands within."""
        return _LAG * self.peak * self._refresh_ns

    def missed(self, elapsed_ns: int) -> float:
        """Return the variance (J²) of what power readings so far apart miss between them.

        Samples that rise and fall in turn are too few for the bursts that they are of: each is then as good as drawn by chance.
        """
        return _SIGMAS**2 * min(max(0.0, -self._turn), 0.5 * self._unrest) * elapsed_ns * elapsed_ns

    def shape(self, width_ns: int, rise: float) -> tuple[float, float]:
        """Return how far off a straight line between two readings can be.

        The first times s (1 - s), or the second times its square root, whichever is less, at a share s of their distance.
        """
        if self._refresh_ns >= _LAGGING_NS and width_ns <= _ONE_STEP * self._refresh_ns:
            mean = max(rise, 0.0) / width_ns  # what is inferred before a mean's window may be less than nothing
            hidden = _UNSEEN * math.sqrt(mean * max(mean, self.peak))
        else:
            hidden = _HIDDEN * rise / width_ns
        spread = 0.5 * _SIGMAS**2 * self._unrest + hidden * hidden
        return 2.0 * max(rise, self.peak * width_ns), width_ns * math.sqrt(spread)

    def shape_joules(self, width_ns: int, share: float, rise: float) -> float:
        """Return how far off a straight line between two readings can be at a share of their distance."""
        most, root = self.shape(width_ns, rise)
        spread = share * (1.0 - share)
        return min(most * spread, root * math.sqrt(spread))

    def beyond_joules(self, ahead_ns: int) -> float:
        """Return how far off the latest power can lead so far beyond the newest reading."""
        spread = _SIGMAS**2 * self._unrest + _HIDDEN * self.slope * self.slope
        return ahead_ns * min(max(self.peak, self.slope), math.sqrt(spread))
