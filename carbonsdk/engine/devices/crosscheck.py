"""Compare an energy counter with the power sensor of the same device: some counters are wrong for years unnoticed."""

from carbonsdk.model import CounterReading, PowerReading
from carbonsdk.units import NS_PER_S

TOLERANCE = 0.05
LEAST_S = 30.0
_LEAST_JOULES = 100.0
_SHORTEST_WINDOWS, _LONGEST_WINDOWS = 0.9, 1.5
PAUSE_NS = round(_SHORTEST_WINDOWS * NS_PER_S)
"""How long to wait for the next pair: averages are of a second on all boards that tell them."""


class CrossCheck:
    """The energy of one device by its counter and by its power sensor, over intervals in which both tell of the same time.

    Only averaged power is compared, at readings that are about one window apart (0.9 to 1.5: ticks of a second come a little
    early or late): the average then tells of nearly all of the interval. Instants at regular times can all fall into the same
    phase of a periodic load, and would cry wolf.
    """

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        self._counted = self._integrated = self._seconds = 0.0

    @property
    def disagreement(self) -> float | None:
        """Return by what share of the greater the two differ, or None before 30 s and 100 J were compared."""
        greater = max(self._counted, self._integrated)
        if self._seconds < LEAST_S or greater < _LEAST_JOULES:
            return None
        return abs(self._counted - self._integrated) / greater

    def add(self, at_ns: int, counter: CounterReading, power: PowerReading) -> str | None:
        """Take a pair of readings of one instant; return a sentence for people once the two differ by more than 5 %."""
        if power.window_s <= 0:
            return None
        if self._last is None:
            self._last = (at_ns, counter.joules)
            return None
        seconds = (at_ns - self._last[0]) / NS_PER_S
        if seconds < _SHORTEST_WINDOWS * power.window_s:
            return None
        joules = counter.joules - self._last[1]
        self._last = (at_ns, counter.joules)
        if seconds > _LONGEST_WINDOWS * power.window_s or joules < 0:
            return None
        self._counted += joules
        self._integrated += power.watts * seconds
        self._seconds += seconds
        return self._verdict()

    def _verdict(self) -> str | None:
        disagreement = self.disagreement
        if disagreement is None or disagreement <= TOLERANCE:
            return None
        return (
            f"its energy counter says {self._counted:.0f} J where its power sensor says {self._integrated:.0f} J"
            f" ({disagreement:.0%} apart over {self._seconds:.0f} s): the counter is what is reported"
        )
