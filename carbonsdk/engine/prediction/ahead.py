"""The epochs behind the line: what they add up to, and what may come that was not seen."""

import math
from dataclasses import replace
from statistics import median

from carbonsdk.engine.prediction.line import OUTLIER, Line
from carbonsdk.engine.prediction.outlook import Outlook
from carbonsdk.engine.prediction.recurrence import Recurrence, recurrence

# What is believed of any run before it was seen, as shares of one epoch.
PRIOR_WANDER = 0.035  # deviation of the level of a run's rest, for no reason seen so far
SETTLED = 4  # epochs in a row that halve the variance of that: what lasted will last
PRIOR_OUTLIER = 0.5  # size of an outlier while none was seen

CHEAP = 0.02
"""How often an epoch is much cheaper than the others by itself."""

JUMP = 0.002
"""How often an epoch is the first of a new level."""


def ahead(line: Line, *, left: int, total: int) -> Outlook:
    """Add up the `left` epochs behind the line, of `total` in the run."""
    if left == 0:
        return Outlook()
    habit = recurrence([i + 1 for i in line.outliers], seen=line.count, total=line.count + left, single_repeats=False)
    outlook = _along(line, left=left, total=total).plus(_odd_ones(line, habit, left=left))
    step, share = (0.0, 0.0) if habit.period else _newest_jump(line)
    return outlook.mixed(replace(outlook, value=outlook.value + left * step), share=share) if share else outlook


def _along(line: Line, *, left: int, total: int) -> Outlook:
    beyond = (left + 1) / 2
    # A trend is trusted to go on about as long again; after that it fades.
    reach = 2 * line.count
    trusted = reach * (1 - math.exp(-beyond / reach))
    last = line.count - 1 - line.middle
    mean = max(0.1 * line.level, line.level + line.slope * (last + trusted))
    seen = left * math.hypot(line.noise * math.sqrt(1 / line.used + 1 / left), line.slope_sd * (last + beyond))
    wander = PRIOR_WANDER * line.level * math.sqrt(left / total * SETTLED / (SETTLED + line.count))
    unseen = left * math.hypot(0.5 * line.slope * (beyond - trusted), wander)
    return Outlook(left * mean, seen, seen, line.freedom).plus(Outlook(0.0, unseen, unseen))


def _odd_ones(line: Line, habit: Recurrence, *, left: int) -> Outlook:
    excess, size = _outlier(line)
    # Among few epochs an odd one may be no outlier: they may all scatter as much.
    scatter = left * size * 2 * math.sqrt(len(line.outliers)) / line.count**2
    down, up = math.hypot(habit.down * size, 0.5 * scatter), math.hypot(habit.up * size, scatter)
    return Outlook(habit.count * excess, down, up)


def _outlier(line: Line) -> tuple[float, float]:
    """Return what another outlier would add, and its size for the interval; a single one is not believed beyond an epoch."""
    if not line.excesses:
        return 0.0, PRIOR_OUTLIER * line.level
    if len(line.excesses) == 1:
        single = _believed(line, line.excesses[0])
        return single, abs(single)
    sizes = [_believed(line, excess, most=2) for excess in line.excesses]
    return median(line.excesses), math.hypot(*sizes) / math.sqrt(len(sizes))


def _believed(line: Line, excess: float, *, most: float = 1) -> float:
    """Return what an epoch exceeds the others by, bounded by so many epochs."""
    return max(-most * line.level, min(most * line.level, excess))


def _newest_jump(line: Line) -> tuple[float, float]:
    """Return by how much the newest epochs, if odd, exceed the others, and how likely that is the level from now on."""
    newest: list[float] = []
    for place, excess in zip(reversed(line.outliers), reversed(line.excesses), strict=True):
        if place != line.count - 1 - len(newest) or (newest and abs(excess - newest[0]) > OUTLIER * line.noise):
            break  # one that is as usual, or odd in another way
        newest.append(excess)
    if not newest:
        return 0.0, 0.0
    # Each by itself is odd with this probability: several in a row rather tell of a change.
    others = len(line.outliers) - len(newest)
    odd = (others + 0.5) / (line.count + 10) if newest[0] > 0 else CHEAP
    step = median(newest) if len(newest) > 1 else _believed(line, newest[0])
    return step, JUMP / (JUMP + odd ** len(newest))
