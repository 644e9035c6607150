"""How often to read at the edges of spans: there can be a million of them, and a reading costs more than a span."""

from collections.abc import Iterable
from typing import NamedTuple

from carbonsdk.engine.devices.source import SPARING

_SPARING = 8 * SPARING  # of the time, one part in so many is spent reading at spans' edges
_MANY = 8  # edges to one that is read
_WHERE_MANY = 8  # times as seldom
_APART_NS = 200_000  # so that a million spans do not ask a million times


class Cost(NamedTuple):
    """When a backend was read last, and what a round of that costs."""

    last_ns: int
    cost_ns: int


class SpanPace:
    """When the next reading at an edge of a span is due.

    Where few edges come to one that is read, its reading parts what is before it from what is behind. Where many do, of
    short spans or of many threads, each span has its share by time whichever edges are read: there it is done more seldom.

    Threads ask without a lock. What they may spoil for each other is a reading more or less.
    """

    __slots__ = ("_sparing", "due_ns", "passed")

    def __init__(self) -> None:
        self.due_ns = 0
        self.passed = 0  # edges since the last one that was read
        self._sparing = _SPARING

    def begin(self, at_ns: int) -> None:
        """Take it that a thread sees to the reading: not all are to do so at once."""
        self.due_ns = at_ns + _APART_NS
        many = self.passed * _SPARING > _MANY * self._sparing
        self._sparing = _SPARING * (_WHERE_MANY if many else 1)
        self.passed = 0

    def is_due(self, at_ns: int, cost: Cost) -> bool:
        """Return whether a backend may be read again."""
        return at_ns - cost.last_ns >= self._sparing * cost.cost_ns

    def plan(self, now_ns: int, costs: Iterable[Cost]) -> None:
        """Plan the next reading, by what reading each backend costs."""
        due_ns = min((last_ns + self._sparing * cost_ns for last_ns, cost_ns in costs), default=0)
        self.due_ns = max(due_ns, now_ns + _APART_NS)
