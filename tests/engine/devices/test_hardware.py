"""Choosing backends, reading them at edges, and what their failures cost."""

import threading
import time

import pytest
from support.sessions import info
from support.simulated import Simulated, absent, device, hang_until, offer

from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.hardware import Hardware, interval_ns
from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.ledger import Ledger, Marks
from carbonsdk.engine.notices import Notices
from carbonsdk.engine.plan import ALL_KINDS, Plan
from carbonsdk.errors import BackendUnavailable, DeviceLost, GiveUp, RetryLater, SensorAbsent
from carbonsdk.model import DeviceKind, PowerReading, Quality
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.profile import Profile

S = 1_000_000_000


class Bench:
    """Hardware on a fake clock, with everything that it says."""

    def __init__(self, *offers, kinds=ALL_KINDS, edge_reads="auto"):
        self.clock = FakeClock()
        self.ledger = Ledger(S)
        self.notices = Notices()
        self.rounds = []
        self.settled = threading.Event()
        self._offers = tuple(make(self.clock) if callable(make) else make for make in offers)
        self.hardware = Hardware(
            Plan(info=info(), backends=self._offers, intensity=FeedPlan(), kinds=kinds, edge_reads=edge_reads),
            Books(self.ledger, self.clock, self.notices),
            on_chosen=self._chosen,
        )
        self.start_ns = self.clock.monotonic_ns()
        self.hardware.start()

    def _chosen(self, adopted, choices):
        self.rounds.append((adopted, choices))

    def all_answered(self):
        for channel in self.hardware.channels:
            if channel.plan.inline:
                channel.join(5)
        with self.hardware.choosing.settled:
            assert self.hardware.choosing.settled.wait_for(
                lambda: all(channel.state != "opening" for channel in self.hardware.channels), 5
            )
        return self

    @property
    def measured(self):
        return [account.device.id for account in self.ledger.accounts]

    def pass_time(self, seconds):
        self.clock.advance(seconds)
        self.hardware.read_edge(self.clock.monotonic_ns())

    def uses(self):
        return self.ledger.uses(Marks(self.start_ns, ()), self.ledger.marks(self.clock.monotonic_ns()))


@pytest.fixture
def bench():
    made = []

    def make(*offers, **options):
        made.append(Bench(*offers, **options))
        return made[-1]

    yield make
    for each in made:
        assert each.hardware.stop(deadline_s=time.monotonic() + 10) == []


def cpu(name="package-0", watts=100.0, **more):
    return lambda clock: Simulated(clock, {device(name, **more): Profile.constant(watts)})


def offered(name, backend, **options):
    return lambda clock: offer(name, backend(clock), **options)


def test_the_best_backend_that_answers_measures_a_kind(bench):
    made = bench(
        offered("estimate", cpu("cpu", quality=Quality.ESTIMATED), preference=10), offered("rapl", cpu("package-0"))
    ).all_answered()
    assert made.measured == ["package-0"]
    reasons = {choice.backend: (choice.chosen, choice.reason) for choice in made.rounds[-1][1]}
    assert reasons["rapl"] == (True, "answered: a counter")
    assert reasons["estimate"] == (False, "rapl measures the cpu already")


def test_an_absent_backend_gives_way_and_its_reason_is_kept(bench):
    made = bench(
        offer("rapl", absent()), offered("estimate", cpu("cpu", quality=Quality.ESTIMATED), preference=10)
    ).all_answered()
    assert made.measured == ["cpu"]
    assert made.rounds[-1][1][0].reason == "no such sensor here"


def test_an_estimate_waits_for_a_better_backend_that_is_still_opening(bench):
    answered = threading.Event()
    made = bench(
        offer("slow", hang_until(answered), kinds=[DeviceKind.CPU], inline=False),
        offered("estimate", cpu("cpu"), preference=10),
    )
    made.hardware.channels[1].join(5)
    assert made.measured == []
    answered.set()
    made.all_answered()
    assert made.measured == ["cpu"]


def test_a_backend_that_hangs_does_not_hold_up_other_kinds(bench):
    answered = threading.Event()
    made = bench(offer("driver", hang_until(answered), kinds=[DeviceKind.GPU], inline=False), offered("rapl", cpu()))
    made.hardware.channels[1].join(5)
    assert made.measured == ["package-0"]
    answered.set()
    made.all_answered()


