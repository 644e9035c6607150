"""CPU energy from load and memory energy from capacity, on a `/proc` and a control group laid out on disk."""

import csv
import os
from importlib.resources import files

import pytest

from carbonsdk.backends.cpu_load.curve import BIAS, package_watts
from carbonsdk.backends.cpu_load.modules import kind_named
from carbonsdk.plugin import CounterReading, DeviceKind, DeviceLost, Quality, RetryLater, SettingsError
from carbonsdk.testing import check_backend

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
GIB_KB = 1024 * 1024


class Machine:
    """A `/proc` and a `/sys/fs/cgroup` in a folder, in the kernel's own words."""

    def __init__(self, root):
        self.proc, self.cgroup, self.run_folder, self.sys = root / "proc", root / "cgroup", root / "run", root / "sys"
        (self.proc / "self").mkdir(parents=True)
        self.cgroup.mkdir()
        self.busy_s = []

    def describe(self, *, cpus=8, model="Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz", sockets=1, flags="fpu", memory_gb=64):
        blocks = [
            f"processor\t: {cpu}\nmodel name\t: {model}\nphysical id\t: {cpu % sockets}\nflags\t\t: {flags}\n\n"
            for cpu in range(cpus)
        ]
        (self.proc / "cpuinfo").write_text("".join(blocks))
        (self.proc / "meminfo").write_text(f"MemTotal:       {memory_gb * GIB_KB} kB\nMemFree:  1 kB\n")
        self.busy_s = [0.0] * cpus
        self.allow(f"0-{cpus - 1}")
        self.run()
        return self

    def allow(self, cpus):
        (self.proc / "self" / "status").write_text(f"Name:\tpython\nCpus_allowed:\tff\nCpus_allowed_list:\t{cpus}\n")

    def run(self, seconds=0.0, *, cpus=()):
        """Keep some CPUs busy for so long, and tell it as the kernel does, in ticks."""
        for cpu in cpus:
            self.busy_s[cpu] += seconds
        lines = [f"cpu{cpu} {round(busy * TICKS_PER_S)} 0 0 999 7 0 0 50 0 0" for cpu, busy in enumerate(self.busy_s)]
        whole = f"cpu  {round(sum(self.busy_s) * TICKS_PER_S)} 0 0 7992 56 0 0 400 0 0"
        (self.proc / "stat").write_text("\n".join([whole, *lines, "intr 12345 0 0", "ctxt 1"]) + "\n")

    def tell_udev(self, *kinds, absent="Unknown"):
        slots = [
            f"E:MEMORY_DEVICE_{number}_TYPE={kind}\nE:MEMORY_DEVICE_{number}_SIZE=17179869184"
            for number, kind in enumerate(kinds)
        ]
        empty = [f"E:MEMORY_DEVICE_{number}_PRESENT=0\nE:MEMORY_DEVICE_{number}_TYPE={absent}" for number in range(5, 10)]
        folder = self.run_folder / "udev" / "data"
        folder.mkdir(parents=True)
        (folder / "+dmi:id").write_text(
            "\n".join(["I:1234", "E:MEMORY_ARRAY_NUM_DEVICES=10", *slots, *empty, "G:systemd"]) + "\n"
        )

    def process(self, pid, *, ticks):
        (self.proc / str(pid)).mkdir(exist_ok=True)
        fields = ["S", "0", *["0"] * 9, *map(str, ticks), *["0"] * 30]
        (self.proc / str(pid) / "stat").write_text(f"{pid} (a (b) c) {' '.join(fields)}\n")

    def confine_v2(self, quota, *, place="/", usage_us=0, memory_max="max"):
        (self.proc / "self" / "cgroup").write_text(f"0::{place}\n")
        group = self.cgroup / place.lstrip("/")
        group.mkdir(parents=True, exist_ok=True)
        (group / "cpu.max").write_text(f"{quota}\n")
        (group / "cpu.stat").write_text(f"usage_usec {usage_us}\nuser_usec {usage_us}\nsystem_usec 0\n")
        (group / "memory.max").write_text(f"{memory_max}\n")

    def confine_v1(self, quota_us, *, usage_ns=0):
        (self.proc / "self" / "cgroup").write_text("5:cpu,cpuacct:/docker/ab12\n4:memory:/docker/ab12\n0::/\n")
        group = self.cgroup / "cpu,cpuacct"
        group.mkdir(exist_ok=True)
        (group / "cpu.cfs_quota_us").write_text(f"{quota_us}\n")
        (group / "cpu.cfs_period_us").write_text("100000\n")
        (group / "cpuacct.usage").write_text(f"{usage_ns}\n")
        memory = self.cgroup / "memory"
        memory.mkdir(exist_ok=True)
        (memory / "memory.limit_in_bytes").write_text(f"{16 << 30}\n")


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path).describe()


