"""Written load on simulated machines: what is measured, and what is true."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from accuracy_rig import Machine, Rig, machine, rig

from carbonsdk.engine.scopes import Epoch
from carbonsdk.testing.nvml import Architecture, FakeGpu
from carbonsdk.testing.powercap import INTEL_RANGE_UJ, RAPL_REFRESH_S, PowercapZone, server_zones
from carbonsdk.testing.profile import Profile

LONG_S, SHORT_S = 1.037, 0.113  # no multiples of any counter's step
STEADY = Profile.constant(180.0)
BURSTS = Profile.square(50.0, 400.0, 0.2)
SLOW_BURSTS = Profile.square(50.0, 400.0, 2.6)
GPU_STEP_S = 0.1  # the slowest that boards renew their counters, and what the backend takes for granted
GPU_QUICK_STEP_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What came out of a case. Errors are shares of the truth.

    `beyond_step` is what is left of the worst error when one step of the counter is taken off. `covered` is the share of
    epochs whose stated uncertainty, without the sensors' bias, holds the truth; `width` is the median of that uncertainty.
    `goal` is what must hold, `kept` says whether it does. `note` is what was said beside the figures.
    """

    case: str
    epochs: int
    total: float
    worst: float
    beyond_step: float
    covered: float
    width: float
    goal: str = ""
    kept: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A machine, how epochs lie on it, and what must hold. Without goals the uncertainty has to cover 95 % of the epochs."""

    name: str = ""
    equip: Callable[[Machine], object] = lambda _: None
    seconds: float = LONG_S
    epochs: int = 20
    gap_s: float = 0.0
    interval_s: float = 1.0
    step_joules: float = 0.0  # the most that one step of all counters together can hold
    each_within: float | None = None  # the goal for single epochs, a step apart
    total_within: float | None = 0.005
    spans: bool = False


def package(profile: Profile, *, cost_s: float = 0.0, **more: object) -> Callable[[Machine], object]:
    """Return the equipment of one processor's package."""
    zone = PowercapZone(id="intel-rapl:0", name="package-0", profile=profile, **more)  # type: ignore[arg-type]
    return lambda on: on.powercap([zone], truth=[profile], cost_s=cost_s)


def server(on: Machine) -> None:
    """Equip two sockets with memory, and with everything that overlaps them: core, uncore, MMIO mirrors, psys."""
    memory = Profile.constant(40.0)
    zones = server_zones(BURSTS, memory=memory, sockets=2)
    on.powercap([replace(zone, phase_s=0.00013 * place) for place, zone in enumerate(zones)], truth=[BURSTS, memory])


def boards(*profiles: Profile, **more: object) -> list[FakeGpu]:
    """Return NVIDIA boards that draw these powers."""
    base = {"limit_watts": 700.0, **more}
    step_s = base.pop("counter_step_s", GPU_STEP_S)
    return [
        FakeGpu(
            uuid=f"GPU-{number}",
            bus_id=f"00000000:{number + 1:02x}:00.0",
            profile=profile,
            counter_step_s=step_s - 0.0013 * number,  # type: ignore[operator]  # real boards do not step in unison
            **base,  # type: ignore[arg-type]
        )
        for number, profile in enumerate(profiles)
    ]


def instant(profile: Profile) -> Callable[[Machine], object]:
    """Return the equipment of a board without an energy counter, whose power sensor shows the instant."""
    a100 = {"name": "NVIDIA A100-SXM4-80GB", "architecture": Architecture.AMPERE, "counter": False, "power_step_s": 0.02}
    return lambda on: on.nvml(boards(profile, **a100))


def averaged(profile: Profile) -> Callable[[Machine], object]:
    """Return the equipment of a board without an energy counter, whose power sensor shows the mean of a second."""
    return lambda on: on.nvml(boards(profile, counter=False, instant=False, power_step_s=0.02, power_window_s=1.0))


EIGHT = [Profile.square(60.0 + 5 * each, 300.0 + 40 * each, 0.17 + 0.11 * each, 0.6) for each in range(8)]
STEP = RAPL_REFRESH_S


