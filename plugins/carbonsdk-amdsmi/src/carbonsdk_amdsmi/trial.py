"""A die's energy counter held against its power for a moment, to see which of them can be believed.

Counters have been seen that stand still and that run at another speed than their resolution says, on MI100 among others
(https://github.com/ROCm/amdsmi/issues/22 and /38).
"""

from typing import Any

from carbonsdk.plugin import Clock, CounterReading, PowerReading
from carbonsdk_amdsmi.dies import Die
from carbonsdk_amdsmi.library import explain

TOLERANCE = 3.0
"""By what factor counter and power may differ over a moment: power lags behind a load that has just begun, while a wrong
resolution is off by far more."""

_NOT_KNOWN = 0xFFFF  # what fills a field that the driver does not; later releases use 2³² − 1
_FIELDS = ("current_socket_power", "average_socket_power", "socket_power")


def read_counter(amdsmi: Any, die: Die) -> CounterReading:
    """Return the energy counter; its unit is the `counter_resolution`, in microjoules."""
    count = amdsmi.amdsmi_get_energy_count(die.handle)
    ticks = count.get("energy_accumulator", count.get("power"))  # called `power` before ROCm 6.1
    return CounterReading(ticks * count["counter_resolution"] / 1e6)


def read_power(amdsmi: Any, die: Die) -> PowerReading | None:
    """Return the power, or None where the driver tells none: current from MI300 on, an average before and on Radeon."""
    field = power_field(amdsmi, die)
    return None if field is None else PowerReading(field[1])


def power_field(amdsmi: Any, die: Die) -> tuple[str, float] | None:
    """Return the field of the power that is told, and its watts."""
    info = amdsmi.amdsmi_get_power_info(die.handle)
    for field in _FIELDS:
        watts = info.get(field)
        if isinstance(watts, int | float) and 0 <= watts < _NOT_KNOWN:
            return field, float(watts)
    return None


class Trial:
    """What one die said over a moment."""

    def __init__(self, amdsmi: Any, die: Die, *, clock: Clock) -> None:
        self.die = die
        self.errors: list[str] = []
        self.field: str | None = None  # of the power
        self._amdsmi, self._clock = amdsmi, clock
        self._first_joules: float | None = None
        self._last_joules: float | None = None
        self._last: tuple[int, float] | None = None
        self._expected_joules = 0.0

    def sample(self) -> None:
        """Read counter and power once."""
        power = self._tried(power_field)
        now_ns = self._clock.monotonic_ns()
        counter = self._tried(read_counter)
        if power is not None:
            self.field, watts = power
            if self._last is not None:
                self._expected_joules += (self._last[1] + watts) / 2 * (now_ns - self._last[0]) / 1e9
            self._last = (now_ns, watts)
        if counter is not None:
            self._last_joules = counter.joules
            if self._first_joules is None:
                self._first_joules = counter.joules

    @property
    def counted_joules(self) -> float | None:
        """Return what the counter counted, or None where there is none."""
        if self._first_joules is None or self._last_joules is None:
            return None
        return self._last_joules - self._first_joules

    @property
    def silent(self) -> bool:
        """Return whether neither told of any energy, as of a second die."""
        return not self._expected_joules and not self.counted_joules

    @property
    def speed(self) -> float | None:
        """Return how many times what the power says the counter has counted, or None where they cannot be compared."""
        if self.counted_joules is None or self._expected_joules <= 0:
            return None
        return self.counted_joules / self._expected_joules

    @property
    def counter_is_good(self) -> bool:
        """Return whether the counter may be believed: it agrees with the power, or moves where there is none to ask."""
        if self.speed is None:
            return bool(self.counted_joules and self.counted_joules > 0)
        return 1 / TOLERANCE < self.speed < TOLERANCE

    def _tried(self, read: Any) -> Any:
        try:
            return read(self._amdsmi, self.die)
        except self._amdsmi.AmdSmiException as error:
            self.errors.append(explain(error))
            return None