@pytest.fixture
def cpu_load(make, machine):
    places = {"proc": machine.proc, "cgroup": machine.cgroup, "run": machine.run_folder, "sys": machine.sys}
    return lambda **settings: make("cpu_load", **places, **settings)


def joules(backend, kind=DeviceKind.CPU):
    """Return the joules of a kind's device that `backend` has open, as a function."""
    (device,) = [device for device in backend.open() if device.kind is kind]
    return lambda: backend.read(device).joules


def note_of(backend, kind=DeviceKind.CPU):
    (device,) = [device for device in backend.open() if device.kind is kind]
    return device.sensor.note


# The curve


def test_the_curve_at_full_load_is_its_share_of_tdp():
    assert package_watts(1.0, 100.0) == pytest.approx(84.0)
    assert package_watts(0.5, 100.0) == pytest.approx(84.0 * 0.5**0.8)


def test_an_idle_package_still_draws_something():
    assert package_watts(0.0, 100.0) == package_watts(0.01, 100.0) == pytest.approx(84.0 * 0.01**0.8)


def test_a_measured_idle_power_is_where_the_curve_starts():
    assert package_watts(0.0, 100.0, idle_watts=20.0) == 20.0
    assert package_watts(1.0, 100.0, idle_watts=20.0) == pytest.approx(84.0)


def test_a_part_never_draws_more_than_the_whole():
    watts = [package_watts(percent / 100, 150.0) for percent in range(-10, 120)]

    assert watts == sorted(watts)


def test_the_stated_interval_holds_the_measurements_it_was_fitted_to():
    table = files("carbonsdk.backends.cpu_load").joinpath("data/load_vs_power.csv").read_text()
    rows = list(csv.DictReader(table.splitlines()))
    estimates = [package_watts(float(row["load"]), float(row["tdp_watts"])) for row in rows]
    inside = sum(
        abs(float(row["package_watts"]) - estimate) <= BIAS * estimate for row, estimate in zip(rows, estimates, strict=True)
    )

    assert len(rows) == 64
    assert inside >= 0.9 * len(rows)


# Energy from load


def test_energy_is_the_power_of_the_load_times_the_time(cpu_load, machine, clock):
    read = joules(cpu_load())
    clock.advance(10.0)
    machine.run(10.0, cpus=(0, 1, 2, 3))

    # 4 of 8 CPUs of an 85 W package.
    assert read() == pytest.approx(10.0 * 85.0 * 0.84 * 0.5**0.8)


def test_each_stretch_is_charged_at_its_own_load(cpu_load, machine, clock):
    read = joules(cpu_load())
    clock.advance(2.0)
    machine.run(2.0, cpus=range(8))
    busy = read()
    clock.advance(2.0)

    assert busy == pytest.approx(2.0 * 85.0 * 0.84)
    assert read() - busy == pytest.approx(2.0 * 85.0 * 0.84 * 0.01**0.8)


def test_a_stretch_too_short_for_ticks_goes_on_at_the_last_power(cpu_load, machine, clock):
    read = joules(cpu_load())
    clock.advance(1.0)
    machine.run(1.0, cpus=range(8))
    before = read()
    clock.advance(0.01)

    assert read() - before == pytest.approx(0.01 * 85.0 * 0.84)


