"""Events as plain values: a kind, who and where, and what the event holds."""

import re
from dataclasses import fields, replace
from typing import Any

from carbonsdk.events import Event, RunFinished, RunStarted
from carbonsdk.model import jsonable
from carbonsdk.reports import EpochReport, Forecast, RunReport


def kind(event: Event) -> str:
    """Return the event's name in snake case, such as `epoch_finished`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def plain(event: Event) -> dict[str, Any]:
    """Return the event as values that JSON can hold.

    The run's description comes whole when it starts and as its identity later. A finished run's epochs are left out: each
    had its own event.
    """
    run = event.run
    if isinstance(event, RunFinished):
        event = replace(event, report=replace(event.report, epochs=()))
    who = jsonable(run) if isinstance(event, RunStarted) else _identity(run)
    content = {each.name: _value(getattr(event, each.name)) for each in fields(event) if each.name != "run"}
    return {"kind": kind(event), "run": who, **content}


def _identity(run: Any) -> dict[str, Any]:
    return {"run_id": run.run_id, "attempt": run.attempt, "host": run.host, "rank": run.rank}


def _value(value: Any) -> Any:
    # Reports add derived figures to their fields.
    return value.to_dict() if isinstance(value, EpochReport | RunReport | Forecast) else jsonable(value)
