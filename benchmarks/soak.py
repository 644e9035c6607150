"""A month of training in minutes: what a long run costs in memory, on disk and in exactness.

    python benchmarks/soak.py [--days 30] [--json]

A session in virtual time: 1 Hz, eight GPUs and two CPU packages whose counters wrap, an intensity every 5 minutes, 3,333 epochs
a day with spans in them, and faults at random: readings that fail, devices that are lost and come back, rubbish, a sink that
raises. The truth is summed up beside it. Goals: energy and CO2eq exact, at no time after the first day 5 MB more memory than
at its end, at most 2 kB of record an epoch.

What a device used while its readings failed is exact in the energy, but under which intensity it was used nobody can tell
where that changed meanwhile. The truth counts these grams as doubt, from the lowest intensity of the time to the highest;
all others have to be exact.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from carbonsdk import runs
from carbonsdk.clock import utc
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.plan import BackendPlan, Plan, SinkPlan
from carbonsdk.engine.session import Session
from carbonsdk.errors import DeviceLost, RetryLater
from carbonsdk.model import CarbonIntensity, CounterReading, Device, DeviceKind, Quality, Sensor, Zone
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.events import RUN

# All times are whole nanoseconds: rounded seconds would drift off the edges of slots within a day.
SECOND_NS = 10**9
DAY_NS, SLOT_NS = 86_400 * SECOND_NS, 300 * SECOND_NS
LAG_NS = 30 * SECOND_NS  # the feed gives a service that long to publish
TRAIN_NS, VALIDATE_NS, GAP_NS = 22_500_000_000, 2_500_000_000, 920_000_000
RANGE_JOULES = 262_143.328850  # of a package's counter (max_energy_range_uj of many Intel CPUs)
GOAL_MB, GOAL_BYTES, GOAL_ENERGY, GOAL_GRAMS = 5.0, 2_048, 1e-9, 1e-6


class Machine:
    """Ten devices on a clock that moves by hand, the truth of what they drew and emitted, and their faults."""

    def __init__(self, clock: FakeClock, *, gpus: int, faults: float) -> None:
        self.clock, self.faults = clock, faults
        self.random = random.Random(4711)
        counter = Sensor(method="a counter", quality=Quality.MEASURED, bias=0.0)
        self.devices = [
            *(Device(id=f"package-{n}", kind=DeviceKind.CPU, name=f"CPU {n}", sensor=counter) for n in range(2)),
            *(Device(id=f"GPU-{n}", kind=DeviceKind.GPU, name=f"GPU {n}", sensor=counter) for n in range(gpus)),
        ]
        self.joules = dict.fromkeys((device.id for device in self.devices), 0.0)
        self.watts = dict.fromkeys(self.joules, 100.0)
        self.grams = self.grams_in_doubt = 0.0
        self.unread: dict[str, dict[float, float]] = {name: {} for name in self.joules}
        self.lost_until: dict[str, int] = {}
        self.calm = False

    def open(self) -> list[Device]:
        """Return the devices."""
        return self.devices

    def read(self, device: Device) -> CounterReading:
        """Read a counter, or fail as it happens."""
        if not self.calm and self._misbehaves(device):
            return None  # type: ignore[return-value]  # rubbish, as a bad plugin hands it over
        self._account(device.id)
        joules = self.joules[device.id]
        if device.kind is DeviceKind.CPU:
            return CounterReading(joules % RANGE_JOULES, RANGE_JOULES)
        return CounterReading(joules)

    def _misbehaves(self, device: Device) -> bool:
        if self.lost_until.get(device.id, 0) > self.clock.monotonic_ns():
            raise DeviceLost("the device has fallen off the bus")
        chance = self.random.random() / self.faults if self.faults else 3.0
        if chance < 1:
            raise RetryLater("busy")
        if chance < 1.1:
            self.lost_until[device.id] = self.clock.monotonic_ns() + self.random.randrange(1, 40) * 10**9
            raise DeviceLost("the device has fallen off the bus")
        return chance < 1.2

    def close(self) -> None:
        """Do nothing."""

    def pass_time(self, duration_ns: int) -> None:
        """Draw power for a while, at the intensities of that while."""
        left_ns = duration_ns
        while left_ns:
            now_ns = self.now_ns()
            piece_ns = min(left_ns, SLOT_NS - now_ns % SLOT_NS)
            intensity = grams_at(now_ns)
            for name, watts in self.watts.items():
                joules = watts * piece_ns / SECOND_NS
                self.joules[name] += joules
                self.unread[name][intensity] = self.unread[name].get(intensity, 0.0) + joules
            self.clock.advance(piece_ns / SECOND_NS)
            left_ns -= piece_ns

    def _account(self, name: str) -> None:
        """Sum up what a device emitted since it was last read, and how much of it is anybody's guess."""
        used = self.unread[name]
        self.grams += sum(joules / 3.6e6 * intensity for intensity, joules in used.items())
        if len(used) > 1:
            self.grams_in_doubt += sum(used.values()) / 3.6e6 * (max(used) - min(used))
        self.unread[name] = {}

    def now_ns(self) -> int:
        """Return the moment, in Unix time."""
        return self.clock.wall_ns(self.clock.monotonic_ns())

    def work(self) -> None:
        """Begin another kind of work, with another power."""
        for name in self.watts:
            self.watts[name] = float(self.random.randrange(50, 700))