def test_short_stretches_add_up_to_the_long_one(cpu_load, machine, clock):
    often, once = joules(cpu_load()), joules(cpu_load())
    for _ in range(100):
        clock.advance(0.01)
        machine.run(0.01, cpus=(0, 1))
        often()

    assert often() == pytest.approx(once(), rel=1e-6)


def test_the_counter_never_falls_when_load_does(cpu_load, machine, clock):
    read = joules(cpu_load())
    values = []
    for step in range(60):
        clock.advance(0.02)
        machine.run(0.02, cpus=range(8) if step < 10 else ())
        values.append(read())

    assert values == sorted(values)


def test_a_cpu_taken_offline_is_no_negative_energy(cpu_load, machine, clock):
    machine.run(100.0, cpus=range(8))
    read = joules(cpu_load())
    before = read()
    machine.busy_s = machine.busy_s[:4]
    machine.run()
    clock.advance(1.0)

    assert read() >= before


def test_an_unreadable_stat_is_tried_again_later(cpu_load, machine, clock):
    read = joules(cpu_load())
    (machine.proc / "stat").rename(machine.proc / "away")
    clock.advance(1.0)
    with pytest.raises(RetryLater):
        read()

    (machine.proc / "away").rename(machine.proc / "stat")
    assert read() > 0


# Whose load


def test_affinity_counts_what_runs_on_the_allowed_cpus(cpu_load, machine, clock):
    machine.allow("0-1")
    backend = cpu_load()
    read = joules(backend)
    clock.advance(1.0)
    machine.run(1.0, cpus=(1, 5, 6, 7))

    assert read() == pytest.approx(85.0 * 0.84 * (1 / 8) ** 0.8)
    assert "2 CPUs that this process may run on, of 8" in note_of(backend)


def test_a_main_thread_that_is_bound_to_a_cpu_does_not_stand_for_the_others(cpu_load, machine):
    machine.allow("0")
    for number in range(4):
        thread = machine.proc / "self" / "task" / str(100 + number)
        thread.mkdir(parents=True)
        (thread / "status").write_text(f"Name:\tpython\nCpus_allowed_list:\t{2 * number}-{2 * number + 1}\n")

    assert note_of(cpu_load()).endswith("load of 8 CPUs")


def test_a_v2_quota_counts_what_the_group_used(cpu_load, machine, clock):
    machine.confine_v2("200000 100000")
    backend = cpu_load()
    read = joules(backend)
    clock.advance(1.0)
    machine.run(1.0, cpus=range(8))
    machine.confine_v2("200000 100000", usage_us=2_000_000)

    assert read() == pytest.approx(85.0 * 0.84 * (2 / 8) ** 0.8)
    assert "may use 2 of 8 CPUs" in note_of(backend)


def test_a_quota_of_a_group_above_counts(cpu_load, machine):
    machine.confine_v2("150000 100000", place="/job")
    machine.confine_v2("max 100000", place="/job/step")

    assert "may use 1.5 of 8 CPUs" in note_of(cpu_load())


def test_a_sandbox_that_tells_no_cpu_time_is_charged_that_of_its_processes(cpu_load, machine, clock):
    # gVisor's /proc/stat holds zeros, for idle CPUs as well.
    (machine.proc / "stat").write_text("".join(f"cpu{cpu} 0 0 0 0 0 0 0 0 0 0\n" for cpu in ("", *range(8))))
    machine.process(1, ticks=(0, 0, 0, 0))
    machine.process(7, ticks=(0, 0, 0, 0))
    backend = cpu_load()
    read = joules(backend)
    clock.advance(1.0)
    machine.process(7, ticks=(TICKS_PER_S, TICKS_PER_S, 0, 2 * TICKS_PER_S))

    assert read() == pytest.approx(85.0 * 0.84 * (4 / 8) ** 0.8)
    assert "this sandbox tells of no others" in note_of(backend)


