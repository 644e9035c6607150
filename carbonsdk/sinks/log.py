"""Sink `log`: events onto the logging that the program already has."""

from dataclasses import dataclass
from typing import Literal

from carbonsdk.plugin import Context, Registration, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`logger` is the name of the logger; `format` how a message of the standard library's shows the event's values."""

    logger: str = "carbonsdk.events"
    format: Literal["key_value", "json"] = "key_value"


def _make(context: Context) -> Sink:
    from carbonsdk.sinks._log import EventLog

    return EventLog(context.settings.logger, as_json=context.settings.format == "json")


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [
        Registration(
            name="log", factory=_make, settings=LogSettings, automatic=False, summary="structured events onto your logging"
        )
    ]
