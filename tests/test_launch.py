"""A process's place in its job, from what launchers really set."""

import os
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonsdk.launch import Launch, detect, parent_identity, run_id, slug

TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "GROUP_RANK": "1"}
SLURM = {
    "SLURM_JOB_ID": "991",
    "SLURM_PROCID": "6",
    "SLURM_LOCALID": "2",
    "SLURM_NODEID": "1",
    "SLURM_NTASKS": "8",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
    "SLURM_STEP_ID": "0",
}
NOW = datetime(2026, 11, 22, 23, 57, 19, tzinfo=UTC)


def test_a_process_that_nobody_launched_is_alone():
    assert detect({}) == Launch(
        rank=0, local_rank=0, world_size=1, local_world_size=1, node_rank=None, job_id=None, launcher=None
    )


def test_torchrun():
    launch = detect(TORCHRUN | {"TORCHELASTIC_RUN_ID": "my job"})
    assert (launch.rank, launch.local_rank, launch.world_size, launch.local_world_size, launch.node_rank) == (5, 1, 8, 4, 1)
    assert launch.launcher == "torchrun"
    assert launch.job_id.startswith("torchrun-my-job-")


def test_slurm():
    launch = detect(SLURM)
    assert (launch.rank, launch.local_rank, launch.world_size, launch.local_world_size, launch.node_rank) == (6, 2, 8, 4, 1)
    assert (launch.launcher, launch.job_id) == ("slurm", "slurm-991")


@pytest.mark.parametrize(("node", "tasks"), [("0", 4), ("1", 4), ("2", 3), ("3", 1)])
def test_slurms_tasks_are_counted_by_node(node, tasks):
    assert detect(SLURM | {"SLURM_STEP_TASKS_PER_NODE": "4(x2),3", "SLURM_NODEID": node}).local_world_size == tasks