class Service:
    """An intensity every 5 minutes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def covers(self, _zone: Zone) -> bool:
        """Serve every zone."""
        return True

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the intensity of these 5 minutes."""
        start_ns = self._machine.now_ns() // SLOT_NS * SLOT_NS
        start, end = utc(start_ns), utc(start_ns + SLOT_NS)
        return CarbonIntensity(
            grams_per_kwh=grams_at(start_ns), zone=zone.key, source="soak", start=start, end=end, settled=True
        )


def grams_at(unix_ns: int) -> float:
    """Return the intensity of a slot: anything between 100 and 500."""
    return 100.0 + (unix_ns // SLOT_NS * 7_919) % 401


class Grumbler:
    """A sink that raises at one event in a thousand, and counts the rest."""

    def __init__(self) -> None:
        self.taken = 0

    def handle(self, _event: object) -> None:
        """Take an event, or fail."""
        self.taken += 1
        if self.taken % 1_000 == 0:
            raise OSError("the network is down")

    def close(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class Outcome:
    """What came of a soak."""

    days: float
    epochs: int
    wall_s: float
    first_day_mb: float
    most_mb: float
    last_mb: float
    record_bytes_per_epoch: float
    energy_error: float
    grams_error: float
    grams_doubt: float
    load_s: float
    loaded_energy_error: float

    @property
    def passed(self) -> bool:
        """Return whether every goal is met."""
        exact = max(self.energy_error, self.loaded_energy_error) <= GOAL_ENERGY
        exact = exact and self.grams_error <= GOAL_GRAMS + self.grams_doubt
        flat = max(self.most_mb, self.last_mb) - self.first_day_mb <= GOAL_MB
        return exact and flat and self.record_bytes_per_epoch <= GOAL_BYTES


class Soak:
    """One session and its machine."""

    def __init__(self, record: Path, *, days: float, gpus: int = 8, faults: float = 1e-4) -> None:
        self.clock = FakeClock()
        self.machine = Machine(self.clock, gpus=gpus, faults=faults)
        self.record = record
        self.epochs = round(days * DAY_NS / (TRAIN_NS + VALIDATE_NS + GAP_NS))
        backend = BackendPlan("soak", lambda: self.machine, 100, frozenset(), inline=True, named=True)
        start = utc(self.machine.now_ns())
        info = replace(RUN, run_id="soak", start=start, epochs_planned=self.epochs)
        feed = FeedPlan(zone=Zone(key="DE"), fetchers=(Candidate("soak", Service(self.machine)),))
        sinks = (SinkPlan(name="grumbler", make=Grumbler),)
        plan = Plan(info=info, backends=(backend,), sinks=sinks, intensity=feed, record=record, settle_s=0.0)
        self.machine.calm = True
        self.session = Session(plan, self.clock, ticking=False)
        self.session.start()
        self.session.hardware.await_named()
        self.machine.calm = False
        self._next_tick_ns = self._next_ask_ns = self._at_ns = 0
        self._live(0)

    def _live(self, duration_ns: int) -> None:
        """Let time pass, ticking at every whole second and asking for the intensity at every fifth minute."""
        until_ns = self._at_ns + duration_ns
        while self._next_tick_ns <= until_ns:
            self.machine.pass_time(self._next_tick_ns - self._at_ns)
            self._at_ns = self._next_tick_ns
            if self._at_ns >= self._next_ask_ns:
                self._next_ask_ns += SLOT_NS if self._next_ask_ns else SLOT_NS + LAG_NS
                self.session.feed.settle(10.0)
            self.session.tick(self.clock.monotonic_ns())
            self._next_tick_ns += SECOND_NS
        self.machine.pass_time(until_ns - self._at_ns)
        self._at_ns = until_ns

    def run(self) -> Outcome:
        """Train for as long as was asked for."""
        begun = time.perf_counter()
        first_day_mb = most_mb = resident_mb()
        for number in range(self.epochs):
            most_mb = max(most_mb, resident_mb())
            if self._at_ns <= DAY_NS:
                first_day_mb = most_mb = resident_mb()
            with self.session.epoch("", None):
                self.machine.work()
                with self.session.span("train", None):
                    self._live(TRAIN_NS)
                with self.session.span("validate", None):
                    self._live(VALIDATE_NS)
            self._live(GAP_NS)
            if number % 20 == 19:
                self.session.scribe.drain(5.0)  # virtual time outruns a sink's own thread
        self.machine.calm = True
        # Whatever was lost or left alone comes back, and the last 5 minutes' intensity is out.
        back_ns = 70 * SECOND_NS
        self._live(back_ns + SLOT_NS + 2 * LAG_NS - (self._at_ns + back_ns) % SLOT_NS)
        report = self.session.stop()
        wall_s = time.perf_counter() - begun
        last_mb = resident_mb()
        truth = sum(self.machine.joules.values())
        begun = time.perf_counter()
        loaded = runs.load(self.record)
        return Outcome(
            days=self._at_ns / DAY_NS,
            epochs=report.epoch_count,
            wall_s=wall_s,
            first_day_mb=first_day_mb,
            most_mb=most_mb,
            last_mb=last_mb,
            record_bytes_per_epoch=self.record.stat().st_size / self.epochs,
            energy_error=abs((report.energy.joules or 0.0) / truth - 1),
            grams_error=abs((report.co2eq_grams or 0.0) / self.machine.grams - 1),
            grams_doubt=self.machine.grams_in_doubt / self.machine.grams,
            load_s=time.perf_counter() - begun,
            loaded_energy_error=abs((loaded.energy.joules or 0.0) / truth - 1),
        )


def resident_mb() -> float:
    """Return the memory that this process has in use."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        outcome = Soak(Path(name) / "soak.jsonl", days=given.days).run()
    if given.json:
        print(json.dumps({**asdict(outcome), "passed": outcome.passed}))
        return 0 if outcome.passed else 1
    print(f"{outcome.days:.2f} days, {outcome.epochs} epochs in {outcome.wall_s:.0f} s")
    most_mb = max(outcome.most_mb, outcome.last_mb)
    print(f"memory   {outcome.first_day_mb:.1f} MB after a day, at most {most_mb:.1f} MB later (goal: {GOAL_MB:g} MB more)")
    print(f"record   {outcome.record_bytes_per_epoch:.0f} bytes an epoch (goal: {GOAL_BYTES}); read in {outcome.load_s:.1f} s")
    print(
        f"energy   off by {outcome.energy_error:.1e}, read again by {outcome.loaded_energy_error:.1e} (goal: {GOAL_ENERGY:g})"
    )
    doubt = f"beside the {outcome.grams_doubt:.1e} that are in doubt"
    print(f"CO2eq    off by {outcome.grams_error:.1e} (goal: {GOAL_GRAMS:g} {doubt})")
    print("passed" if outcome.passed else "FAILED")
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    sys.exit(main())
