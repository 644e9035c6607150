"""Who a run is: its name among all runs, which attempt of it this is, and where its record goes."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from carbonsdk._version import __version__
from carbonsdk.clock import Clock, utc
from carbonsdk.engine.plan import Plan
from carbonsdk.events import RunInfo
from carbonsdk.incarnation import incarnation
from carbonsdk.launch import Launch, parent_identity, run_id
from carbonsdk.pue import pue
from carbonsdk.settings import Settings

if TYPE_CHECKING:
    from carbonsdk.runs import Resumption


def identified(settings: Settings, launch: Launch, *, clock: Clock, environ: Mapping[str, str]) -> "tuple[RunInfo, Resumption]":
    """Return who the run is that these settings begin, and what is there of it already."""
    from carbonsdk.runs import resumption

    now = utc(clock.wall_ns(clock.monotonic_ns()))
    # Never the arguments: they may hold names, paths and keys.
    started = getattr(sys, "argv", None)  # a program that embeds Python may have none
    command = Path(started[0]).name if started and started[0] else ""
    program = settings.name or command.removeprefix("-c")
    identity = settings.run_id or run_id(launch, environ, now, parent=parent_identity(), program=program)
    before = resumption(identity, launch.rank, settings.state_dir)
    facility = pue(settings.pue)
    info = RunInfo(
        run_id=identity,
        attempt=before.attempt,
        name=settings.name,
        host=socket.gethostname(),
        rank=launch.rank,
        world_size=launch.world_size,
        pid=os.getpid(),
        start=now,
        command=command,
        version=__version__,
        epochs_planned=settings.epochs,
        pue=facility.value,
        pue_source=facility.told if facility.value > 1 else None,
        scope=settings.scope,
        life=this.life if (this := incarnation()) else None,
    )
    return info, before


def record_of(info: RunInfo, settings: Settings) -> Path | None:
    """Return the path of a run's journal, None where it is to leave none."""
    from carbonsdk.runs import journal_path

    return journal_path(info, settings.state_dir)


def going_on(plan: Plan, settings: Settings, run: str) -> Plan:
    """Return the plan of the next attempt of an earlier run."""
    from carbonsdk.runs import resumption

    before = resumption(run, plan.info.rank, settings.state_dir)
    info = replace(plan.info, run_id=run, attempt=before.attempt)
    return plan._replace(info=info, record=record_of(info, settings), first_epoch=before.first_number)


def told_of(before: "Resumption", run: str) -> Iterator[str]:
    """Yield what a person has to know of the attempts that were before, or are beside this one."""
    if before.beside:
        yield _told_beside(run)
    if before.unread:
        yield f"the run {run!r} goes on without what is in a record that may not be read: {before.unread}"


def _told_beside(run: str) -> str:
    """Return what is to be told of a run that another process measures as well, as the same rank."""
    told = f"another process runs as the same rank of the run {run!r} on this host: the two are told as processes of one run"
    return f"{told}; for a run of its own start it by srun, or give it a name or a run_id"