def test_two_backends_that_see_one_gpu_count_it_once(bench):
    first = lambda clock: Simulated(  # noqa: E731
        clock, {device("GPU-1", DeviceKind.GPU, aliases=frozenset({"0000:01:00.0"})): Profile.constant(300)}
    )
    second = lambda clock: Simulated(  # noqa: E731
        clock,
        {
            device("0000:01:00.0", DeviceKind.GPU): Profile.constant(300),
            device("0000:02:00.0", DeviceKind.GPU): Profile.constant(200),
        },
    )
    made = bench(offered("nvml", first), offered("daemon", second, preference=50)).all_answered()
    made.hardware.choosing.choose()
    assert sorted(made.measured) == ["0000:02:00.0", "GPU-1"]


def test_a_module_counter_holds_its_cpu_already(bench):
    module = lambda clock: Simulated(  # noqa: E731
        clock,
        {device("GPU-1", DeviceKind.GPU, sensor={"contains": frozenset({DeviceKind.CPU})}): Profile.constant(500)},
    )
    made = bench(offered("nvml", module), offered("rapl", cpu())).all_answered()
    made.pass_time(1)
    made.pass_time(1)
    known = {made.measured[use.device]: use for use in made.uses()}
    assert known["GPU-1"].joules == pytest.approx(1_000.0)
    # Whichever answered first: from the moment that both are known, the CPU is not counted.
    assert "package-0" not in known or (known["package-0"].joules or 0.0) < 1.0


def test_components_leave_out_what_was_not_asked_for(bench):
    made = bench(offered("rapl", cpu()), kinds=frozenset({DeviceKind.GPU})).all_answered()
    assert made.measured == []


def test_a_named_backend_that_is_absent_raises_with_its_own_words(bench):
    made = bench(offer("rapl", absent(), named=True))
    with pytest.raises(SensorAbsent, match="no such sensor here"):
        made.hardware.await_named()


def test_a_backend_without_devices_is_absent(bench):
    made = bench(offered("rapl", lambda clock: Simulated(clock, {}), named=True))
    with pytest.raises(BackendUnavailable, match="it found no device"):
        made.hardware.await_named()


def test_an_edge_reads_a_counter_to_the_joule(bench):
    made = bench(offered("rapl", cpu(watts=100.0))).all_answered()
    made.pass_time(1.5)
    assert made.uses()[0].joules == pytest.approx(150.0)


def test_one_device_of_eight_that_answers_nothing_costs_itself_alone(bench):
    def eight(clock):
        backend = Simulated(clock, {device(f"GPU-{i}", DeviceKind.GPU): Profile.constant(100.0) for i in range(8)})
        backend.faults["GPU-5"] = DeviceLost("not supported")
        return backend

    made = bench(offered("nvml", eight)).all_answered()
    made.pass_time(2)
    uses = {made.measured[use.device]: use for use in made.uses()}
    assert uses.pop("GPU-5").reason == "not supported"
    assert [use.joules for use in uses.values()] == [pytest.approx(200.0)] * 7


def test_a_lost_device_keeps_its_energy_and_comes_back_when_it_answers(bench):
    kept = {}

    def one(clock):
        kept["backend"] = Simulated(clock, {device("GPU-0", DeviceKind.GPU): Profile.constant(100.0)})
        return kept["backend"]

    made = bench(offered("nvml", one)).all_answered()
    made.pass_time(1)
    kept["backend"].faults["GPU-0"] = DeviceLost("GPU is lost")
    made.pass_time(1)
    assert made.uses()[0].joules == pytest.approx(100.0)
    assert made.uses()[0].coverage == pytest.approx(0.5)
    kept["backend"].faults.clear()
    made.pass_time(2)
    made.pass_time(1)
    assert made.uses()[0].joules == pytest.approx(500.0)


