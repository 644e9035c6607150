"""Made-up training runs of many kinds, each with a seed: what a forecast meets besides real traces.

The kinds in DESIGN were looked at while the forecast and its constants were chosen; those in HELD_OUT were only scored.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Run:
    """Seconds and watts of each epoch and of the gap behind each; `lead_s` passes before the first."""

    epoch_s: list[float]
    epoch_watts: list[float]
    lead_s: float = 0.0
    gap_s: list[float] = field(default_factory=list)
    gap_watts: float = 0.0

    def scale(self, factors: list[float]) -> None:
        """Multiply each epoch's time."""
        self.epoch_s = [seconds * factor for seconds, factor in zip(self.epoch_s, factors, strict=True)]

    def edges(self) -> tuple[list[tuple[float, float, float, float]], float, float]:
        """Return (start_s, end_s, start_joules, end_joules) of each epoch, and the whole run's seconds and joules."""
        now, joules = self.lead_s, self.lead_s * self.gap_watts
        laps = []
        for seconds, watts, gap in zip(self.epoch_s, self.epoch_watts, self.gap_s, strict=True):
            start, start_joules = now, joules
            now, joules = now + seconds, joules + seconds * watts
            laps.append((start, now, start_joules, joules))
            now, joules = now + gap, joules + gap * self.gap_watts
        return laps, now, joules


def _plain(rng: random.Random, *, noise: float | None = None) -> Run:
    """Start from a run with nothing but noise, of 8 to 120 epochs."""
    count = round(math.exp(rng.uniform(math.log(8), math.log(120))))
    seconds, watts = rng.uniform(10, 600), rng.uniform(100, 5000)
    sigma = math.exp(rng.uniform(math.log(0.002), math.log(0.03))) if noise is None else noise
    return Run(
        epoch_s=[seconds * rng.lognormvariate(0, sigma) for _ in range(count)],
        epoch_watts=[watts * rng.lognormvariate(0, 0.004) for _ in range(count)],
        lead_s=rng.choice([0.0, rng.uniform(1, 60)]),
        gap_s=[seconds * rng.uniform(0, 0.004) for _ in range(count)],
        gap_watts=watts * rng.uniform(0.3, 0.9),
    )


def steady(rng: random.Random) -> Run:
    return _plain(rng)


def compiled(rng: random.Random, run: Run | None = None) -> Run:
    """The first epoch compiles and fills caches."""
    run = run or _plain(rng)
    run.epoch_s[0] *= 1 + rng.choice([rng.uniform(0.01, 0.1), rng.uniform(0.1, 2.0)])
    return run


def drift(rng: random.Random, run: Run | None = None) -> Run:
    """Epochs become longer or shorter all along."""
    run = run or _plain(rng)
    total, count = rng.uniform(-0.12, 0.12), len(run.epoch_s)
    run.scale([1 + total * i / count for i in range(count)])
    return run


def outliers(rng: random.Random, run: Run | None = None) -> Run:
    """Some epochs share the machine with another job."""
    run = run or _plain(rng)
    share = rng.uniform(0.01, 0.08)
    run.scale([1 + (rng.uniform(0.15, 1.5) if rng.random() < share else 0.0) for _ in run.epoch_s])
    return run


def evaluation(rng: random.Random, run: Run | None = None) -> Run:
    """An evaluation after every k-th epoch."""
    run = run or _plain(rng)
    every, seconds = rng.choice([1, 1, 2, 3, 4, 5, 10]), run.epoch_s[1] * rng.uniform(0.02, 0.25)
    run.gap_s = [
        gap + (seconds * rng.lognormvariate(0, 0.03) if (i + 1) % every == 0 else 0.0) for i, gap in enumerate(run.gap_s)
    ]
    return run


def mixed(rng: random.Random) -> Run:
    run = _plain(rng)
    for change in (compiled, drift, outliers, evaluation):
        if rng.random() < 0.6:
            run = change(rng, run)
    return run


def settling(rng: random.Random) -> Run:
    """The warm-up fades over several epochs."""
    run = _plain(rng)
    height, length = rng.uniform(0.05, 1.0), rng.uniform(0.5, 3)
    run.scale([1 + height * math.exp(-i / length) for i in range(len(run.epoch_s))])
    return run


