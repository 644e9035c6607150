"""A simulated machine whose energy is known exactly, measured by a real session on a clock that is moved by hand."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.backend import NvmlBackend
from carbonsdk.backends.rapl import RaplSettings
from carbonsdk.backends.rapl.backend import RaplBackend
from carbonsdk.clock import utc
from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.plan import BackendPlan, Plan
from carbonsdk.engine.scopes import Epoch
from carbonsdk.engine.session import Session
from carbonsdk.events import RunInfo
from carbonsdk.interfaces import Backend
from carbonsdk.model import Device, DeviceKind, EnergyUse, Reading
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.nvml import FakeGpu, FakeNvml, build_library
from carbonsdk.testing.powercap import PowercapTree, PowercapZone
from carbonsdk.testing.profile import Profile

CPU = frozenset({DeviceKind.CPU, DeviceKind.MEMORY, DeviceKind.NODE})
GPU = frozenset({DeviceKind.GPU})
PACE_S = 0.02
WHILE_OPENING_S = 0.3  # virtual time between the sensors' first reading and the first epoch
INFO = RunInfo(
    run_id="accuracy",
    name=None,
    host="simulated",
    rank=0,
    world_size=1,
    pid=0,
    start=utc(0),
    command="accuracy",
    version="0",
    epochs_planned=None,
)


class Costly:
    """A backend whose every reading takes time: the clock moves on before and after the value is taken."""

    def __init__(self, backend: Backend, clock: FakeClock, cost_s: float) -> None:
        self._backend, self._clock, self._cost_s = backend, clock, cost_s

    def open(self) -> Sequence[Device]:
        """Return the devices."""
        return self._backend.open()

    def read(self, device: Device) -> Reading:
        """Read half-way through the time that it takes."""
        self._clock.advance(self._cost_s / 2)
        reading = self._backend.read(device)
        self._clock.advance(self._cost_s / 2)
        return reading

    def close(self) -> None:
        """Close the backend."""
        self._backend.close()


class Machine:
    """Simulated hardware behind its real borders: powercap files on disk, and a driver library that pynvml loads."""

    library: Path | None = None

    def __init__(self, stack: ExitStack) -> None:
        self.clock = FakeClock()
        self.stack = stack
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accuracy-")))
        self.backends: list[BackendPlan] = []
        self.truth: list[Profile] = []  # of what is to be counted, from the machine's birth
        self.born_ns = self.clock.monotonic_ns()

    def offer(
        self, name: str, make: Callable[[], Backend], *, kinds: frozenset[DeviceKind], inline: bool, cost_s: float
    ) -> None:
        """Have a backend take part, whose every reading costs so much time."""

        def made() -> Backend:
            return Costly(make(), self.clock, cost_s) if cost_s else make()

        self.backends.append(BackendPlan(name, made, 100 - len(self.backends), kinds, inline, named=False))

    def powercap(self, zones: Sequence[PowercapZone], *, truth: Sequence[Profile], cost_s: float = 0.0) -> PowercapTree:
        """Add a processor's counters."""
        tree = PowercapTree(self.folder / "sys", self.clock, zones=zones)
        self.clock.listen(lambda _: tree.update())
        self.truth.extend(truth)
        settings = RaplSettings(root=tree.root, interface="powercap")
        self.offer(
            "rapl",
            lambda: RaplBackend(settings, log=logging.getLogger("accuracy")),
            kinds=CPU,
            inline=True,
            cost_s=cost_s,
        )
        return tree

    def nvml(
        self,
        gpus: Sequence[FakeGpu],
        *,
        power: Literal["auto", "average", "instant"] = "auto",
        inline: bool = True,
        cost_s: float = 0.0,
    ) -> FakeNvml:
        """Add NVIDIA boards; `inline` reads them in the caller's thread, which keeps this machine's pace out of the figures."""
        library = Machine.library
        if library is None:
            library = Machine.library = build_library(Path(tempfile.mkdtemp(prefix="accuracy-nvml-")))
        fake = FakeNvml(self.folder / "nvml", gpus).follow(self.clock)
        self.stack.callback(fake.close)
        self.stack.enter_context(fake.loaded(library))
        self.truth.extend(gpu.profile for gpu in gpus)
        self.offer("nvml", lambda: NvmlBackend(NvmlSettings(power=power), environ={}), kinds=GPU, inline=inline, cost_s=cost_s)
        return fake

    def joules(self, start_ns: int, end_ns: int) -> float:
        """Return what was really used between two instants of the clock."""
        start_s, end_s = ((edge - self.born_ns) / 1e9 for edge in (start_ns, end_ns))
        return sum(profile.joules(end_s) - profile.joules(start_s) for profile in self.truth)