def written() -> list[Case]:
    """Return the cases that need nothing but a profile."""
    wrapping = {"start_uj": INTEL_RANGE_UJ - round(180.0 * 8 * 1e6)}
    return [
        Case(name="steady, 1.037 s", equip=package(STEADY), each_within=0.005),
        Case(name="steady, 113 ms", equip=package(STEADY), seconds=SHORT_S, step_joules=180 * STEP, each_within=0.005),
        Case(name="bursts, 1.037 s", equip=package(BURSTS), each_within=0.005),
        Case(name="bursts, 113 ms", equip=package(BURSTS), seconds=SHORT_S, step_joules=400 * STEP, each_within=0.005),
        Case(name="the counter wraps in an epoch", equip=package(STEADY, **wrapping), each_within=0.005),
        Case(name="gaps of 0.45 s between epochs", equip=package(BURSTS), gap_s=0.45, each_within=0.005),
        Case(name="spans within epochs", equip=package(BURSTS), each_within=0.005, spans=True),
        Case(name="two sockets, dram, psys, MMIO mirrors", equip=server, each_within=0.005),
        Case(name="reading takes 0.1 ms", equip=package(BURSTS, cost_s=0.0001), each_within=0.005),
        Case(name="reading takes 2 ms", equip=package(BURSTS, cost_s=0.002), each_within=0.005),
        Case(
            name="eight GPUs, 1.037 s",
            equip=lambda on: on.nvml(boards(*EIGHT)),
            step_joules=sum(300.0 + 40 * each for each in range(8)) * GPU_STEP_S,
            each_within=0.005,
        ),
        Case(
            name="eight GPUs, 113 ms",
            equip=lambda on: on.nvml(boards(*EIGHT)),
            seconds=SHORT_S,
            step_joules=sum(300.0 + 40 * each for each in range(8)) * GPU_STEP_S,
            each_within=0.005,
        ),
        Case(
            name="one GPU, bursts, 1.037 s",
            equip=lambda on: on.nvml(boards(BURSTS)),
            step_joules=400 * GPU_STEP_S,
            each_within=0.005,
        ),
        Case(
            name="one GPU, bursts, 113 ms",
            equip=lambda on: on.nvml(boards(BURSTS)),
            seconds=SHORT_S,
            epochs=100,
            step_joules=400 * GPU_STEP_S,
            each_within=0.005,
        ),
        Case(
            name="eight GPUs, steps of 20 ms, 113 ms",
            equip=lambda on: on.nvml(boards(*EIGHT, counter_step_s=GPU_QUICK_STEP_S)),
            seconds=SHORT_S,
            step_joules=sum(300.0 + 40 * each for each in range(8)) * GPU_QUICK_STEP_S,
            each_within=0.005,
        ),
        Case(
            name="one GPU, steps of 20 ms, bursts, 1.037 s",
            equip=lambda on: on.nvml(boards(BURSTS, counter_step_s=GPU_QUICK_STEP_S)),
            step_joules=400 * GPU_QUICK_STEP_S,
            each_within=0.005,
        ),
        Case(
            name="one GPU, steps of 20 ms, bursts, 113 ms",
            equip=lambda on: on.nvml(boards(BURSTS, counter_step_s=GPU_QUICK_STEP_S)),
            seconds=SHORT_S,
            epochs=100,
            step_joules=400 * GPU_QUICK_STEP_S,
            each_within=0.005,
        ),
        Case(name="GPU power sampled at 10 Hz, slow bursts", equip=instant(SLOW_BURSTS), interval_s=0.1, total_within=0.01),
        *(
            Case(
                name=f"GPU power sampled at 10 Hz, {share:.0%} of {period_s} s",
                equip=instant(Profile.square(50.0, 400.0, period_s, share)),
                epochs=60,
                interval_s=0.1,
                total_within=0.01,
            )
            for period_s, share in ((1.0371, 0.3), (1.2713, 0.5), (2.618, 0.3))
        ),
        # Each burst is 6.5 intervals long: read every 0.1 s sharp, it would begin at the same place between two readings.
        Case(
            name="GPU power sampled at 10 Hz, in step",
            equip=instant(Profile.square(50, 400, 1.3)),
            interval_s=0.1,
            total_within=0.01,
        ),
        Case(name="GPU power sampled at 1 Hz, slow bursts", equip=instant(SLOW_BURSTS), total_within=None),
        Case(name="GPU power sampled at 1 Hz, fast bursts", equip=instant(Profile.square(50, 400, 0.23)), total_within=None),
        Case(name="GPU power, mean of 1 s, slow bursts", equip=averaged(SLOW_BURSTS), total_within=None),
        Case(name="GPU power, mean of 1 s, fast bursts", equip=averaged(Profile.square(50, 400, 0.23)), total_within=None),
    ]


def measure(case: Case) -> Score:
    """Play a case."""
    with machine() as on:
        case.equip(on)
        on.clock.advance(0.0371)  # the sampler's times are not the sensors'
        with rig(on, interval_s=case.interval_s) as bench:
            bench.run(0.4)
            epochs = []
            for _ in range(case.epochs):
                epochs.append(_with_spans(bench, case.seconds) if case.spans else bench.measured(case.seconds))
                bench.run(case.gap_s)
            bench.settle()
            return judged(case, bench, epochs)


def _with_spans(bench: Rig, seconds: float) -> Epoch:
    with bench.epoch() as epoch:
        for part in range(4):
            with bench.session.span(f"part {part % 2}", None):
                bench.run(seconds / 5)
        bench.run(seconds / 5)
    return epoch


def judged(case: Case, bench: Rig, epochs: Sequence[Epoch]) -> Score:
    """Hold what was reported against the truth."""
    true = [bench.truth(epoch) for epoch in epochs]
    energies = [bench.energy(epoch) for epoch in epochs]
    joules = [energy.joules or 0.0 for energy in energies]
    off = [abs(found - truth) for found, truth in zip(joules, true, strict=True)]
    widths = sorted(energy.noise_joules / found for energy, found in zip(energies, joules, strict=True) if found)
    score = Score(
        case=case.name,
        epochs=len(epochs),
        total=sum(joules) / sum(true) - 1,
        worst=max(each / truth for each, truth in zip(off, true, strict=True)),
        beyond_step=max(0.0, *((each - case.step_joules) / truth for each, truth in zip(off, true, strict=True))),
        covered=sum(each <= energy.noise_joules + 1e-3 for each, energy in zip(off, energies, strict=True)) / len(off),
        width=widths[len(widths) // 2] if widths else 0.0,
        note=_note(bench),
    )
    return _against_goal(case, score)


def _against_goal(case: Case, score: Score) -> Score:
    goals, kept = [], []
    if case.total_within is not None:
        goals.append(f"total within {case.total_within:.1%}")
        kept.append(abs(score.total) <= case.total_within)
    if case.each_within is not None:
        goals.append(f"each within {case.each_within:.1%}{' and a step' if case.step_joules else ''}")
        kept.append(score.beyond_step <= case.each_within)
    if not goals:
        goals.append("95 % covered")
        kept.append(score.covered >= 0.95)
    return replace(score, goal=", ".join(goals), kept=all(kept))


def _note(bench: Rig) -> str:
    return "; ".join(bench.session.notices.texts)
