"""Finished, running and interrupted runs: list them, load one, read its records.

::

    import carbonsdk as ct

    for run in ct.runs.list():
        print(run.run_id, run.state, run.energy_joules)
    report = ct.runs.load("20261122-2357")

`directory` is a state directory, as the setting `state_dir`; unset, it is the user's own.
"""

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