def test_no_quota_is_the_whole_machine(cpu_load, machine):
    machine.confine_v2("max 100000")

    assert note_of(cpu_load()).endswith("load of 8 CPUs")


def test_a_v1_quota_counts_what_the_group_used(cpu_load, machine, clock):
    machine.confine_v1(400_000)
    read = joules(cpu_load())
    clock.advance(1.0)
    machine.confine_v1(400_000, usage_ns=4_000_000_000)

    assert read() == pytest.approx(85.0 * 0.84 * 0.5**0.8)


def test_a_group_that_is_gone_is_a_lost_device(cpu_load, machine, clock):
    machine.confine_v2("200000 100000")
    read = joules(cpu_load())
    (machine.cgroup / "cpu.stat").unlink()
    clock.advance(1.0)

    with pytest.raises(DeviceLost):
        read()


# Whose TDP


def test_the_matched_model_is_told(cpu_load):
    (cpu, _) = cpu_load().open()

    assert cpu.name == "Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz"
    assert (cpu.sensor.quality, cpu.sensor.bias) == (Quality.ESTIMATED, BIAS)
    assert cpu.sensor.note.startswith("TDP 85 W of Intel Xeon E5-2620 v3;")


def test_sockets_multiply_the_tdp(cpu_load, machine, clock):
    machine.describe(sockets=2)
    backend = cpu_load()
    read = joules(backend)
    clock.advance(1.0)
    machine.run(1.0, cpus=range(8))

    assert read() == pytest.approx(2 * 85.0 * 0.84)
    assert "on 2 sockets" in note_of(backend)


def test_a_users_own_tdp_wins(cpu_load, machine, clock):
    backend = cpu_load(cpu_tdp_watts=200.0, cpu_idle_watts=30.0)
    read = joules(backend)
    clock.advance(1.0)

    assert read() == pytest.approx(30.0)
    assert "200 W as given" in note_of(backend)


def test_an_unknown_model_is_a_labelled_guess_with_a_wide_interval(cpu_load, machine, clock):
    machine.describe(model="Intel(R) Xeon(R) Processor")
    backend = cpu_load()
    (cpu, _) = backend.open()
    clock.advance(1.0)
    machine.run(1.0, cpus=range(8))

    assert backend.read(cpu).joules == pytest.approx(8 * 5.0 * 0.84)
    assert "no TDP is known for 'Intel(R) Xeon(R) Processor': 5 W for each of 8 CPUs is assumed" in cpu.sensor.note
    assert cpu.sensor.bias > 1.0


def test_a_virtual_machine_is_not_charged_the_whole_chip(cpu_load, machine):
    machine.describe(cpus=2, model="Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", flags="fpu hypervisor")

    assert "a virtual machine's part of Intel Xeon Platinum 8375C: 5 W for each of 2 CPUs is assumed" in note_of(cpu_load())


# Memory


def test_memory_is_its_capacity_times_a_figure(cpu_load, clock):
    backend = cpu_load()
    read = joules(backend, DeviceKind.MEMORY)
    clock.advance(10.0)

    assert read() == pytest.approx(10.0 * 64 * 0.37)
    assert "64.0 GB of unknown kind (installed) at 0.37 W/GB" in note_of(backend, DeviceKind.MEMORY)


def test_the_kind_of_memory_that_udev_knows_counts(cpu_load, machine, clock):
    machine.tell_udev("DDR5", "DDR5", absent="DDR4")
    backend = cpu_load()
    read = joules(backend, DeviceKind.MEMORY)
    clock.advance(1.0)

    # 1.1 V in the place of DDR4's 1.2 V.
    assert read() == pytest.approx(64 * 0.37 * 1.21 / 1.44)
    assert "64.0 GB DDR5 (installed) at 0.31 W/GB" in note_of(backend, DeviceKind.MEMORY)


