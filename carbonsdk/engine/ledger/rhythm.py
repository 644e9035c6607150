"""The period and the phase of a counter's steps, as far as they keep one."""

from typing import NamedTuple

_LOST = 0.25  # of the period: a phase that may be further off than that is none
_JITTER = 1 / 16  # of the period: what a step may come early or late by and still be taken to keep time
_LEAST_JITTER = 1 / 64  # of a counter whose steps have all kept time
_PATIENCE = 3  # so many more steps out of time than in time, and the counter is taken to have no period


class Expected(NamedTuple):
    """When a counter is to step next, and by how much that can be wrong."""

    at_ns: int
    slack_ns: int


class Rhythm:
    """What steps that were watched say of those that were not. The longer the time between them, the surer the period."""

    __slots__ = (
        "_anchor_ns",
        "_anchor_slack_ns",
        "_counted",
        "_jitter",
        "_least_jitter",
        "_origin_ns",
        "_origin_slack_ns",
        "_strays",
        "period_ns",
        "slack_ns",
    )

    def __init__(self) -> None:
        self.period_ns = 0  # until two steps in a row were seen
        self.slack_ns = 0  # of the period
        self._anchor_ns = self._anchor_slack_ns = 0
        self._origin_ns = self._origin_slack_ns = 0
        self._counted = 0  # periods from the origin to the anchor
        self._strays = 0
        self._jitter = _JITTER
        self._least_jitter = _LEAST_JITTER

    @property
    def is_kept(self) -> bool:
        """Return whether the counter may have a period at all."""
        return self._strays < _PATIENCE

    def after(self, at_ns: int) -> Expected | None:
        """Return the first step that may still come after an instant, or None where nobody can tell."""
        if not self.period_ns:
            return None
        slack_ns = self._slack_after(max(1, -(-(at_ns - self._anchor_ns) // self.period_ns)))
        if slack_ns > _LOST * self.period_ns:
            return None
        periods = max(1, -(-(at_ns - slack_ns - self._anchor_ns) // self.period_ns))
        return Expected(self._anchor_ns + periods * self.period_ns, slack_ns)

    def _slack_after(self, periods: int) -> int:
        return self._anchor_slack_ns + periods * self.slack_ns + round(self._jitter * self.period_ns)

    def saw(self, at_ns: int, slack_ns: int, *, follows: bool) -> None:
        """Take in a step; `follows` says that it is the very next after the one that was seen before."""
        gap_ns = at_ns - self._anchor_ns
        periods = 1 if follows else round(gap_ns / self.period_ns) if self.period_ns else 0
        open_ns = slack_ns + self._slack_after(periods)
        if not self.period_ns or open_ns > 2 * _LOST * self.period_ns:
            self._begin(at_ns, slack_ns, gap_ns if follows else 0)
        elif abs(gap_ns - periods * self.period_ns) > open_ns:
            self.strayed()
            self._begin(at_ns, slack_ns, gap_ns if follows else 0)
        else:
            self._strays = max(0, self._strays - 1)
            self._jitter = max(self._least_jitter, self._jitter / 2)
            self._count(at_ns, slack_ns, periods)
        self._anchor_ns, self._anchor_slack_ns = at_ns, slack_ns

    def _begin(self, at_ns: int, slack_ns: int, period_ns: int) -> None:
        if period_ns:
            self.period_ns, self.slack_ns = period_ns, slack_ns + self._anchor_slack_ns
            self._origin_ns, self._origin_slack_ns, self._counted = self._anchor_ns, self._anchor_slack_ns, 1
        else:
            self._origin_ns, self._origin_slack_ns, self._counted = at_ns, slack_ns, 0

    def _count(self, at_ns: int, slack_ns: int, periods: int) -> None:
        self._counted += periods
        spread_ns = -(-(slack_ns + self._origin_slack_ns) // self._counted)
        if spread_ns <= self.slack_ns:
            self.period_ns, self.slack_ns = (at_ns - self._origin_ns) // self._counted, spread_ns

    def strayed(self) -> None:
        """Note a step out of time."""
        self._strays += 1
        self._jitter = self._least_jitter = _JITTER
