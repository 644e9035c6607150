"""Who started this process: its place among the processes of a job, and the name that they share."""

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from carbonsdk.incarnation import incarnation

_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_TASKS = re.compile(r"([0-9]{1,6})(?:\(x([0-9]{1,6})\))?", re.ASCII)
_LONGEST_NAME = 80
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)  # of Windows, with any suffix


class Launch(NamedTuple):
    """A process's place in its job. `job_id` is the same in all its processes, and on a requeue; None where there is none."""

    rank: int = 0
    local_rank: int = 0
    world_size: int = 1
    local_world_size: int = 1
    node_rank: int | None = None
    job_id: str | None = None
    launcher: str | None = None


class _Family(NamedTuple):
    """The variables by which one family of launchers tells a process its place."""

    launcher: str
    rank: tuple[str, ...]
    world_size: tuple[str, ...]
    local_rank: tuple[str, ...]
    local_world_size: tuple[str, ...] = ()
    node_rank: tuple[str, ...] = ()


# The innermost launcher first: mpirun inside Slurm, torchrun inside either.
_FAMILIES = (
    _Family(
        launcher="torchrun",
        rank=("RANK",),
        world_size=("WORLD_SIZE",),
        local_rank=("LOCAL_RANK",),
        local_world_size=("LOCAL_WORLD_SIZE",),
        node_rank=("GROUP_RANK",),
    ),
    _Family(
        launcher="openmpi",
        rank=("OMPI_COMM_WORLD_RANK",),
        world_size=("OMPI_COMM_WORLD_SIZE",),
        local_rank=("OMPI_COMM_WORLD_LOCAL_RANK",),
        local_world_size=("OMPI_COMM_WORLD_LOCAL_SIZE",),
    ),
    _Family(
        launcher="mpich",
        rank=("PMI_RANK",),
        world_size=("PMI_SIZE",),
        local_rank=("MPI_LOCALRANKID", "PMI_LOCAL_RANK"),
        local_world_size=("MPI_LOCALNRANKS", "PMI_LOCAL_SIZE"),
    ),
    _Family(
        launcher="slurm",
        rank=("SLURM_PROCID",),
        world_size=("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"),
        local_rank=("SLURM_LOCALID",),
        node_rank=("SLURM_NODEID",),
    ),
)


def detect(environ: Mapping[str, str]) -> Launch:
    """Return this process's place as its launcher tells it; what makes no sense is passed over."""
    job_id = _job_id(environ)
    for family in _FAMILIES:
        rank, world_size = _number(environ, family.rank), _number(environ, family.world_size)
        if rank is None or not world_size or rank >= world_size:
            continue
        node_rank = _number(environ, family.node_rank)
        local_world_size = _number(environ, family.local_world_size) or _slurm_tasks_here(environ, node_rank) or 1
        return Launch(
            rank=rank,
            local_rank=_number(environ, family.local_rank) or 0,
            world_size=world_size,
            local_world_size=min(local_world_size, world_size),
            node_rank=node_rank,
            job_id=job_id,
            launcher=family.launcher,
        )
    return Launch(job_id=job_id)


def run_id(
    launch: Launch,
    environ: Mapping[str, str],
    now: datetime,
    *,
    parent: str | None = None,
    program: str = "",
    token: Callable[[int], bytes] = os.urandom,
) -> str:
    """Return the name of the run: the same in every process of a job and on its requeue, else a new one that sorts by time.

    A batch job's script may start several programs, one after the other or side by side: where the scheduler knows of no step,
    the name of the `program` tells them apart, and is the same again on a requeue. `parent` identifies the process that started
    this one (see `parent_identity`): siblings on one host share it where their job has no name.
    """
    if launch.job_id is not None:
        return _of_job(launch, launch.job_id, environ, program)
    if parent is not None and launch.world_size == launch.local_world_size > 1:
        return slug(f"{launch.launcher}-{parent}")
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{token(3).hex()}"


def _of_job(launch: Launch, job_id: str, environ: Mapping[str, str], program: str) -> str:
    # Two steps of a Slurm job are two programs; a requeued job counts its steps from 0 again. The daemons of Open MPI's mpirun
    # run in a step on all hosts but the first.
    step = _number(environ, ("SLURM_STEP_ID", "SLURM_STEPID")) if job_id.startswith("slurm-") else None
    if step is not None and launch.launcher != "openmpi":
        return f"{job_id}.{step}"
    batch = job_id.startswith(("slurm-", "pbs-", "lsf-"))
    return slug(f"{job_id}-{program}") if batch and program else job_id


def parent_identity(root: Path = Path("/proc")) -> str | None:
    """Return the pid and the start of the process that started this one, or None where the system does not tell."""
    parent = incarnation(os.getppid(), root)
    return None if parent is None else f"{parent.boot}-{parent.pid}-{parent.start}"


def slug(name: str) -> str:
    """Return `name` as it can be a file's name on any system; one that had to change ends in a digest of the original."""
    safe = _UNSAFE.sub("-", name).strip(".-")
    safe = f"run-{safe}" if _DEVICE.match(safe) else safe
    if safe and safe == name and len(safe) <= _LONGEST_NAME:
        return safe
    import hashlib  # it loads OpenSSL, and hardly a name needs it

    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: _LONGEST_NAME - 9].rstrip('.-') or 'run'}-{digest}"


def _job_id(environ: Mapping[str, str]) -> str | None:
    """Return the job's name. A rendezvous id is a user's choice, often the same for every job: the scheduler's goes first."""
    elastic = environ.get("TORCHELASTIC_RUN_ID", "").strip()
    elastic = "" if elastic.lower() == "none" else elastic
    if scheduler := _scheduler_id(environ):
        return slug(scheduler)
    return slug(f"torchrun-{elastic}") if elastic else None


def _scheduler_id(environ: Mapping[str, str]) -> str | None:
    array_job, array_task = _number(environ, ("SLURM_ARRAY_JOB_ID",)), _number(environ, ("SLURM_ARRAY_TASK_ID",))
    job = _number(environ, ("SLURM_JOB_ID", "SLURM_JOBID"))
    if job is not None:
        return f"slurm-{job}" if array_job is None or array_task is None else f"slurm-{array_job}_{array_task}"
    for variable, scheduler in (("PBS_JOBID", "pbs"), ("LSB_JOBID", "lsf"), ("PMIX_NAMESPACE", "mpi")):
        if value := environ.get(variable, "").strip():
            return f"{scheduler}-{value}"
    return None


def _slurm_tasks_here(environ: Mapping[str, str], node_rank: int | None) -> int | None:
    """Return how many tasks Slurm runs on this node, from a list such as `4(x2),3`."""
    tasks: list[int] = []
    for part in environ.get("SLURM_STEP_TASKS_PER_NODE", environ.get("SLURM_TASKS_PER_NODE", "")).split(","):
        match = _TASKS.fullmatch(part.strip())
        if match is None:
            return None
        tasks += [int(match[1])] * min(int(match[2] or 1), 100_000)
    return tasks[node_rank] if node_rank is not None and node_rank < len(tasks) else None


def _number(environ: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    """Return the first of the variables that is a whole number."""
    for name in names:
        value = environ.get(name, "").strip()
        if _WHOLE.fullmatch(value):
            return int(value)
    return None
