"""Sink `memory`: the newest events, kept for tests and notebooks."""

from collections import deque
from dataclasses import dataclass

from carbonsdk.plugin import Context, Event, Registration, SettingsError, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """`key` is what `recorded()` finds the sink by; `limit` is how many events it keeps, the oldest going first."""

    key: str = "default"
    limit: int = 10_000


class MemorySink:
    """Keeps events in a list."""

    def __init__(self, *, limit: int = 10_000) -> None:
        if limit < 1:
            raise SettingsError(f"the sink 'memory' keeps at least one event: `limit` is {limit}")
        self._events: deque[Event] = deque(maxlen=limit)
        self.closed = False

    @property
    def events(self) -> list[Event]:
        """Return the events so far, oldest first."""
        return list(self._events)

    def handle(self, event: Event) -> None:
        """Keep one event."""
        self._events.append(event)

    def close(self) -> None:
        """Note that no more will come; the events stay."""
        self.closed = True


_made: dict[str, MemorySink] = {}


def recorded(key: str = "default") -> MemorySink:
    """Return the newest memory sink with this key; raise LookupError where none was made."""
    try:
        return _made[key]
    except KeyError:
        raise LookupError(f"no memory sink {key!r} was made: name the sink 'memory' and set its `key`") from None


def _make(context: Context) -> Sink:
    sink = _made[context.settings.key] = MemorySink(limit=context.settings.limit)
    return sink


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [
        Registration(
            name="memory", factory=_make, settings=MemorySettings, automatic=False, summary="events in memory, for tests"
        )
    ]
