"""Random load, and how often the stated uncertainty covers the truth."""

import random
import statistics
from dataclasses import dataclass
from typing import Literal, NamedTuple

from accuracy_loads import LOADS, stretches
from accuracy_rig import WHILE_OPENING_S, Machine, Rig, machine, rig

from carbonsdk.engine.scopes import Epoch
from carbonsdk.testing.nvml import Architecture, FakeGpu
from carbonsdk.testing.powercap import PowercapZone
from carbonsdk.testing.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A sensor, and how it is read."""

    name: str
    gpu: bool = False
    counter_step_s: float = 0.1
    power: Literal["average", "instant"] | None = None  # None: the energy counter
    window_s: float = 0.0
    power_step_s: float = 0.1
    interval_s: float = 1.0
    edge_reads: str = "auto"
    cost_s: float = 0.0

    def equip(self, on: Machine, profile: Profile) -> None:
        """Give a machine this sensor."""
        if not self.gpu:
            on.powercap(
                [PowercapZone(id="intel-rapl:0", name="package-0", profile=profile)], truth=[profile], cost_s=self.cost_s
            )
            return
        board = FakeGpu(
            uuid="GPU-1",
            profile=profile,
            name="NVIDIA A100-SXM4-80GB" if self.power == "instant" else "NVIDIA H100 80GB HBM3",
            architecture=Architecture.AMPERE if self.power == "instant" else Architecture.HOPPER,
            limit_watts=500.0,
            counter=self.power is None,
            counter_step_s=self.counter_step_s,
            power_step_s=self.power_step_s,
            power_window_s=self.window_s,
        )
        on.nvml([board], power=self.power or "auto", cost_s=self.cost_s)


SETUPS = (
    Setup(name="RAPL, 1 ms"),
    Setup(name="RAPL, reading costs 2 ms", cost_s=0.002),
    Setup(name="RAPL, edges never read", edge_reads="never"),
    Setup(name="GPU counter, 100 ms", gpu=True),
    Setup(name="GPU counter, 20 ms (stated 100)", gpu=True, counter_step_s=0.02),
    Setup(name="GPU power, instant, 10 Hz", gpu=True, power="instant", interval_s=0.1),
    Setup(name="GPU power, instant, 1 Hz", gpu=True, power="instant"),
    Setup(name="GPU power, mean of 1 s, 1 Hz", gpu=True, power="average", window_s=1.0),
)


class Seen(NamedTuple):
    """One epoch: what was true, what was reported, and how sure that was said to be, the sensor's bias left out."""

    true_joules: float
    joules: float
    noise_joules: float

    @property
    def covered(self) -> bool:
        """Return whether the truth lies within what was stated. The simulated sensors have no bias: none is to hide behind."""
        return abs(self.joules - self.true_joules) <= self.noise_joules + 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How a sensor fared under random load. All figures are shares.

    `covered` is of one epoch drawn from each profile, `unknown` of epochs for which no figure was given; `width` and `error`
    are medians of all epochs, `total_95` is the 95th percentile of the runs.
    """

    sensor: str
    load: str
    profiles: int
    covered: float
    covered_of_all: float
    unknown: float
    width: float
    error: float
    error_95: float
    total_95: float

    @property
    def kept(self) -> bool:
        """Return whether the stated uncertainty is one of 95 %."""
        return self.covered >= 0.95


def one_run(setup: Setup, load: str, seed: int, epochs: int) -> list[Seen | None]:
    """Measure some epochs of random length, adjoining or with gaps, under random load."""
    dice = random.Random(seed)
    lasting, lead_s, age_s = stretches(dice, epochs), dice.uniform(0, 3), dice.uniform(0, 2)
    with machine() as on:
        setup.equip(on, LOADS[load](dice, age_s + WHILE_OPENING_S + lead_s, lasting))
        on.clock.advance(age_s)  # a sensor is renewed at its own times, not at the sampler's
        with rig(on, interval_s=setup.interval_s, edge_reads=setup.edge_reads) as bench:
            bench.run(lead_s)
            found = []
            for epoch_s, gap_s in lasting:
                found.append(bench.measured(epoch_s))
                bench.run(gap_s)
            bench.settle()
            return [_seen(bench, epoch) for epoch in found]


def _seen(bench: Rig, epoch: Epoch) -> Seen | None:
    energy = bench.energy(epoch)
    return None if energy.joules is None else Seen(bench.truth(epoch), energy.joules, energy.noise_joules)


def judge(setup: Setup, *, load: str, profiles: int, epochs: int = 12) -> Coverage:
    """Return how often, and by how much, the truth was covered."""
    found = [one_run(setup, load, seed, epochs) for seed in range(profiles)]
    runs = [[seen for seen in run if seen is not None] for run in found]
    drawn = [random.Random(seed).choice(run) for seed, run in enumerate(runs)]
    every = [seen for run in runs for seen in run]
    errors = sorted(abs(seen.joules / seen.true_joules - 1) for seen in every)
    totals = sorted(abs(sum(seen.joules for seen in run) / sum(seen.true_joules for seen in run) - 1) for run in runs)
    return Coverage(
        sensor=setup.name,
        load=load,
        profiles=profiles,
        covered=sum(seen.covered for seen in drawn) / len(drawn),
        covered_of_all=sum(seen.covered for seen in every) / len(every),
        unknown=1 - len(every) / (profiles * epochs),
        width=statistics.median(seen.noise_joules / seen.joules for seen in every if seen.joules),
        error=statistics.median(errors),
        error_95=errors[int(0.95 * (len(errors) - 1))],
        total_95=totals[int(0.95 * (len(totals) - 1))],
    )
