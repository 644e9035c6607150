"""Replay: devices that draw a recorded or written power profile, for tests, demonstrations and planning."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carbonsdk.plugin import Backend, Context, DeviceKind, Registration, SettingsError, hookimpl

SENSORS = ("counter", "power")


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What to replay, from the moment that the backend opens.

    `path` is a JSON or CSV power profile, `devices` are the same objects as in the JSON (`{"kind": "gpu", "name": …, "watts":
    250}`), `watts` is constant power by kind: a mapping, or text like `cpu=65,gpu=250`. They add up. `sensor` says whether
    devices show a cumulative `counter` or their momentary `power`.
    """

    path: Path | None = None
    watts: Mapping[str, float] | str = ""
    devices: Sequence[Mapping[str, Any]] = field(default=())
    sensor: str = "counter"

    def __post_init__(self) -> None:
        if self.sensor not in SENSORS:
            raise SettingsError(f"replay: sensor={self.sensor!r} is none of {', '.join(SENSORS)}")


def _backend(context: Context) -> Backend:
    from carbonsdk.backends.replay.backend import ReplayBackend
    from carbonsdk.backends.replay.recording import recorded

    return ReplayBackend(recorded(context.settings), clock=context.clock, sensor=context.settings.sensor)


@hookimpl
def carbonsdk_backends() -> Iterable[Registration[Backend]]:
    """Register replay; it is used only when it is named."""
    return [
        Registration(
            name="replay",
            factory=_backend,
            settings=ReplaySettings,
            preference=1,
            automatic=False,
            inline=True,
            kinds=frozenset(DeviceKind),
            summary="simulated devices that follow a recorded or written power profile",
        )
    ]
