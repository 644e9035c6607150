"""GPU counters whose steps fall anywhere: periods and phases of counters and loads drawn by chance."""

import random
from dataclasses import dataclass
from itertools import product

from accuracy_cases import LONG_S, SHORT_S, Case, judged
from accuracy_rig import machine, rig

from carbonsdk.testing.nvml import FakeGpu
from carbonsdk.testing.profile import Profile

STEPS_S = (0.02, 0.025, 0.05, 0.1)
TOTAL_WITHIN = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """How the total of some adjoining epochs fared over all draws; errors and `covered` (of all epochs) are shares.

    Where the goal is to cover, one step holds more than half a percent of the total, and nobody sees how it was drawn.
    """

    case: str
    step_s: float
    draws: int
    rms: float
    worst: float
    covered: float
    totals_count: bool

    @property
    def goal(self) -> str:
        """Return what must hold."""
        return "every total within 0.5%" if self.totals_count else "95 % of epochs covered"

    @property
    def kept(self) -> bool:
        """Return whether it does."""
        return self.worst <= TOTAL_WITHIN if self.totals_count else self.covered >= 0.95


def phases(draws: int) -> list[Phases]:
    """Play epochs of both lengths on eight boards and on one, with counters of each step."""
    plays = product(STEPS_S, (8, 1), (LONG_S, SHORT_S))
    return [_drawn(step_s, boards, seconds, draws) for step_s, boards, seconds in plays]


def _drawn(step_s: float, boards: int, seconds: float, draws: int) -> Phases:
    scores = [_one(random.Random(seed), step_s, boards, seconds) for seed in range(draws)]
    totals = [total for total, _ in scores]
    load = "eight GPUs" if boards > 1 else "one GPU, bursts"
    return Phases(
        case=f"{load}, {seconds * 1e3:.0f} ms",
        step_s=step_s,
        draws=draws,
        rms=(sum(total * total for total in totals) / draws) ** 0.5,
        worst=max(map(abs, totals)),
        covered=sum(covered for _, covered in scores) / draws,
        totals_count=boards > 1 or seconds == LONG_S or step_s < 0.05,
    )


def _one(dice: random.Random, step_s: float, boards: int, seconds: float) -> tuple[float, float]:
    """Return the error of twenty epochs together, and the share of them that is covered."""
    with machine() as on:
        on.nvml([_board(dice, number, step_s, boards) for number in range(boards)])
        on.clock.advance(dice.uniform(0.01, 0.3))
        with rig(on) as bench:
            bench.run(dice.uniform(0.1, 0.9))
            epochs = [bench.measured(seconds) for _ in range(20)]
            bench.settle()
            score = judged(Case(), bench, epochs)
            return score.total, score.covered


def _board(dice: random.Random, number: int, step_s: float, boards: int) -> FakeGpu:
    low, high, period_s, share = (60.0 + 5 * number, 300.0 + 40 * number, 0.17 + 0.11 * number, 0.6)
    if boards == 1:
        low, high, period_s, share = 50.0, 400.0, 0.2, 0.5
    return FakeGpu(
        uuid=f"GPU-{number}",
        bus_id=f"00000000:{number + 1:02x}:00.0",
        profile=shifted(low, high, period_s, share, dice.random() * period_s),
        counter_step_s=step_s * dice.uniform(0.99, 1.01),
    )


def shifted(low: float, high: float, period_s: float, share: float, by_s: float) -> Profile:
    """Return a square wave that is `by_s` further on than one that begins with its burst."""
    burst_s = share * period_s
    if by_s < burst_s:
        points = [(0.0, high), (burst_s - by_s, low), (period_s - by_s, high)]
    else:
        points = [(0.0, low), (period_s - by_s, high), (period_s - by_s + burst_s, low)]
    return Profile.steps(points, repeat_s=period_s)