def test_the_kind_of_memory_that_the_kernel_knows_counts(cpu_load, machine):
    for number in range(2):
        folder = machine.sys / f"devices/system/edac/mc/mc{number}/dimm0"
        folder.mkdir(parents=True)
        (folder / "dimm_mem_type").write_text("Registered-DDR3\n")

    assert "DDR3 (installed) at 0.58 W/GB" in note_of(cpu_load(), DeviceKind.MEMORY)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LPDDR5X", "LPDDR5"),
        ("Low-Power-DDR4-RAM", "LPDDR4"),
        ("Load-Reduced-DDR5-RAM", "DDR5"),
        ("ddr4", "DDR4"),
        ("RAM", None),
        ("High-bandwidth-memory-Gen2", None),
        ("DDR9", None),
    ],
)
def test_kinds_are_read_as_firmware_and_kernel_name_them(name, kind):
    assert kind_named(name) == kind


def test_a_users_own_kind_of_memory_wins(cpu_load, machine):
    machine.tell_udev("DDR5")

    assert "LPDDR4 (installed) at 0.31 W/GB" in note_of(cpu_load(memory_kind="lpddr4"), DeviceKind.MEMORY)


def test_a_kind_of_memory_that_is_none_is_refused(cpu_load):
    with pytest.raises(SettingsError, match="memory_kind is one of DDR2"):
        cpu_load(memory_kind="SSD")


def test_memory_of_a_limited_group_is_its_limit(cpu_load, machine):
    machine.confine_v2("max 100000", memory_max=8 << 30)

    assert "8.0 GB of unknown kind (this control group's limit)" in note_of(cpu_load(), DeviceKind.MEMORY)


@pytest.mark.parametrize(
    "stat",
    [
        "anon 3000\nfile 9999\nfile_mapped 1000\n",
        "cache 9999\nrss 1\nmapped_file 1\ntotal_rss 3000\ntotal_mapped_file 1000\n",
    ],
)
def test_the_use_of_a_limited_group_s_memory_is_what_it_has_mapped(cpu_load, machine, stat):
    machine.confine_v2("max 100000", memory_max=8 << 30)
    (machine.cgroup / "memory.stat").write_text(stat)
    backend = cpu_load()
    (memory,) = [device for device in backend.open() if device.kind is DeviceKind.MEMORY]

    assert backend.usage(memory) == 4000


def test_the_use_of_all_memory_is_not_the_estimates_to_tell(cpu_load, machine):
    backend = cpu_load()
    (memory,) = [device for device in backend.open() if device.kind is DeviceKind.MEMORY]

    assert backend.usage(memory) is None


def test_a_users_own_figure_for_memory_wins(cpu_load, machine, clock):
    machine.confine_v1(-1)
    read = joules(cpu_load(memory_watts_per_gb=0.5), DeviceKind.MEMORY)
    clock.advance(1.0)

    assert read() == pytest.approx(16 * 0.5)


# The rest


def test_it_answers_on_a_machine_without_proc(make, tmp_path, clock):
    backend = make("cpu_load", proc=tmp_path / "none", cgroup=tmp_path / "none")
    devices = backend.open()
    clock.advance(1.0)

    assert {device.kind for device in devices} == {DeviceKind.CPU, DeviceKind.MEMORY}
    assert all(backend.read(device).joules > 0 for device in devices)


def test_it_keeps_the_contract_of_a_backend(cpu_load, clock):
    check_backend(cpu_load, between_reads=lambda: clock.advance(0.2))


def test_it_answers_on_this_machine(make):
    backend = make("cpu_load")

    assert [backend.read(device) for device in backend.open()] == [CounterReading(0.0), CounterReading(0.0)]


def test_a_closed_backend_has_lost_its_devices(cpu_load):
    backend = cpu_load()
    backend.close()
    (cpu, _) = backend.open()
    backend.close()

    with pytest.raises(DeviceLost):
        backend.read(cpu)


@pytest.mark.parametrize("watts", [-1.0, float("nan"), float("inf")])
def test_watts_that_make_no_sense_are_refused(cpu_load, watts):
    with pytest.raises(SettingsError, match="cpu_tdp_watts"):
        cpu_load(cpu_tdp_watts=watts)
