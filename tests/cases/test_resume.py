"""A run that goes on: by its name, by the scheduler's job, from a checkpoint."""

import json
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import carbonsdk as ct
from carbonsdk.errors import SettingsError


@pytest.fixture
def tracker(tmp_path):
    made = []

    def make(**settings):
        base = {"backends": {"replay": {"watts": {"cpu": 100}}}, "zone": "DE", "offline": True, "verbose": 0}
        made.append(ct.CarbonTracker(**{**base, "state_dir": tmp_path, **settings}))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def epochs_of(tracker, count):
    for _ in range(count):
        with tracker.epoch():
            sum(range(2_000))


def records(tmp_path):
    return sorted(path.relative_to(tmp_path / "runs").parts[0] for path in (tmp_path / "runs").rglob("*.jsonl"))


def test_a_run_named_again_is_numbered_on_and_its_totals_add_up(tracker, tmp_path):
    first = tracker(run_id="long")
    epochs_of(first, 3)
    first = first.stop()
    second = tracker(run_id="long")
    epochs_of(second, 2)
    second = second.stop()
    report = ct.runs.load("long", tmp_path)
    assert report.attempts == 2
    assert [epoch.number for epoch in report.epochs] == [0, 1, 2, 3, 4]
    assert report.energy.joules == pytest.approx(first.energy.joules + second.energy.joules)
    assert report.duration_s == pytest.approx(first.duration_s + second.duration_s)
    assert report.co2eq_grams == pytest.approx(first.co2eq_grams + second.co2eq_grams)


def test_the_time_between_attempts_is_shown_as_lost(programs):
    source = """
    import time
    from carbonsdk.clock import SystemClock
    # The requeue took two minutes: the second attempt's clock says so.
    if len(sys.argv) > 1:
        real = time.time_ns
        time.time_ns = lambda: real() + 120 * 10**9
    with ct.CarbonTracker(**SETTINGS, run_id="long") as tracker, tracker.epoch():
        pass
    """
    assert programs.run(source).code == 0
    ran = programs.run(source.replace("len(sys.argv) > 1", "True"))
    lost = [text for text in ran.report().warnings if "between attempts" in text]
    assert len(lost) == 1
    assert 119 <= float(lost[0].split()[0]) <= 180  # a program has 30 s


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells when a process began")
def test_an_attempt_whose_clock_was_set_back_is_the_newest_all_the_same(programs):
    source = """
    import time
    now_ns = time.time_ns() - BACK_S * 10**9
    time.time_ns = lambda: now_ns
    tracker = ct.CarbonTracker(**SETTINGS, run_id="long")
    with tracker.epoch():
        pass
    if not BACK_S:
        os._exit(9)
    """
    assert programs.run(source.replace("BACK_S", "0")).code == 9
    ran = programs.run(source.replace("BACK_S", "3600"))
    assert (ran.code, ran.err) == (0, "")
    report = ran.report()
    assert (report.state, report.attempts, report.epoch_count) == ("finished", 2, 2)
    assert report.duration_s < 60
    assert report.warnings == ("the clock was set back between attempts: how long nothing ran then is not known",)


TRAIN = """
tracker = ct.CarbonTracker(**SETTINGS, epochs=4)
for number in tracker.epochs(start=int(os.environ.get("CHECKPOINT", 0))):
    if number == int(os.environ["DIES_IN"]):
        os.kill(os.getpid(), 9)
"""


def test_a_requeued_job_goes_on_by_the_scheduler_s_name_for_it(programs):
    job = {"SLURM_JOB_ID": "4711", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}
    assert programs.run(TRAIN, environ={**job, "DIES_IN": "2"}).code == -9
    ran = programs.run(TRAIN, environ={**job, "CHECKPOINT": "2", "DIES_IN": "-1"})
    assert (ran.code, ran.err) == (0, "")
    (run,) = ran.runs
    assert run.run_id == "slurm-4711-train.py"
    assert (run.state, run.attempts) == ("finished", 2)
    whole = [epoch.number for epoch in ran.report().epochs if not epoch.partial]
    assert whole == [0, 1, 2, 3]


BATCH = {"SLURM_JOB_ID": "4711", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}


def test_programs_of_one_batch_script_that_no_srun_starts_are_runs_of_their_own(programs):
    source = """
    with ct.CarbonTracker(**SETTINGS, name=NAME) as tracker:
        for _ in range(COUNT):
            with tracker.epoch():
                pass
    """
    for name, count in (("'prepare'", "1"), ("'train'", "3"), ("None", "2")):
        ran = programs.run(source.replace("NAME", name).replace("COUNT", count), environ=BATCH)
        assert (ran.code, ran.err) == (0, "")
    told = {run.run_id: (run.epoch_count, run.attempts) for run in ran.runs}
    assert told == {"slurm-4711-prepare": (1, 1), "slurm-4711-train": (3, 1), "slurm-4711-train.py": (2, 1)}


