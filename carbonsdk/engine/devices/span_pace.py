"""How often to read at the edges of spans: there can be a million of them, and a reading costs more than a span."""

from collections.abc import Iterable
from typing import NamedTuple

from carbonsdk.engine.devices.source import SPARING

_SPARING = 8 * SPARING  # of the time, one part in so many is spent reading at spans' edges
_MANY = 4  # spans that are open at once
_WHERE_MANY = 8  # times as seldom
_APART_NS = 200_000  # so that a million spans do not ask a million times


class Cost(NamedTuple):
    """When a backend was read last, and what a round of that costs."""

    last_ns: int
    cost_ns: int


class SpanPace:
    """When the next reading at an edge of a span is due.

    A reading parts what one span used from what the next one does. Where many are open at once, those of many threads, it
    does so for one of them, and costs more, for the others have used the processor's caches since: there it is done more
    seldom. `spans_at_once` is to be told by who knows.

    Threads ask without a lock. What they may spoil for each other is a reading more or less.
    """

    __slots__ = ("due_ns", "spans_at_once")

    def __init__(self) -> None:
        self.due_ns = 0
        self.spans_at_once = 0.0

    def begin(self, at_ns: int) -> None:
        """Take it that a thread sees to the reading: not all are to do so at once."""
        self.due_ns = at_ns + _APART_NS

    @property
    def _sparing(self) -> int:
        return _SPARING * (_WHERE_MANY if self.spans_at_once > _MANY else 1)

    def is_due(self, at_ns: int, cost: Cost) -> bool:
        """Return whether a backend may be read again."""
        return at_ns - cost.last_ns >= self._sparing * cost.cost_ns

    def plan(self, now_ns: int, costs: Iterable[Cost]) -> None:
        """Plan the next reading, by what reading each backend costs."""
        due_ns = min((last_ns + self._sparing * cost_ns for last_ns, cost_ns in costs), default=0)
        self.due_ns = max(due_ns, now_ns + _APART_NS)
