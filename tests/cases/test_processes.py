"""Forks, spawned processes, pools, loaders and ranks: the parent is measured, its children are left in peace."""

import json
import subprocess
import sys

import pytest

import carbonsdk as ct
from carbonsdk.clock import SystemClock
from carbonsdk.testing.nvml import FakeGpu, FakeNvml
from carbonsdk.testing.powercap import PowercapTree, server_zones
from carbonsdk.testing.profile import Profile

needs_fork = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
# Since 3.12 Python itself warns of every fork in a process that has threads; the warning is the user's to see.
QUIET_FORK = ("-W", "ignore::DeprecationWarning") if sys.version_info >= (3, 12) else ()


@needs_fork
def test_a_forked_child_has_no_thread_of_ours_and_leaves_the_record_alone(programs):
    ran = programs.run(
        """
        tracker = ct.CarbonTracker(**SETTINGS)
        with tracker.epoch():
            pass
        child = os.fork()
        if not child:
            with tracker.epoch() as epoch, tracker.span("inside"):
                pass
            assert epoch.report.energy.joules is None and "fork" in epoch.report.reason
            assert threading.enumerate() == [threading.current_thread()]
            tracker.stop()
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        with tracker.epoch():
            pass
        """,
        flags=QUIET_FORK,
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.report().state == "finished"
    assert [epoch.number for epoch in ran.report().epochs] == [0, 1]


@needs_fork
def test_a_child_that_leaves_the_blocks_that_it_was_forked_in_harms_nothing(programs):
    ran = programs.run(
        """
        with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch(), tracker.span("both"):
            child = os.fork()
            if child:
                os.waitpid(child, 0)
        """,
        flags=QUIET_FORK,
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    (epoch,) = ran.report().epochs
    assert not epoch.partial


@needs_fork
def test_a_child_asks_a_tracker_whatever_it_likes_though_the_parent_held_every_lock(programs):
    # The worst moment to fork: each lock of the run is held by a thread that the child does not have.
    ran = programs.run(
        """
        tracker = ct.CarbonTracker(**SETTINGS, epochs=9)
        with tracker.epoch() as before:
            with tracker.span("before") as span:
                pass
        session = tracker._session
        held, done = threading.Event(), threading.Event()

        def hold():
            with session.ledger._lock, session.scribe._folding, session.roster.lock, session.notices._lock:
                with session.hardware.choosing._lock, session.forecaster._lock, session.scribe._writer._lock:
                    held.set()
                    done.wait(20)

        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if not child:
            with tracker.epoch() as epoch, tracker.span("after") as after:
                pass
            epoch.report, after.report, before.report, span.report
            tracker.report(), tracker.forecast(), tracker.await_devices(), tracker.alive, tracker.run_id
            tracker.load_state_dict(tracker.state_dict()), next(tracker.epochs()), next(tracker.epochs(start=3))
            tracker.epoch_start(), tracker.epoch_end(), tracker.stop()
            os._exit(3)
        done.set() if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3 else os._exit(1)
        """,
        flags=QUIET_FORK,
        timeout_s=20,
    )
    assert (ran.code, ran.err) == (0, "")


@needs_fork
def test_a_child_may_have_a_tracker_of_its_own(programs):
    ran = programs.run(
        """
        outer = ct.CarbonTracker(**SETTINGS, run_id="parent")
        child = os.fork()
        if not child:
            with ct.CarbonTracker(**SETTINGS, run_id="child") as tracker, tracker.epoch():
                pass
            os._exit(0)
        os.waitpid(child, 0)
        outer.stop()
        """,
        flags=QUIET_FORK,
    )
    assert ran.err == ""
    assert {run.run_id: (run.state, run.epoch_count) for run in ran.runs} == {
        "parent": ("finished", 0),
        "child": ("finished", 1),
    }


POOL = """
import multiprocessing

print("the module was run")

@ct.track_epoch
def square(x):
    return x * x

if __name__ == "__main__":
    ct.configure(**SETTINGS)
    with ct.epoch():
        with multiprocessing.get_context(METHOD).Pool(2) as pool:
            assert pool.map(square, range(8)) == [x * x for x in range(8)]
    assert square(3) == 9
    report = ct.stop()
    assert report.epoch_count == 2, report.epoch_count
"""


@needs_fork
def test_a_pool_of_forked_workers_runs_decorated_functions(programs):
    ran = programs.run("METHOD = 'fork'\n" + POOL, flags=QUIET_FORK)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "the module was run\n"
    assert len(ran.runs) == 1


@pytest.mark.parametrize("method", ["spawn", pytest.param("forkserver", marks=needs_fork)])
def test_a_pool_of_fresh_workers_runs_main_once_a_worker_and_not_for_us(programs, method):
    ran = programs.run(f"METHOD = {method!r}\n" + POOL, environ={"CARBONSDK_VERBOSE": "0", "CARBONSDK_OFFLINE": "1"})
    assert (ran.code, ran.err) == (0, "")
    # multiprocessing itself runs the module once a worker; a tracker adds no process, and so no run.
    assert ran.out.count("the module was run") == 3


def test_a_subinterpreter_measures_or_is_told_why_not(programs):
    ran = programs.run(
        """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters

        with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch():
            fresh = interpreters.create()
            head = open(__file__).read().partition("try:")[0]
            run = "with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch(): pass"
            failed = interpreters.run_string(fresh, f"import sys; sys.path[:] = {sys.path!r}\\n{head}{run}")
            interpreters.destroy(fresh)
        assert failed is None, failed
        """
    )
    assert (ran.code, ran.err) == (0, "")
    assert sorted(run.epoch_count for run in ran.runs) == [1, 1]


def test_making_and_stopping_a_tracker_starts_no_process(programs):
    ran = programs.run(
        """
        import subprocess
        STARTS = ("subprocess.", "os.fork", "os.exec", "os.system", "os.posix_spawn")
        sys.addaudithook(lambda event, args: event.startswith(STARTS) and os.write(2, event.encode()))
        with ct.CarbonTracker(zone="DE", offline=True, verbose=0) as tracker, tracker.epoch():
            pass
        """
    )
    assert (ran.code, ran.err) == (0, "")


@needs_fork
def test_the_workers_of_a_data_loader_load_while_the_epoch_is_measured(programs):
    pytest.importorskip("torch")
    ran = programs.run(
        """
        import torch
        from torch.utils.data import DataLoader, Dataset

        class Squares(Dataset):
            def __len__(self):
                return 32
            @ct.track_epoch
            def __getitem__(self, index):
                with ct.span("load"):
                    return torch.tensor(float(index * index))

        if __name__ == "__main__":
            tracker = ct.CarbonTracker(**SETTINGS, epochs=2)
            with tracker:
                for _ in tracker.epochs():
                    loader = DataLoader(Squares(), batch_size=8, num_workers=2)
                    assert sum(batch.sum().item() for batch in loader) == sum(i * i for i in range(32))
        """,
        flags=QUIET_FORK,
        timeout_s=90,
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    report = ran.report()
    assert report.epoch_count == 2
    assert not any(epoch.spans for epoch in report.epochs)  # the workers' spans are not the parent's


def test_a_tracker_in_an_object_that_is_pickled_measures_nothing_in_its_copy(programs):
    ran = programs.run(
        """
        import copy, pickle
        tracker = ct.CarbonTracker(**SETTINGS)
        trainer = {"tracker": tracker, "epoch": tracker.epoch()}
        assert copy.deepcopy(trainer)["tracker"] is tracker
        assert copy.copy(tracker) is tracker
        copied = pickle.loads(pickle.dumps(trainer))["tracker"]
        with copied.epoch() as epoch, copied.span("inside"):
            pass
        assert epoch.report.energy.joules is None
        assert "copy" in epoch.report.reason
        assert copied.run_id == tracker.run_id
        assert not copied.alive
        assert copied.stop().energy.joules is None
        assert list(copied.epochs().__class__.__name__)
        with tracker.epoch():
            pass
        """
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.report().epoch_count == 1


@needs_fork
def test_a_child_has_a_default_tracker_though_a_thread_of_its_parent_was_making_one(programs):
    ran = programs.run(
        """
        ct.configure(**SETTINGS)
        held, done = threading.Event(), threading.Event()

        def make():
            with ct.api._lock:
                held.set()
                done.wait(20)

        threading.Thread(target=make).start()
        held.wait()
        child = os.fork()
        if not child:
            with ct.epoch():
                pass
            os._exit(ct.stop().epoch_count)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        done.set()
        """,
        flags=QUIET_FORK,
        timeout_s=20,
    )
    assert (ran.code, ran.out, ran.err) == (0, "1\n", "")


RANK = """
import time
tracker = ct.CarbonTracker(backends={{"rapl": {rapl}, "nvml": {{}}}}, zone="DE", offline=True, verbose=0)
tracker.await_devices(10)
with tracker.epoch():
    print("running", flush=True)
    sys.stdin.readline()
    time.sleep(1)
tracker.stop()
"""


@pytest.fixture
def four_gpus(tmp_path, fake_nvml_library):
    """A host with a package of 100 W, memory of 20 W and four GPUs, all of it in real time; yield what a process needs."""
    zones = server_zones(Profile.constant(100.0), memory=Profile.constant(20.0))
    tree = PowercapTree(tmp_path / "sys", SystemClock(), zones=zones)
    gpus = [
        FakeGpu(uuid=f"GPU-{n}000", bus_id=f"00000000:0{n}:00.0", profile=Profile.constant(100.0 * n)) for n in (1, 2, 3, 4)
    ]
    fake = FakeNvml(tmp_path / "driver", gpus, real_time=True)
    with tree.live():
        rapl = {"root": str(tmp_path / "sys"), "proc": str(tmp_path), "interface": "powercap"}
        yield RANK.format(rapl=json.dumps(rapl)), fake.environ(fake_nvml_library)
    fake.close()


@pytest.mark.parametrize("sees", ["all", "its own"])
def test_four_ranks_on_one_host_count_its_cpu_and_each_gpu_once(programs, four_gpus, sees):
    source, environ = four_gpus
    job = {"TORCHELASTIC_RUN_ID": "job", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4"}
    command = programs.command(source)

    def start(rank):
        own = {"CUDA_VISIBLE_DEVICES": str(rank)} if sees == "its own" else {}
        variables = programs.environment(**environ, **job, RANK=str(rank), LOCAL_RANK=str(rank), **own)
        return subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    ranks = [start(rank) for rank in range(4)]
    assert [each.stdout.readline() for each in ranks] == ["running\n"] * 4
    for each in ranks:
        each.stdin.write("\n")
        each.stdin.flush()
    assert [(*each.communicate(timeout=60), each.returncode) for each in ranks] == [("", "", 0)] * 4
    (run,) = ct.runs.list(programs.state)
    report = ct.runs.load(run.run_id, programs.state)
    spans = {}
    for part in ct.runs.parts(run.run_id, programs.state):  # all ran at one moment, so what two saw has no gap
        for device in part.assembly.devices:
            spans.setdefault(device.id, []).extend(part.span)
    seen_s = {name: (max(moments) - min(moments)) / 1e9 for name, moments in spans.items()}
    watts = {each.device.id: each.energy.joules / (each.energy.coverage * seen_s[each.device.id]) for each in report.devices}
    expected = {"package-0": 100, "dram-0": 20, "GPU-1000": 100, "GPU-2000": 200, "GPU-3000": 300, "GPU-4000": 400}
    # One that counted twice would be at 200 %.
    assert watts == {name: pytest.approx(each, rel=0.4) for name, each in expected.items()}
    assert report.epoch_count == 1