class Rig:
    """A session that measures a machine. `run` lets virtual time pass, with the sampler's ticks at their times."""

    def __init__(self, machine: Machine, *, interval_s: float = 1.0, edge_reads: str = "auto") -> None:
        self.machine, self.clock = machine, machine.clock
        plan = Plan(
            info=INFO, backends=tuple(machine.backends), intensity=FeedPlan(), interval_s=interval_s, edge_reads=edge_reads
        )
        self.session = Session(plan, self.clock)
        self._interval_s = interval_s
        # Everything that `Session.start` does, but for the thread that ticks in real time.
        self.session.phase.turn("running")
        self.session.scribe.note(self.session.head)
        self.session.hardware.start()
        if not self.session.hardware.await_all(30.0):
            raise RuntimeError("the simulated hardware has not opened")
        for channel in self.session.hardware.channels:
            if channel.source is not None:
                channel.source.chases = True  # `run` polls those that have no thread of their own
        self._next_tick_ns = self.clock.monotonic_ns() + self.session.hardware.tick_ns()
        self.run(WHILE_OPENING_S)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until_ns = self.clock.monotonic_ns() + round(seconds * 1e9)
        while (now_ns := self.clock.monotonic_ns()) < until_ns:
            if now_ns >= self._next_tick_ns:
                self.tick()
                continue
            self._poll(now_ns)
            ahead_s = (min(until_ns, self._next_tick_ns, *self._polls()) - now_ns) / 1e9
            if any(channel.busy_s for channel in self.session.hardware.channels):
                # A driver hangs in real time: virtual time keeps pace with it.
                ahead_s = min(ahead_s, PACE_S)
                time.sleep(ahead_s)
            self.clock.advance(ahead_s)

    def _poll(self, now_ns: int) -> None:
        """Do what a backend's own thread does after an edge: look for the steps of slow counters."""
        for channel in self.session.hardware.channels:
            source = channel.source
            if source is not None and channel.plan.inline and 0 < source.due_ns <= now_ns:
                with source.lock:
                    source.poll()

    def _polls(self) -> list[int]:
        sources = [channel.source for channel in self.session.hardware.channels if channel.plan.inline]
        return [source.due_ns for source in sources if source is not None and source.due_ns]

    def tick(self) -> None:
        """Have the sampler tick now, and its threads finish what they can."""
        now_ns = self.clock.monotonic_ns()
        self.session.tick(now_ns)
        for channel in self.session.hardware.channels:
            if channel.state == "ready" and not channel.plan.inline:
                channel.wait(now_ns, PACE_S)
        while self._next_tick_ns <= self.clock.monotonic_ns():
            self._next_tick_ns += self.session.hardware.tick_ns()

    @contextmanager
    def epoch(self) -> Iterator[Epoch]:
        """Measure an epoch."""
        with self.session.epoch("", None) as epoch:
            yield epoch

    def measured(self, seconds: float) -> Epoch:
        """Measure an epoch of so many seconds and return it."""
        with self.epoch() as epoch:
            self.run(seconds)
        return epoch

    def edges(self, epoch: Epoch) -> tuple[int, int]:
        """Return an epoch's monotonic nanoseconds."""
        assert epoch.ended is not None
        offset_ns = self.clock.wall_ns(0)
        return epoch.ended.start_ns - offset_ns, epoch.ended.end_ns - offset_ns

    def energy(self, epoch: Epoch) -> EnergyUse:
        """Return what was reported of an epoch, corrections included."""
        return epoch.report.energy

    def truth(self, epoch: Epoch) -> float:
        """Return what an epoch really used."""
        return self.machine.joules(*self.edges(epoch))

    def await_drivers(self, seconds: float) -> None:
        """Wait, in real time, until no driver's call is under way."""
        deadline_s = time.monotonic() + seconds
        while any(channel.busy_s for channel in self.session.hardware.channels) and time.monotonic() < deadline_s:
            time.sleep(0.01)

    def settle(self) -> None:
        """Let a tick pass, so that whatever was provisional is corrected."""
        self.run(2 * self._interval_s)


@contextmanager
def machine() -> Iterator[Machine]:
    """Yield an empty machine, and clear it away."""
    with ExitStack() as stack:
        yield Machine(stack)


@contextmanager
def rig(on: Machine, *, interval_s: float = 1.0, edge_reads: str = "auto") -> Iterator[Rig]:
    """Yield a session on a machine, and stop it."""
    made = Rig(on, interval_s=interval_s, edge_reads=edge_reads)
    try:
        yield made
    finally:
        made.session.stop()
