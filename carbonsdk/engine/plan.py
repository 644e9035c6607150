"""What a session works by: every decision made, nothing touched yet."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from carbonsdk.engine.baselines import Baselines
from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.ledger.overhead import Overhead
from carbonsdk.events import RunInfo
from carbonsdk.interfaces import Backend, Sink
from carbonsdk.model import DeviceKind

ALL_KINDS = frozenset(DeviceKind)


class BackendPlan(NamedTuple):
    """A backend by name, how to make it, and what is known of it before it is opened."""

    name: str
    make: Callable[[], Backend]
    preference: int
    kinds: frozenset[DeviceKind]
    inline: bool
    named: bool


class SinkPlan(NamedTuple):
    """A sink by name, and how to make it."""

    name: str
    make: Callable[[], Sink]


class Plan(NamedTuple):
    """How one run is to be measured, reported and recorded.

    `record` is the journal's path, None for a run that leaves none. `first_epoch` is the number of the next epoch of a run
    that goes on. `share_policy` says how a process's energy is told from the machine's, None that the machine's is wanted.
    """

    info: RunInfo
    backends: tuple[BackendPlan, ...]
    intensity: FeedPlan
    sinks: tuple[SinkPlan, ...] = ()
    record: Path | None = None
    kinds: frozenset[DeviceKind] = ALL_KINDS
    interval_s: float = 1.0
    edge_reads: str = "auto"
    sync: Callable[[], object] | None = None
    settle_s: float = 0.1
    devices_by_pid: bool = False
    overhead: Overhead = Overhead()
    share_policy: str | None = None
    baselines: Baselines = Baselines()
    epochs_before_forecast: int = 1
    first_epoch: int = 0
    warnings: tuple[str, ...] = ()