def heavy_tails(rng: random.Random) -> Run:
    """Student's t with three degrees of freedom."""
    run = _plain(rng, noise=0.001)
    sigma = rng.uniform(0.005, 0.04)
    run.scale([max(0.5, 1 + sigma * rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 1 / 1.5))) for _ in run.epoch_s])
    return run


def shift(rng: random.Random) -> Run:
    """Once, the level changes for good."""
    run = _plain(rng)
    place, step = rng.randrange(1, len(run.epoch_s)), rng.choice([-1, 1]) * rng.uniform(0.03, 0.25)
    run.scale([1 + (step if i >= place else 0.0) for i in range(len(run.epoch_s))])
    return run


def wander(rng: random.Random) -> Run:
    """The level does a random walk."""
    run = _plain(rng)
    level, step = 1.0, rng.uniform(0.001, 0.012)
    levels = []
    for _ in run.epoch_s:
        levels.append(level)
        level *= rng.lognormvariate(0, step)
    run.scale(levels)
    return run


def evaluation_inside(rng: random.Random) -> Run:
    """Every k-th epoch holds its own evaluation."""
    run = _plain(rng)
    every, share = rng.choice([2, 3, 5, 10]), rng.uniform(0.03, 0.25)
    run.scale([1 + (share if (i + 1) % every == 0 else 0.0) for i in range(len(run.epoch_s))])
    return run


def everything(rng: random.Random) -> Run:
    """A fading warm-up, drift, tails, an evaluation and a checkpoint."""
    run = heavy_tails(rng)
    length, height, total, count = rng.uniform(0.3, 2), rng.uniform(0.02, 0.6), rng.uniform(-0.06, 0.06), len(run.epoch_s)
    run.scale([(1 + height * math.exp(-i / length)) * (1 + total * i / count) for i in range(count)])
    run = evaluation(rng, run)
    return outliers(rng, run) if rng.random() < 0.5 else run


def caching(rng: random.Random) -> Run:
    """The first two to four epochs read from a slow disk."""
    run = _plain(rng)
    slow, factor = rng.randint(2, 4), rng.uniform(1.05, 2.5)
    run.scale([factor if i < slow else 1.0 for i in range(len(run.epoch_s))])
    return run


def skewed(rng: random.Random) -> Run:
    """Epochs are never much shorter than usual, but often somewhat longer."""
    run = _plain(rng, noise=0.003)
    mean = rng.uniform(0.01, 0.08)
    run.scale([1 + rng.expovariate(1 / mean) for _ in run.epoch_s])
    return run


def two_periods(rng: random.Random) -> Run:
    """An evaluation after every epoch or every other one, and a checkpoint now and then."""
    run = _plain(rng)
    often, rarely = rng.choice([1, 2]), rng.choice([5, 10])
    short, long = (run.epoch_s[1] * rng.uniform(0.01, 0.1) for _ in range(2))
    run.gap_s = [
        gap + (short if (i + 1) % often == 0 else 0.0) + (long if (i + 1) % rarely == 0 else 0.0)
        for i, gap in enumerate(run.gap_s)
    ]
    return run


def swinging(rng: random.Random) -> Run:
    """Day and night, or other tenants: the level swings slowly."""
    run = _plain(rng)
    height, period, phase = rng.uniform(0.01, 0.06), rng.uniform(6, 60), rng.uniform(0, math.tau)
    run.scale([1 + height * math.sin(phase + math.tau * i / period) for i in range(len(run.epoch_s))])
    return run


def scattered(rng: random.Random) -> Run:
    """No two epochs are alike: they scatter by 4 to 20 %."""
    return _plain(rng, noise=rng.uniform(0.04, 0.2))


def heating(rng: random.Random) -> Run:
    """The machine draws more as it becomes hot; often behind a dear first epoch."""
    run = _plain(rng, noise=math.exp(rng.uniform(math.log(0.0003), math.log(0.005))))
    rise, length = rng.uniform(0.003, 0.04), rng.uniform(0.5, 8)
    run.epoch_watts = [watts * (1 - rise * math.exp(-i / length)) for i, watts in enumerate(run.epoch_watts)]
    return compiled(rng, run) if rng.random() < 0.6 else run


def slow_loader(rng: random.Random) -> Run:
    """Some epochs wait for their data, each a little or long."""
    run = _plain(rng, noise=0.004)
    share, mean = rng.uniform(0.1, 0.7), rng.uniform(0.02, 0.15)
    run.scale([1 + (rng.expovariate(1 / mean) if rng.random() < share else 0.0) for _ in run.epoch_s])
    return run


