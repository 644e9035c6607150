"""Finished, running and interrupted runs: list them, load one, read its records.

::

    import carbonsdk as ct

    for run in ct.runs.list():
        print(run.run_id, run.state, run.energy_joules)
    report = ct.runs.load("20261122-2357")  # or "latest"

`directory` is a state directory, as the setting `state_dir`; unset, it is the user's own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carbonsdk.journal.places import journal_path, state_directory
    from carbonsdk.runs.finding import journals
    from carbonsdk.runs.listing import RunSummary
    from carbonsdk.runs.listing import list_runs as list  # noqa: A004  `runs.list()` is how it reads
    from carbonsdk.runs.loading import load, parts, records
    from carbonsdk.runs.resuming import Resumption, resumption

__all__ = [
    "Resumption",
    "RunSummary",
    "journal_path",
    "journals",
    "list",
    "load",
    "parts",
    "records",
    "resumption",
    "state_directory",
]

_HOMES = {
    "Resumption": "runs.resuming",
    "RunSummary": "runs.listing",
    "journal_path": "journal.places",
    "journals": "runs.finding",
    "list": "runs.listing",
    "load": "runs.loading",
    "parts": "runs.loading",
    "records": "runs.loading",
    "resumption": "runs.resuming",
    "state_directory": "journal.places",
}


def __getattr__(name: str) -> object:
    # At first use: a training run needs the path of its record, not the means to read those of others.
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'carbonsdk.runs' has no attribute {name!r}")
    value = getattr(import_module(f"carbonsdk.{_HOMES[name]}"), "list_runs" if name == "list" else name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":  # type: ignore[valid-type]  # here `list` is the runs'
    return sorted({*globals(), *__all__})