def test_one_program_twice_at_once_in_a_batch_script_is_one_run_of_two_whole_records(programs):
    # 100 W for each tracker of one and the same machine: what both watched at once is counted once.
    source = """
    import time
    tracker = ct.CarbonTracker(**SETTINGS)
    with tracker.epoch():
        print("running", flush=True)
        sys.stdin.readline()
        time.sleep(0.2)
    report = tracker.stop()
    print(report.duration_s, report.energy.joules, *[text for text in report.warnings if "another process" in text], sep="|")
    """
    programs.environment = partial(programs.environment, **BATCH)
    first = programs.start(source, stdin=subprocess.PIPE)
    assert first.stdout.readline() == "running\n"
    second = programs.start(source, stdin=subprocess.PIPE)
    assert second.stdout.readline() == "running\n"
    ended = [process.communicate("\n", timeout=30)[0].strip().split("|") for process in (first, second)]
    assert [len(told) for told in ended] == [2, 3]
    assert "run_id" in ended[1][2]
    report = ct.runs.load("slurm-4711-train.py", programs.state)
    assert report.attempts == 1
    assert [epoch.number for epoch in report.epochs] == [0]
    assert report.energy.joules < sum(float(joules) for _, joules, *_ in ended)
    assert report.energy.joules == pytest.approx(100 * report.duration_s, rel=0.05)
    records = sorted((programs.state / "runs" / "slurm-4711-train.py").glob("*.jsonl"))
    alone = [ct.runs.load(record) for record in records]
    assert sorted(each.energy.joules for each in alone) == pytest.approx(sorted(float(told[1]) for told in ended))


def test_a_loop_without_a_start_runs_from_0_whatever_the_record_says(tracker):
    # A job that has no checkpoint trains from the start again: the tracker must not make it skip epochs.
    first = tracker(run_id="long", epochs=3)
    assert list(first.epochs()) == [0, 1, 2]
    first.stop()
    assert list(tracker(run_id="long", epochs=3).epochs()) == [0, 1, 2]


@pytest.mark.parametrize(
    "carry", [lambda state: json.loads(json.dumps(state)), lambda state: pickle.loads(pickle.dumps(state))]
)
def test_a_checkpoint_holds_what_the_run_needs_to_go_on(tracker, tmp_path, carry):
    first = tracker(epochs=5)
    for number in first.epochs():
        state = carry(first.state_dict())
        if number == 2:
            break
    first = first.stop()

    second = tracker(epochs=5)
    own = second.run_id
    second.load_state_dict(state)
    assert second.run_id == first.run_id != own
    assert list(second.epochs(start=3)) == [3, 4]
    second = second.stop()

    assert set(records(tmp_path)) == {first.run_id}  # the second's own record went along
    assert not (tmp_path / "runs" / own).exists()
    report = ct.runs.load(first.run_id, tmp_path)
    assert report.attempts == 2
    assert [epoch.number for epoch in report.epochs] == [0, 1, 2, 3, 4]
    assert report.energy.joules == pytest.approx(first.energy.joules + second.energy.joules)


def test_a_checkpoint_behind_the_record_numbers_the_repeated_epochs_as_they_are(tracker, tmp_path):
    first = tracker(run_id="long")
    epochs_of(first, 2)
    state = first.state_dict()
    epochs_of(first, 2)
    first.stop()
    second = tracker(run_id="long")
    second.load_state_dict(state)
    epochs_of(second, 1)
    second.stop()
    report = ct.runs.load("long", tmp_path)
    assert [epoch.number for epoch in report.epochs] == [0, 1, 2, 3, 2]  # in order of attempts
    assert report.epoch_count == 4  # how far the training is


# The record knows of 5 of 6 epochs; the last checkpoint was written before the fourth.
@pytest.mark.parametrize(
    ("go_on", "left"),
    [
        (lambda tracker: tracker.epochs(start=3), 3),
        (lambda tracker: tracker.epochs(), 6),
        (lambda tracker: tracker.load_state_dict({"version": 1, "run_id": "long", "next_epoch": 3}), 3),
        (lambda tracker: None, 1),  # as far as the record tells
    ],
    ids=["start", "from 0", "state", "record"],
)
def test_the_forecast_is_of_what_the_training_does_again_and_has_left(tracker, go_on, left):
    first = tracker(run_id="long", epochs=6)
    epochs_of(first, 5)
    first.stop()
    second = tracker(run_id="long", epochs=6)
    numbers = go_on(second)
    if numbers is None:
        epochs_of(second, 1)
    else:
        next(numbers), next(numbers)
    assert second.forecast().epochs_total == left
    assert second.forecast().epochs_seen == 1