def throttled(rng: random.Random) -> Run:
    """Soon the machine is hot: less power for longer epochs, for good or on and off."""
    run = _plain(rng)
    start, slower, lasting = rng.randint(1, 8), rng.uniform(0.02, 0.2), rng.choice([10**6, 10**6, rng.randint(2, 6)])
    hot = [i >= start and (i - start) // lasting % 2 == 0 for i in range(len(run.epoch_s))]
    run.scale([1 + slower * one for one in hot])
    weaker = slower * rng.uniform(0.3, 0.9)
    run.epoch_watts = [watts * (1 - weaker * one) for watts, one in zip(run.epoch_watts, hot, strict=True)]
    return run


def batches_grow(rng: random.Random) -> Run:
    """At a few milestones the batches become larger, and epochs shorter."""
    run = _plain(rng)
    count = len(run.epoch_s)
    milestones = sorted(rng.sample(range(2, count), min(rng.randint(1, 4), count - 2)))
    factor = 1 - rng.uniform(0.02, 0.15)
    run.scale([factor ** sum(i >= place for place in milestones) for i in range(count)])
    return run


def cosine(rng: random.Random) -> Run:
    """The size of batches or images goes along half a cosine over the run."""
    run = _plain(rng)
    swing, count = rng.uniform(-0.15, 0.15), len(run.epoch_s)
    run.scale([1 + swing * (1 - math.cos(math.pi * i / count)) / 2 for i in range(count)])
    return run


def checkpoints(rng: random.Random) -> Run:
    """A checkpoint behind every k-th epoch, an evaluation inside every j-th, a dear first epoch."""
    run = compiled(rng)
    every, inside = rng.choice([2, 3, 4, 5, 8]), rng.choice([2, 3, 4, 5])
    long, share = run.epoch_s[1] * rng.uniform(0.02, 0.3), rng.uniform(0.02, 0.15)
    run.gap_s = [gap + (long if (i + 1) % every == 0 else 0.0) for i, gap in enumerate(run.gap_s)]
    run.scale([1 + (share if (i + 1) % inside == 0 else 0.0) for i in range(len(run.epoch_s))])
    return run


def neighbours(rng: random.Random) -> Run:
    """Other jobs come and go, and slow down several epochs in a row."""
    run = _plain(rng)
    slower, comes, goes, busy = rng.uniform(0.05, 0.3), rng.uniform(0.02, 0.2), rng.uniform(0.15, 0.5), False
    factors = []
    for _ in run.epoch_s:
        busy = rng.random() >= goes if busy else rng.random() < comes
        factors.append(1 + slower * busy)
    run.scale(factors)
    return run


def calm(rng: random.Random) -> Run:
    """Hardly anything happens, but a first epoch of its own and a slow rise or fall."""
    run = compiled(rng, _plain(rng, noise=math.exp(rng.uniform(math.log(0.0002), math.log(0.002)))))
    total, count = rng.uniform(-0.01, 0.01), len(run.epoch_s)
    run.scale([1 + total * i / count for i in range(count)])
    return run


DESIGN: dict[str, Callable[[random.Random], Run]] = {
    "steady": steady,
    "compiled": compiled,
    "drift": drift,
    "outliers": outliers,
    "evaluation": evaluation,
    "mixed": mixed,
    "settling": settling,
    "caching": caching,
    "heavy tails": heavy_tails,
    "shift": shift,
    "wander": wander,
    "evaluation inside": evaluation_inside,
    "everything": everything,
    "skewed": skewed,
    "two periods": two_periods,
    "swinging": swinging,
    "scattered": scattered,
    "heating": heating,
    "slow loader": slow_loader,
}
HELD_OUT: dict[str, Callable[[random.Random], Run]] = {
    "throttled": throttled,
    "batches grow": batches_grow,
    "cosine": cosine,
    "checkpoints": checkpoints,
    "neighbours": neighbours,
    "calm": calm,
}


def generated(count: int, *, seed: int) -> Iterator[tuple[str, bool, Run]]:
    """Yield (kind, held out, run) of `count` runs, the kinds in turn."""
    kinds = [(name, False, make) for name, make in DESIGN.items()] + [(name, True, make) for name, make in HELD_OUT.items()]
    for number in range(count):
        name, held_out, make = kinds[number % len(kinds)]
        yield name, held_out, make(random.Random(f"{seed}/{number}"))