def test_a_device_that_keeps_failing_is_left_alone_for_a_while(bench):
    kept = {}

    def one(clock):
        kept["backend"] = Simulated(clock, {device(): Profile.constant(100.0)})
        return kept["backend"]

    made = bench(offered("rapl", one)).all_answered()
    kept["backend"].faults["package-0"] = RetryLater("no answer")
    for _ in range(3):
        made.pass_time(0.1)
    before = kept["backend"].reads
    for _ in range(5):
        made.pass_time(0.1)
    assert kept["backend"].reads == before
    made.pass_time(1.0)
    assert kept["backend"].reads == before + 1


def test_giving_up_ends_a_backend_for_good(bench):
    kept = {}

    def one(clock):
        kept["backend"] = Simulated(clock, {device(): Profile.constant(100.0)})
        return kept["backend"]

    made = bench(offered("rapl", one)).all_answered()
    kept["backend"].faults["package-0"] = GiveUp("the driver was unloaded")
    made.pass_time(1)
    reads = kept["backend"].reads
    made.pass_time(100)
    assert kept["backend"].reads == reads
    assert made.uses()[0].reason == "the driver was unloaded"


def test_giving_up_at_one_device_reads_no_other_of_the_backend(bench):
    kept = {}

    def one(clock):
        boards = {device(f"GPU-{place}", DeviceKind.GPU): Profile.constant(100.0) for place in range(2)}
        kept["backend"] = Simulated(clock, boards)
        return kept["backend"]

    made = bench(offered("nvml", one)).all_answered()
    kept["backend"].faults["GPU-0"] = GiveUp("the driver was unloaded")
    made.pass_time(1)
    assert [account.silent for account in made.ledger.accounts] == ["the driver was unloaded"] * 2
    assert made.ledger.known_until() is None  # nothing is waited for


def test_a_driver_call_that_hangs_holds_up_an_edge_50_ms_at_most(bench):
    kept = {}

    def one(clock):
        kept["backend"] = Simulated(clock, {device("GPU-0", DeviceKind.GPU): Profile.constant(100.0)})
        return kept["backend"]

    made = bench(offered("nvml", one, inline=False), offered("rapl", cpu(watts=10.0))).all_answered()
    kept["backend"].gate = threading.Event()
    made.pass_time(1)  # returns, although the driver does not
    uses = {made.measured[use.device]: use for use in made.uses()}
    assert uses["package-0"].joules == pytest.approx(10.0)
    kept["backend"].gate.set()


def test_no_two_calls_reach_a_backend_at_once(bench):
    class Alone(Simulated):
        inside = 0
        clashes = 0

        def read(self, which):
            type(self).inside += 1
            type(self).clashes += self.inside > 1
            try:
                return super().read(which)
            finally:
                type(self).inside -= 1

    made = bench(offered("rapl", lambda clock: Alone(clock, {device(): Profile.constant(1.0)}))).all_answered()
    threads = [threading.Thread(target=lambda: [made.pass_time(0.001) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Alone.clashes == 0


def test_counters_are_read_four_times_in_the_time_they_take_to_wrap():
    assert interval_ns(60.0, shortest_wrap_s=100.0) == 25 * S
    assert interval_ns(1.0, shortest_wrap_s=100.0) == S
    assert interval_ns(1.0, shortest_wrap_s=None) == S


def test_a_counter_that_disagrees_with_its_power_sensor_is_told_once(bench):
    class Doubtful(Simulated):
        def power_reading(self, _device):
            return PowerReading(200.0, window_s=1.0)  # the counter says 100 W

    made = bench(offered("nvml", lambda clock: Doubtful(clock, {device("GPU-0", DeviceKind.GPU): Profile.constant(100.0)})))
    made.all_answered()
    for _ in range(60):
        made.pass_time(1.0)
    (warning,) = made.notices.texts
    assert "50% apart" in warning


def test_power_of_an_instant_is_read_out_of_step_with_loads_that_pulse_in_round_periods(bench):
    def sampled(clock):
        return Simulated(clock, {device("GPU-0", DeviceKind.GPU, Quality.INTEGRATED): Profile.constant(100.0)}, power=True)

    assert bench(offered("nvml", sampled)).all_answered().hardware.tick_ns() == 990_290_000
    assert bench(offered("rapl", cpu())).all_answered().hardware.tick_ns() == S
