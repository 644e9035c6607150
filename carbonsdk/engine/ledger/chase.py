"""Watch a slow counter step: what the device used between two steps nobody sees, but when it steps can be found out.

After an edge the counter is read in short intervals until it has stepped. Then two points of the true curve are known, around
the edge: what the counter showed before is what had been used at the step before, and what it shows now, at this one.
"""

from collections.abc import Sequence
from typing import NamedTuple

from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.engine.ledger.rhythm import Rhythm
from carbonsdk.model import CounterReading, Reading

SLOWEST_NS = 10_000_000  # a counter that steps more often than this is sharp enough as it is
_SPACING = 1 / 40  # of the period, from reading to reading
_SHORTEST_NS = 1_000_000
_SHARE = 10  # of the time of a chase, at most one in so many is spent reading
_COARSE = 1 / 4  # of the stated period: a step that is known no better is not known
_PATIENCE = 2.5  # stated periods from the edge on


class Sighting(NamedTuple):
    """What had been used at an instant, by the counter: it can be off by `slack_ns` of time, and by no joule."""

    at_ns: int
    joules: float
    slack_ns: int


class _Plateau(NamedTuple):
    """What the counter showed, from the first to the latest reading of it; the clock was taken before each."""

    joules: float
    first_ns: int
    last_ns: int


class Chase:
    """One counter, watched now and then. `refresh_ns` is the longest time between two of its steps, as its backend states it.

    A counter that turns out to keep no time, or costs too much to read, is left alone.
    """

    __slots__ = ("_deadline_ns", "_plateau", "_seen", "_sure", "cost_ns", "due_ns", "refresh_ns", "rhythm")

    def __init__(self, refresh_ns: int) -> None:
        self.refresh_ns = refresh_ns
        self.rhythm = Rhythm()
        self.cost_ns = 0  # of the latest reading
        self._plateau: _Plateau | None = None
        self._seen: list[Sighting] = []
        self._sure = False  # whether it was known, at the beginning, when the counter would step
        self._deadline_ns = 0
        self.due_ns = 0  # when to read next; 0 while nothing is chased

    @property
    def _spacing_ns(self) -> int:
        wanted_ns = round(_SPACING * (self.rhythm.period_ns or self.refresh_ns))
        return max(wanted_ns, _SHORTEST_NS, _SHARE * self.cost_ns)

    def begin(self, now_ns: int) -> bool:
        """Begin, right after a reading at an edge; return whether there is anything to begin, or it is under way."""
        if self.due_ns:
            return True
        if self._plateau is None or not self.rhythm.is_kept or 2 * self._spacing_ns > _COARSE * self.refresh_ns:
            return False
        self._seen.clear()
        self._deadline_ns = now_ns + round(_PATIENCE * self.refresh_ns)
        self._sure = self.rhythm.after(self._plateau.last_ns) is not None
        self._plan(now_ns)
        return True

    def end(self) -> None:
        """End the chase without a result."""
        self.due_ns = 0

    def has_shown(self, reading: Reading) -> bool:
        """Return whether a reading is what the counter showed before."""
        return isinstance(reading, CounterReading) and self._plateau is not None and reading.joules == self._plateau.joules

    def _plan(self, now_ns: int) -> None:
        assert self._plateau is not None  # noqa: S101 - there was a reading
        expected = self.rhythm.after(self._plateau.last_ns) if self._sure else None
        early_ns = expected.at_ns - expected.slack_ns if expected is not None else 0
        self.due_ns = max(early_ns, now_ns + self._spacing_ns)

    def take(self, stamped: Stamped) -> Sequence[Sighting]:
        """Take any reading of the counter; return what is known of the steps, at the end of a chase that found them."""
        if not isinstance(stamped.reading, CounterReading):
            self.end()
            return ()
        self.cost_ns = stamped.took_ns
        before_ns = stamped.at_ns - stamped.took_ns // 2
        after_ns = before_ns + stamped.took_ns
        joules, old = stamped.reading.joules, self._plateau
        if old is not None and joules == old.joules:
            self._plateau = old._replace(last_ns=before_ns)
            if self.due_ns and after_ns < self._deadline_ns:
                self._plan(after_ns)
            else:
                self.end()
            return ()
        self._plateau = _Plateau(joules, before_ns, before_ns)
        if not self.due_ns or old is None:
            return ()
        if joules < old.joules or after_ns >= self._deadline_ns:
            self.end()
            return ()
        return self._stepped(old, after_ns, joules)

    def _stepped(self, old: _Plateau, now_ns: int, joules: float) -> Sequence[Sighting]:
        self._plan(now_ns)
        if now_ns - old.last_ns <= _COARSE * (self.rhythm.period_ns or self.refresh_ns):
            step = _between(old.last_ns, now_ns, joules)
            self.rhythm.saw(step.at_ns, step.slack_ns, follows=bool(self._seen))
        else:
            expected = self._expected(old, now_ns)
            if expected is None:
                self._seen.clear()
                return ()
            step = expected._replace(joules=joules)
        if not self._seen:
            self._seen = [Sighting(old.first_ns, old.joules, 0), step]  # where it began is known when the period is
            if not self._sure:
                return ()
        else:
            self._seen.append(step)
        self.end()
        return self._found()

    def _expected(self, old: _Plateau, now_ns: int) -> Sighting | None:
        """Return when the counter stepped by its rhythm, where readings came too late (other threads ran) to say it better."""
        expected = self.rhythm.after(old.last_ns) if self._sure else None
        if expected is None or now_ns >= expected.at_ns + self.rhythm.period_ns - expected.slack_ns:
            return None
        early_ns, late_ns = (
            max(old.last_ns, expected.at_ns - expected.slack_ns),
            min(now_ns, expected.at_ns + expected.slack_ns),
        )
        if late_ns <= early_ns:
            self.rhythm.strayed()
            return None
        return _between(early_ns, late_ns, old.joules)

    def _found(self) -> Sequence[Sighting]:
        rhythm, (before, first, *rest) = self.rhythm, self._seen
        begun_ns, slack_ns = first.at_ns - rhythm.period_ns, first.slack_ns + rhythm.slack_ns
        if before.at_ns < begun_ns - slack_ns - self.refresh_ns // 16:
            rhythm.strayed()
            return ()
        # It was shown when it was first read: the step had come by then.
        return (Sighting(min(begun_ns, before.at_ns), before.joules, slack_ns), first, *rest)


def _between(early_ns: int, late_ns: int, joules: float) -> Sighting:
    return Sighting((early_ns + late_ns) // 2, joules, (late_ns - early_ns) // 2)
