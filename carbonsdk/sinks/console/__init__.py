"""Sink `console`: what a run measures, as plain lines for the person who watches it."""

from dataclasses import dataclass
from typing import Any, Literal

from carbonsdk.plugin import Context, Registration, SettingsError, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What to write, and where.

    `stream` is "stdout", "stderr" or an object with `write`. `style` is "lines" (one an epoch, totals at the end) or
    "carbontracker" (the messages that its users know). `verbose` 0 writes nothing, 2 writes more. `decimal_precision` and
    `epochs_before_pred` (0: no forecast was asked for) belong to carbontracker's messages; `interpretable` adds what the
    CO2eq compares to.
    """

    stream: Any = "stdout"
    style: Literal["lines", "carbontracker"] = "lines"
    verbose: int = 1
    decimal_precision: int = 12
    interpretable: bool = True
    epochs_before_pred: int = 1


def _make(context: Context) -> Sink:
    from carbonsdk.sinks.console._carbontracker import KnownMessages
    from carbonsdk.sinks.console._lines import Lines
    from carbonsdk.sinks.console._stream import Stream

    settings: ConsoleSettings = context.settings
    if not 0 <= settings.decimal_precision <= 100:
        raise SettingsError(f"the sink 'console' writes 0 to 100 decimals: `decimal_precision` is {settings.decimal_precision}")
    style = KnownMessages if settings.style == "carbontracker" else Lines
    return style(Stream(settings.stream), settings=settings, clock=context.clock)


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [
        Registration(
            name="console", factory=_make, settings=ConsoleSettings, automatic=False, summary="plain lines while training"
        )
    ]