def test_open_mpi():
    environ = {
        "OMPI_COMM_WORLD_RANK": "3",
        "OMPI_COMM_WORLD_LOCAL_RANK": "1",
        "OMPI_COMM_WORLD_SIZE": "4",
        "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    }
    assert detect(environ) == Launch(rank=3, local_rank=1, world_size=4, local_world_size=2, launcher="openmpi")


def test_mpich_and_intel_mpi():
    environ = {"PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"}
    assert detect(environ) == Launch(rank=3, local_rank=1, world_size=4, local_world_size=2, launcher="mpich")


def test_torchrun_inside_slurm_has_torchruns_ranks_and_slurms_job():
    launch = detect(SLURM | TORCHRUN | {"TORCHELASTIC_RUN_ID": "none"})
    assert (launch.launcher, launch.rank, launch.job_id) == ("torchrun", 5, "slurm-991")


@pytest.mark.parametrize(
    "rubbish",
    [
        {"RANK": "five"},
        {"RANK": "-1"},
        {"RANK": "8"},
        {"RANK": ""},
        {"RANK": "5.0"},
        {"WORLD_SIZE": "0"},
        {"RANK": "9" * 50},
        {"RANK": "٥"},
    ],
)
def test_rubbish_is_passed_over(rubbish):
    assert detect(TORCHRUN | rubbish) == Launch()


def test_rubbish_of_one_launcher_leaves_the_others_word():
    assert detect(SLURM | TORCHRUN | {"RANK": "x"}).launcher == "slurm"


@given(st.dictionaries(st.sampled_from(sorted(SLURM | TORCHRUN | {"TORCHELASTIC_RUN_ID": "", "PBS_JOBID": ""})), st.text()))
def test_any_environment_gives_a_possible_place_and_a_safe_name(environ):
    launch = detect(environ)
    assert 0 <= launch.rank < launch.world_size
    assert 1 <= launch.local_world_size <= launch.world_size
    name = run_id(launch, environ, NOW)
    assert slug(name) == name


def test_all_ranks_of_a_job_and_its_requeue_share_a_name():
    environs = [SLURM | {"SLURM_PROCID": str(rank), "SLURM_RESTART_COUNT": str(rank)} for rank in range(8)]
    assert {run_id(detect(environ), environ, NOW) for environ in environs} == {"slurm-991.0"}


def test_steps_and_array_tasks_of_a_job_are_runs_of_their_own():
    array = SLURM | {"SLURM_ARRAY_JOB_ID": "990", "SLURM_ARRAY_TASK_ID": "7", "SLURM_STEP_ID": "1"}
    assert run_id(detect(array), array, NOW) == "slurm-990_7.1"


@pytest.mark.parametrize(("variable", "job"), [("SLURM_JOB_ID", "slurm-7"), ("PBS_JOBID", "pbs-7"), ("LSB_JOBID", "lsf-7")])
def test_programs_of_a_batch_script_are_runs_of_their_own_and_the_same_again_on_a_requeue(variable, job):
    names = []
    for environ in ({variable: "7"}, {variable: "7", "SLURM_RESTART_COUNT": "1"}):
        names += [run_id(detect(environ), environ, NOW, program=program) for program in ("prepare.py", "train.py", "")]
    assert names == 2 * [f"{job}-prepare.py", f"{job}-train.py", job]
    assert slug(run_id(detect({variable: "7"}), {variable: "7"}, NOW, program="../a b")).startswith(f"{job}-..-a-b-")


def test_the_ranks_of_an_mpirun_share_a_name_though_slurm_runs_its_daemons_in_a_step():
    mpi = {"SLURM_JOB_ID": "7", "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
    daemon = mpi | {"OMPI_COMM_WORLD_RANK": "1", "SLURM_STEP_ID": "0", "SLURM_PROCID": "0"}
    assert {run_id(detect(environ), environ, NOW, program="train.py") for environ in (mpi, daemon)} == {"slurm-7-train.py"}


def test_a_run_without_a_job_is_named_by_its_time_in_utc_and_a_random_tail():
    noon_in_kabul = NOW.astimezone(timezone(timedelta(hours=4, minutes=30)))
    assert run_id(Launch(), {}, noon_in_kabul, token=lambda n: b"\xab" * n) == "20261122-235719-ababab"
    assert run_id(Launch(), {}, NOW) != run_id(Launch(), {}, NOW)


def test_siblings_without_a_job_share_the_name_of_their_launcher():
    environ = TORCHRUN | {"LOCAL_WORLD_SIZE": "8", "TORCHELASTIC_RUN_ID": "none"}
    assert run_id(detect(environ), environ, NOW, parent="b00t-17-999") == "torchrun-b00t-17-999"
    # On several hosts the launchers differ, and alone there is nobody to share with.
    assert run_id(detect(TORCHRUN), TORCHRUN, NOW, parent="b00t-17-999").startswith("2026")
    assert run_id(Launch(), {}, NOW, parent="b00t-17-999").startswith("2026")


def test_the_parent_is_known_by_boot_pid_and_start(tmp_path):
    parent = os.getppid()
    (tmp_path / str(parent)).mkdir()
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[4026531836]")
    (tmp_path / "sys/kernel/random/boot_id").write_text("0a1b2c3d-1111-2222-3333-444455556666\n")
    fields = " ".join(str(number) for number in range(3, 53))
    (tmp_path / str(parent) / "stat").write_text(f"{parent} (a) (tricky) name) {fields}\n")
    assert parent_identity(tmp_path) == f"0a1b2c3d-{parent}-22"
    assert parent_identity(tmp_path / "absent") is None


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../../etc/passwd", "a/b", "a\\b", "C:evil", "x\0y", "é", "a" * 500, "-rf", "\ud800"]
)
def test_a_slug_leads_nowhere(name):
    made = slug(name)
    assert set(made) <= set(string.ascii_letters + string.digits + "._-")
    assert 0 < len(made) <= 80
    assert made[0] not in ".-"


@pytest.mark.parametrize("name", ["CON", "con", "nul.txt", "Com1", "LPT9.jsonl", "aux"])
def test_a_slug_is_no_device_of_windows(name):
    assert slug(name).partition("-")[0] == "run"
    assert slug("console") == "console"


def test_slugs_of_different_names_differ():
    assert slug("a/b") != slug("a-b") != slug("a\\b")
    assert slug("20261122-235719-ab12cd") == "20261122-235719-ab12cd"
