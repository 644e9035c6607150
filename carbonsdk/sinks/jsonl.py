"""Sink `jsonl`: every event as one line of JSON."""

from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Context, Registration, SettingsError, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class JsonlSettings:
    """`path` is the file to append to, or `-` for standard output; it must be given."""

    path: Path | None = None

    def __post_init__(self) -> None:
        if self.path is None:
            raise SettingsError(
                "the sink 'jsonl' needs a file: set its `path`, or name it as jsonl=events.jsonl (jsonl=- is stdout)"
            )


def _make(context: Context) -> Sink:
    from carbonsdk.sinks._jsonl import JsonLines

    return JsonLines(Path(context.settings.path))


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [
        Registration(name="jsonl", factory=_make, settings=JsonlSettings, automatic=False, summary="events as lines of JSON")
    ]