def test_what_was_measured_before_the_checkpoint_was_loaded_goes_along(tracker, tmp_path):
    first = tracker()
    epochs_of(first, 1)
    state = first.state_dict()
    first.stop()
    second = tracker()
    second.await_devices()
    began = second.report().start
    second.load_state_dict(state)
    epochs_of(second, 1)
    report = second.stop()
    assert report.start == began
    assert report.energy.joules == pytest.approx(100 * report.duration_s * report.energy.coverage, rel=0.02)
    assert [each.device.name for each in report.devices] == [each.device.name for each in first.report().devices]


def test_a_record_that_may_not_be_read_is_told_of(tracker, tmp_path):
    # As of another user; a file that leads to itself is closed to root, too.
    first = tracker(run_id="long")
    epochs_of(first, 2)
    closed = Path(first.stop().record).with_name("closed.jsonl")
    closed.symlink_to(closed)
    second = tracker(run_id="long")
    epochs_of(second, 1)
    second = second.stop()
    assert [epoch.number for epoch in second.epochs] == [2]
    (told,) = second.warnings
    assert str(closed) in told
    assert "goes on without" in told


def test_a_record_that_was_cut_before_its_first_line_is_nothing_to_tell(tracker, tmp_path):
    (tmp_path / "runs/long").mkdir(parents=True)
    for name, text in (("a.jsonl", b""), ("b.jsonl", b'{"kind":"run","sch')):
        (tmp_path / "runs/long" / name).write_bytes(text)
    report = tracker(run_id="long").stop()
    assert (report.attempts, report.warnings) == (1, ())


def test_a_checkpoint_that_comes_too_late_changes_nothing(tracker):
    first, second = tracker(), tracker()
    epochs_of(second, 1)
    own = second.run_id
    second.load_state_dict(first.state_dict())
    assert second.run_id == own
    assert any("after the start of the first epoch" in text for text in second.report().warnings)


def test_a_checkpoint_that_comes_in_the_midst_of_the_first_epoch_changes_nothing_either(tracker):
    first, second = tracker(), tracker()
    own = second.run_id
    with second.epoch() as epoch:
        second.load_state_dict({**first.state_dict(), "next_epoch": 7})
    with second.epoch() as following:
        pass
    assert (second.run_id, epoch.number, following.number) == (own, 0, 1)
    assert any("after the start of the first epoch" in text for text in second.report().warnings)


@pytest.mark.parametrize("start", [-1, 2**70, 1.5, "3", True])
def test_a_loop_that_starts_nowhere_is_refused(tracker, start):
    with pytest.raises(SettingsError, match="start"):
        next(tracker(epochs=5).epochs(start=start))


def test_a_loop_may_start_at_a_number_of_another_kind(tracker, tmp_path):
    made = tracker(epochs=5)
    assert list(made.epochs(start=np.int64(3))) == [3, 4]
    made.stop()
    assert [epoch.number for epoch in ct.runs.load(made.run_id, tmp_path).epochs] == [3, 4]


def test_a_checkpoint_may_hold_the_number_in_another_kind(tracker):
    # As libraries do that keep a checkpoint's leaves as arrays.
    made = tracker()
    made.load_state_dict({**made.state_dict(), "next_epoch": np.int64(7)})
    assert made.state_dict()["next_epoch"] == 7
    assert type(made.state_dict()["next_epoch"]) is int


NUMBERS = [{"version": 1, "run_id": "long", "next_epoch": number} for number in (-1, 2**70, 1.5, True, "1", None)]


@pytest.mark.parametrize(
    "state", [None, {}, {"version": 1}, {"version": 1, "run_id": 5, "next_epoch": 1}, [1], {"version": 2}, *NUMBERS]
)
def test_what_is_no_state_is_refused(tracker, state):
    with pytest.raises(SettingsError, match="state"):
        tracker().load_state_dict(state)


CONTAINER = """
tracker = ct.CarbonTracker(**SETTINGS, run_id="job")
with tracker.epoch():
    pass
if os.environ["DIES"] == "yes":
    os._exit(9)  # the first process of a container is deaf to its own SIGKILL
state = os.environ["CARBONSDK_STATE_DIR"]
first, _ = ct.runs.journals("job", state)
os.utime(first, (0, 0))  # it died long ago
print(os.getpid(), *(each.run_state for each in ct.runs.parts("job", state)), tracker.stop().epochs[0].number)
"""


def test_a_container_that_is_started_again_knows_the_one_before_it_for_dead(programs):
    # Both processes are pid 1 of one host name, and the kernel may give their namespaces one number.
    container = ("unshare", "-rpf", "--mount-proc")
    try:
        made = subprocess.run([*container, "true"], capture_output=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if made.returncode != 0:
        pytest.skip("no pid namespace may be made here")
    assert programs.run(CONTAINER, environ={"DIES": "yes"}, before=container).code == 9
    ran = programs.run(CONTAINER, environ={"DIES": "no"}, before=container)
    assert (ran.code, ran.out, ran.err) == (0, "1 interrupted running 1\n", "")
