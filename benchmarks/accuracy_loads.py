"""Random load of two sorts: one that the model of uncertainty was set by, and one that it was not."""

import math
import random
from collections.abc import Callable, Iterator

from carbonsdk.testing.profile import Point, Profile

LENGTH_S = 150.0  # longer than the epochs of a run
Stretches = list[tuple[float, float]]  # an epoch's seconds, and those of the gap behind it
Load = Callable[[random.Random, float, Stretches], Profile]


def stretches(dice: random.Random, epochs: int) -> Stretches:
    """Return epochs of 0.1 to 10 s: all adjoining, or all with gaps of 0.03 to 3 s."""
    gaps = dice.random() < 0.5
    return [(10 ** dice.uniform(-1.0, 1.0), 10 ** dice.uniform(-1.5, 0.5) if gaps else 0.0) for _ in range(epochs)]


def schematic(dice: random.Random, lead_s: float, epochs: Stretches) -> Profile:
    """Return load of some kind: steady, bursts, a staircase, slopes, work and rest, or work in the epochs alone."""
    kind = dice.choice(("steady", "bursts", "staircase", "slopes", "work", "epochs"))
    low, high = dice.uniform(20, 150), dice.uniform(150, 450)
    match kind:
        case "steady":
            return Profile.constant(high)
        case "bursts":
            return Profile.square(low, high, 10 ** dice.uniform(-1.7, 0.7), dice.uniform(0.2, 0.8))
        case "staircase":
            return Profile.steps(_walk(dice, 10 ** dice.uniform(-1.3, 0.5)))
        case "slopes":
            return Profile.trace(_walk(dice, 10 ** dice.uniform(-1.0, 0.7)))
        case "epochs":
            return Profile.steps(_inside(epochs, lead_s, low, high))
    rest_s = dice.uniform(0.2, 2.0)
    work = Profile.square(low, high, rest_s + dice.uniform(1.0, 8.0), dice.uniform(0.5, 0.9))
    return work + Profile.square(0.0, 40.0, 10 ** dice.uniform(-1.5, 0.0))


def lifelike(dice: random.Random, lead_s: float, epochs: Stretches) -> Profile:
    """Return load that no constant was set by: training steps, spikes of all sizes, or waves."""
    kind = dice.choice((_training, _spikes, _waves))
    return kind(dice, lead_s, epochs)


def _training(dice: random.Random, lead_s: float, epochs: Stretches) -> Profile:
    """Return steps of forward, backward and update, idle between epochs, starved by a loader now and then."""
    idle, work, step_s = dice.uniform(30, 90), dice.uniform(200, 420), 10 ** dice.uniform(-1.5, 0.2)
    starving, saving = dice.choice((0.0, 0.02, 0.2)), dice.choice((0.0, 0.005))

    def points() -> Iterator[Point]:
        yield 0.0, idle
        t_s = lead_s
        for epoch_s, gap_s in epochs:
            end_s = t_s + epoch_s
            while t_s < end_s:
                for share, level in ((0.35, 0.85), (0.5, 1.0), (0.15, 0.6)):
                    if t_s < end_s:
                        yield t_s, idle + (work - idle) * level * dice.gauss(1.0, 0.03)
                        t_s = min(end_s, t_s + share * step_s * dice.gauss(1.0, 0.05))
                pause_s = dice.expovariate(1 / (3 * step_s)) if dice.random() < starving else 0.0
                pause_s += dice.uniform(0.5, 2.0) if dice.random() < saving else 0.0
                if pause_s and t_s < end_s:
                    yield t_s, idle * dice.uniform(1.0, 1.5)
                    t_s = min(end_s, t_s + pause_s)
            yield end_s, idle
            t_s = end_s + gap_s

    return Profile.steps(points())


def _spikes(dice: random.Random, _lead_s: float, _epochs: Stretches) -> Profile:
    """Return a floor, and spikes whose height and length have heavy tails (Pareto)."""
    floor, mean_s = dice.uniform(40, 200), 10 ** dice.uniform(-0.7, 0.7)

    def points() -> Iterator[Point]:
        t_s = 0.0
        while t_s < LENGTH_S:
            yield t_s, floor
            t_s += dice.expovariate(1 / mean_s)
            yield t_s, min(450.0, floor + 20.0 * dice.paretovariate(1.1))
            t_s += min(5.0, 0.01 * dice.paretovariate(1.2))

    return Profile.steps(points())


def _waves(dice: random.Random, _lead_s: float, _epochs: Stretches) -> Profile:
    """Return sines of three frequencies from 0.03 to 20 Hz, around a mean that never falls to nothing."""
    parts = [Profile.constant(dice.uniform(0, 60))]
    for _ in range(3):
        period_s, swing, phase = 10 ** dice.uniform(-1.3, 1.5), dice.uniform(5, 60), dice.uniform(0, math.tau)
        turns = [each / 32 for each in range(33)]
        wave = [(turn * period_s, swing * (1.0 + math.sin(phase + math.tau * turn))) for turn in turns]
        parts.append(Profile.trace(wave, repeat=True))
    return sum(parts[1:], start=parts[0])


def _inside(epochs: Stretches, lead_s: float, low: float, high: float) -> Iterator[Point]:
    t_s = lead_s
    yield 0.0, low
    for epoch_s, gap_s in epochs:
        yield t_s, high
        yield t_s + epoch_s, low
        t_s += epoch_s + gap_s


def _walk(dice: random.Random, mean_s: float) -> Iterator[Point]:
    t_s = 0.0
    while t_s < 2 * LENGTH_S:
        yield t_s, dice.uniform(20, 450)
        t_s += dice.expovariate(1 / mean_s)


LOADS: dict[str, Load] = {"schematic": schematic, "lifelike": lifelike}
