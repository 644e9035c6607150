"""Broken hardware: each fault costs its own time or device, and nothing else."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from accuracy_cases import BURSTS, GPU_STEP_S, STEADY, Case, Score, boards, judged
from accuracy_rig import GPU, Machine, Rig, machine, rig

from carbonsdk.engine.scopes import Epoch
from carbonsdk.plugin import CounterReading, Device, DeviceKind, Quality, Reading, Sensor
from carbonsdk.testing.nvml import FakeGpu, Fault, NvmlCode
from carbonsdk.testing.powercap import PowercapTree, PowercapZone
from carbonsdk.testing.profile import Profile

ENERGY = "nvmlDeviceGetTotalEnergyConsumption"
ZONE = "intel-rapl:0"
SECONDS = 1.037
TWO_BOARDS = Case(step_joules=(180 + 400) * GPU_STEP_S, each_within=0.005)
ONE_PACKAGE = Case(each_within=0.005)


class OtherVendor:
    """A backend of another maker's board, also number 0: an energy counter that moves every 20 ms."""

    def __init__(self, on: Machine, profile: Profile) -> None:
        self._on, self._profile = on, profile

    def open(self) -> Sequence[Device]:
        """Return the board."""
        sensor = Sensor(method="counter", quality=Quality.MEASURED, bias=0.05, refresh_s=0.02, max_watts=1_000.0)
        return [Device(id="0000:c1:00.0", kind=DeviceKind.GPU, name="Another board", sensor=sensor)]

    def read(self, device: Device) -> Reading:  # noqa: ARG002
        """Return its joules so far."""
        at_s = (self._on.clock.monotonic_ns() - self._on.born_ns) / 1e9
        return CounterReading(self._profile.joules(at_s // 0.02 * 0.02))

    def close(self) -> None:
        """Let go of nothing."""


def _package(on: Machine, profile: Profile = BURSTS) -> PowercapTree:
    return on.powercap([PowercapZone(id=ZONE, name="package-0", profile=profile)], truth=[profile])


def _with_fault(*faults: Fault) -> list[FakeGpu]:
    first, second = boards(STEADY, BURSTS)
    return [first, replace(second, faults=faults)]


def _epochs(bench: Rig, number: int = 20) -> list[Epoch]:
    return [bench.measured(SECONDS) for _ in range(number)]


def _kept(score: Score, name: str, goal: str, *, also: bool = True) -> Score:
    return replace(score, case=name, goal=f"{score.goal}; {goal}", kept=score.kept and also)


def gpu_lost() -> Score:
    """Lose one of two boards for good: the other's figures go on, and say that a part is missing."""
    with machine() as on:
        on.nvml(_with_fault(Fault(call="*", start_s=8.0, code=NvmlCode.GPU_IS_LOST)))
        with rig(on) as bench:
            epochs = _epochs(bench)
            before = [epoch for epoch in epochs if bench.edges(epoch)[1] < on.born_ns + 8e9]
            score = judged(TWO_BOARDS, bench, before)
            after = epochs[len(before) + 1 :]
            said = all(bench.energy(epoch).partial for epoch in after)
            on.truth.pop()  # what is lost cannot be measured: the rest is held against the board that is left
            rest = judged(replace(TWO_BOARDS, step_joules=180 * GPU_STEP_S), bench, after)
            worse = max(score, rest, key=lambda each: each.worst)
            return _kept(worse, "a GPU is lost", "what is left goes on, called partial", also=said and rest.kept and score.kept)


def driver_blocks() -> Score:
    """Have the driver hang for two seconds of real time: no edge waits for it, and the epochs are corrected afterwards."""
    with machine() as on:
        _package(on)
        on.nvml(_with_fault(Fault(call=ENERGY, start_s=3.0, times=1, hang_s=2.0)), inline=False)
        with rig(on) as bench:
            waits_s, epochs = [], []
            for _ in range(20):
                epoch = bench.session.epoch("", None)
                for edge in (epoch.__enter__, epoch.close):
                    begun_s = time.monotonic()
                    edge()
                    waits_s.append(time.monotonic() - begun_s)
                    if epoch.ended is None:
                        bench.run(SECONDS)
                epochs.append(epoch)
            bench.await_drivers(5.0)
            bench.settle()
            score = judged(replace(TWO_BOARDS, each_within=None), bench, epochs)
            # 50 ms is what an edge waits; the rest is the pace of this machine.
            return _kept(score, "a driver blocks for 2 s", "no edge waits for it", also=max(waits_s) < 0.5)


def rapl_denied() -> Score:
    """Take the counters away before the start: the boards are measured, and the reason is on record."""
    with machine() as on:
        tree = _package(on, STEADY)
        tree.mask()
        on.truth.clear()
        on.nvml(boards(STEADY, BURSTS))
        with rig(on) as bench:
            score = judged(TWO_BOARDS, bench, _epochs(bench))
            reasons = [choice.reason or "" for choice in bench.session.hardware.choosing.choices if choice.backend == "rapl"]
            return _kept(
                score,
                "RAPL is masked",
                "the reason is on record",
                also=any("hid" in text or "mask" in text for text in reasons),
            )


def steps_back() -> Score:
    """Set the counter back in the middle of an epoch: one step of the sampler is lost, told, and not made up."""
    with machine() as on:
        tree = _package(on, STEADY)
        with rig(on) as bench:
            epochs = _epochs(bench, 9)
            with bench.epoch() as broken:
                bench.run(SECONDS / 2)
                tree.reset(ZONE)
                bench.run(SECONDS / 2)
            epochs += _epochs(bench, 10)
            bench.settle()
            energy = bench.energy(broken)
            told = energy.partial and energy.reason is not None and energy.reason in " ".join(bench.session.notices.texts)
            fair = (energy.joules or 0.0) <= bench.truth(broken) * 1.005
            return _kept(
                judged(ONE_PACKAGE, bench, epochs),
                "a counter steps back",
                "that epoch is partial, the rest exact",
                also=told and fair,
            )


def mixed_vendors() -> Score:
    """Measure boards of two makers with the same number beside a processor: each counts once."""
    with machine() as on:
        _package(on)
        on.nvml(boards(STEADY))
        on.truth.append(BURSTS)
        on.offer("other", lambda: OtherVendor(on, BURSTS), kinds=GPU, inline=True, cost_s=0.0)
        with rig(on) as bench:
            score = judged(TWO_BOARDS, bench, _epochs(bench))
            return _kept(score, "boards of two makers", "three devices", also=len(bench.session.ledger.accounts) == 3)


def outside() -> Score:
    """Draw power between the epochs alone: nothing of it is in them."""
    with machine() as on:
        age_s, period_s = 0.7, 1.6
        steps = [(0.0, 300.0)]
        for number in range(20):
            steps += [(age_s + number * period_s, 100.0), (age_s + number * period_s + SECONDS, 300.0)]
        _package(on, Profile.steps(steps))
        with rig(on) as bench:
            bench.run(age_s - 0.3)
            epochs = []
            for _ in range(20):
                epochs.append(bench.measured(SECONDS))
                bench.run(period_s - SECONDS)
            return _kept(
                judged(ONE_PACKAGE, bench, epochs), "300 W between epochs, 100 W in them", "nothing of the gaps is counted"
            )


FAULTS: tuple[Callable[[], Score], ...] = (outside, gpu_lost, driver_blocks, rapl_denied, steps_back, mixed_vendors)
