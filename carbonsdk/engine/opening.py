"""From a user's arguments to a session: what a tracker does in its first line."""

from collections.abc import Mapping
from contextlib import suppress
from operator import index
from typing import Any

from carbonsdk.clock import SystemClock
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.planning.feed_planner import FeedPlanner
from carbonsdk.engine.planning.planner import Planner
from carbonsdk.engine.rules import Rules
from carbonsdk.engine.session import Session
from carbonsdk.errors import SettingsError
from carbonsdk.host import PluginHost
from carbonsdk.settings import Resolved, Settings, resolve

_MOST_EPOCHS = 2**53  # whatever reads the record holds such numbers exactly


class Opened:
    """A session that is not begun, with the settings and rules it goes by."""

    __slots__ = ("feeds", "rules", "session", "settings")

    def __init__(self, settings: Settings, feeds: FeedPlanner, session: Session) -> None:
        self.settings, self.feeds, self.session = settings, feeds, session
        self.rules = Rules(settings, session)

    def begin(self) -> None:
        """Begin the run; raise BackendUnavailable for a backend that the user named and that is absent."""
        try:
            self.session.start()
            self.session.hardware.await_named()
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Leave no thread of a run that nobody will hold, however far it came."""
        with Guard("the end of a run that did not begin"):
            self.session.stop("the tracker could not be constructed")
        self._forget()

    def _forget(self) -> None:
        """Remove the record of a run that never was."""
        record = self.session.plan.record
        if record is not None:
            with suppress(OSError):
                record.unlink()
                record.parent.rmdir()


def opened(call: Mapping[str, Any], *, style: str, stream: str) -> Opened:
    """Return the session that a call asks for; raise SettingsError for a mistake in it."""
    resolved = resolve(call)
    clock = SystemClock()
    planner = Planner(resolved, PluginHost.discover(resolved.settings.disable_plugins), clock)
    plan = planner.plan(console=_console(resolved.settings, style=style, stream=stream))
    return Opened(resolved.settings, planner.feeds, Session(plan, clock))


def copied(session: Session, epochs: int | None) -> Opened:
    """Return what the copy of a tracker in another process goes by: a session that measures nothing, and no rules."""
    resolved = Resolved(Settings(epochs=epochs), {})
    return Opened(resolved.settings, Planner(resolved, PluginHost(()), session.clock).feeds, session)


def checked_start(start: Any) -> int:
    """Return the number of an epoch to start at, as Python's own; raise SettingsError."""
    if (number := _number(start)) is not None:
        return number
    raise SettingsError(f"epochs(start=…) is the number of an epoch, 0 or more, not {start!r:.80}")


def checked_state(state: Any) -> tuple[str, int]:
    """Return the run and the number of the next epoch that a checkpoint tells; raise SettingsError."""
    match state:
        case {"version": 1, "run_id": str(run), "next_epoch": told} if run and (number := _number(told)) is not None:
            return run, number
        case {"version": int(version)} if version > 1:
            raise SettingsError(f"the state of the tracker is of version {version}: upgrade carbonsdk to load it")
    raise SettingsError(f"load_state_dict() takes what state_dict() returned, not {state!r:.80}")


def _number(told: Any) -> int | None:
    """Return the number of an epoch as Python's own; None for what is none."""
    with suppress(TypeError):
        if not isinstance(told, bool) and 0 <= (number := index(told)) < _MOST_EPOCHS:
            return number
    return None


def _console(settings: Settings, *, style: str, stream: str) -> dict[str, Any] | None:
    if settings.verbose < 1:
        return None
    options: dict[str, Any] = {"style": style, "stream": stream, "verbose": settings.verbose}
    options["decimal_precision"] = settings.decimal_precision
    options["interpretable"] = settings.interpretable
    options["epochs_before_pred"] = settings.epochs_before_pred
    options.update(settings.options.get("sinks", {}).get("console", {}))
    return options
