"""The user's own figures, let in some days at a time: a file may hold a year of them, and a run needs some hours."""

import math
from collections import deque
from collections.abc import Iterable

from carbonsdk import units
from carbonsdk.clock import unix_ns
from carbonsdk.model import CarbonIntensity

_DAY_NS = 86_400 * units.NS_PER_S
AHEAD_NS = 3 * _DAY_NS
_SOONER_NS = _DAY_NS  # so long before the last ones end the next are let in
_MARGIN_NS = 60 * units.NS_PER_S  # a run has begun a moment before its feed


class OwnFigures:
    """Figures in order of time, each given out once. Times are Unix nanoseconds."""

    def __init__(self, values: Iterable[CarbonIntensity]) -> None:
        self._waiting = deque(sorted(values, key=_begin_ns))
        self.last_end_ns = max((_end_ns(value) for value in self._waiting), default=0)

    def take(self, start_ns: int, until_ns: int) -> list[CarbonIntensity]:
        """Return those that hold from `start_ns` on, as far as they begin before `until_ns`."""
        taken = []
        while self._waiting and _begin_ns(self._waiting[0]) < until_ns:
            value = self._waiting.popleft()
            if _end_ns(value) > start_ns - _MARGIN_NS:
                taken.append(value)
        return taken

    @property
    def due_ns(self) -> int | None:
        """Return when more are to be taken, or None where there are no more."""
        return _begin_ns(self._waiting[0]) - _SOONER_NS if self._waiting else None


def _begin_ns(value: CarbonIntensity) -> int:
    return 0 if value.start is None else unix_ns(value.start)


def _end_ns(value: CarbonIntensity) -> float:
    return math.inf if value.end is None else unix_ns(value.end)
