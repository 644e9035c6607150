"""CarbonTracker, which measures a run."""

import itertools
import weakref
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    # The engine is imported when a tracker is made: importing this module must cost next to nothing.
    from pathlib import Path

    from carbonsdk.engine.opening import Opened
    from carbonsdk.engine.scopes import Epoch, Span
    from carbonsdk.engine.session import Session
    from carbonsdk.reports import Forecast, RunReport
    from carbonsdk.secret import Secret

IN_CONTEXT: ContextVar["CarbonTracker | None"] = ContextVar("carbonsdk_tracker", default=None)
_ENTERED: "list[weakref.ref[CarbonTracker]]" = []


class _Unset:
    """An argument that was not given, so that the environment or a file may give it."""

    def __repr__(self) -> str:
        return "…"


_UNSET: Any = _Unset()


class CarbonTracker:
    """Measures a run from its construction to `stop`, the end of its `with` block, or the end of the interpreter.

    The arguments up to `sim_gpu_util`, in this order, are carbontracker's; `settings` takes every other setting by keyword.
    What is not given comes from the environment, a file or the default. Raises SettingsError for a wrong argument and
    BackendUnavailable for a backend that is named and absent, with what to do; measuring itself never raises.

    Construction returns within milliseconds: sensors and network are seen to in threads. Only backends named by the user are
    waited for, 5 s at most.
    """

    _style = "carbontracker"  # of what the console shows, and where
    _stream = "stdout"

    def __init__(  # noqa: PLR0913, PLR0917 - a public promise to carbontracker's users
        self,
        epochs: int | None = _UNSET,
        epochs_before_pred: int = _UNSET,
        monitor_epochs: int = _UNSET,
        update_interval: float = _UNSET,
        interpretable: bool = _UNSET,  # noqa: FBT001
        stop_and_confirm: bool = _UNSET,  # noqa: FBT001
        ignore_errors: bool | None = _UNSET,  # noqa: FBT001
        components: str = _UNSET,
        devices_by_pid: bool = _UNSET,  # noqa: FBT001
        log_dir: "str | Path | None" = _UNSET,
        log_file_prefix: str = _UNSET,
        verbose: int = _UNSET,
        decimal_precision: int = _UNSET,
        api_keys: "Mapping[str, str | Secret] | None" = _UNSET,
        sim_cpu: str | None = _UNSET,
        sim_cpu_tdp: float | None = _UNSET,
        sim_cpu_util: float | None = _UNSET,
        sim_gpu: str | None = _UNSET,
        sim_gpu_watts: float | None = _UNSET,
        sim_gpu_util: float | None = _UNSET,
        **settings: Any,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "settings") and value is not _UNSET}
        import atexit

        from carbonsdk.engine.opening import opened

        made = opened({**given, **settings}, style=self._style, stream=self._stream)
        self._adopt(made)
        made.begin()
        atexit.register(_stop_at_exit, weakref.ref(made.session))

    def _adopt(self, opened: "Opened") -> None:
        self.settings = opened.settings
        self._session = opened.session
        self._rules = opened.rules
        self._feeds = opened.feeds
        self._token: Token[CarbonTracker | None] | None = None
        self._manual: Epoch | None = None

    # Epochs and spans.

    def epoch(self, name: str = "", *, parent: "Span | Epoch | None" = None) -> "Epoch":
        """Return a context manager that measures one epoch; its `report` is there once the block has ended.

        Inside another epoch of the same context, or of the one that `parent` lies in, it is a span of that epoch.
        """
        return self._session.epoch(name, parent)

    def span(self, name: str, *, parent: "Span | Epoch | None" = None) -> "Span":
        """Return a context manager that measures a named interval; its `report` is there once the block has ended.

        It belongs to the epoch or span that encloses it in this context. A fresh thread has none: give the `parent` there.
        """
        return self._session.span(name, parent)

    def epochs(self, start: int | None = None) -> Iterator[int]:
        """Iterate over the numbers of the planned epochs (without end where none are planned), each iteration an epoch.

        `start` is where a training that goes on from a checkpoint starts. Without it the loop runs from 0, also in a run that
        is continued: only the training knows how far its checkpoint is. A loop that is left by `break` or an exception
        leaves its last epoch partial. Raises SettingsError for a `start` that is no number of an epoch.
        """
        planned = self.settings.epochs
        first = 0
        if start is not None:
            from carbonsdk.engine.opening import checked_start

            first = checked_start(start)
            self._session.number_from(first)
        else:
            self._session.forecaster.start_at(first)
        for number in itertools.count(first) if planned is None else range(first, planned):
            epoch = self.epoch().__enter__()
            try:
                yield number
            except GeneratorExit:
                epoch.close(partial="the loop was left before the epoch ended")
                raise
            epoch.close()

    def await_devices(self, timeout_s: float = 1.0) -> bool:
        """Wait until every backend has answered, so that what follows is measured from its start; return whether all have.

        Without it an epoch in the first moments of a process is covered from the answers on, and its coverage says so.
        """
        return self.alive and self._session.hardware.await_all(timeout_s)

    def epoch_start(self) -> None:
        """Begin an epoch, as carbontracker's users do. One that is still open is closed, and marked partial."""
        if self._manual is not None:
            self._manual.close(partial="the next epoch began before it ended")
        self._manual = self.epoch().__enter__()

    def epoch_end(self) -> None:
        """End the epoch that `epoch_start` began."""
        epoch, self._manual = self._manual, None
        if epoch is None:
            self._session.notices.warn("epoch_end() was called without epoch_start(): nothing was measured for it")
            return
        epoch.close()
        self._rules.end_after_last()

    # What is known.

    @property
    def run_id(self) -> str:
        """Return the identity of the run, by which `carbonsdk runs show` finds it."""
        return self._session.plan.info.run_id

    def report(self) -> "RunReport":
        """Return the run so far; after `stop`, the whole run."""
        return self._session.report()

    def forecast(self) -> "Forecast | None":
        """Return a forecast of the whole run from the epochs so far; None without a number of epochs, or before the first."""
        return self._session.forecast()

    def set_api_keys(self, api_keys: "Mapping[str, str | Secret]") -> None:
        """Give intensity services their keys after construction; raise SettingsError for an unknown service."""
        candidates = self._feeds.keyed(api_keys)
        for candidate in candidates if self.alive else ():
            self._session.feed.prefer(candidate)

    # Checkpoints.

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint has to hold for the run to go on: plain values, to be given to `load_state_dict`.

        An epoch that is open counts as done: checkpoints are mostly taken at the end of one.
        """
        return {"version": 1, "run_id": self.run_id, "next_epoch": self._session.next_number}

    def load_state_dict(self, state: "Mapping[str, Any]") -> None:
        """Be the next attempt of the run that a checkpoint is of: its totals add up, its epochs are numbered on.

        Call it before the first epoch; afterwards it warns and changes nothing. What was measured since the construction goes
        with it. Raises SettingsError for what no `state_dict` returned.
        """
        from carbonsdk.engine.opening import checked_state
        from carbonsdk.engine.planning.identity import going_on

        run, number = checked_state(state)
        if self.alive and run != self.run_id:
            plan = going_on(self._session.plan, self.settings, run)
            if not self._session.go_on(plan):
                self._session.notices.warn(
                    "load_state_dict() came after the start of the first epoch: the run is another, and stays so"
                )
                return
        self._session.number_from(number)

    # The end.

    def stop(self) -> "RunReport":
        """End the run and return its report. May be called again, and from any thread."""
        if self._manual is not None:
            self._manual.close(partial="the tracker was stopped before the epoch ended")
            self._manual = None
        return self._session.stop()

    @property
    def alive(self) -> bool:
        """Return whether the run goes on in this process: it was not stopped, and this is no fork or copy."""
        return self._session.alive

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> Any:
        """Pickle as a tracker that measures nothing: what is pickled goes to another process, which is not the run."""
        return _copied, (type(self), self._session, self.settings.epochs)

    def __enter__(self) -> Self:
        self._token = IN_CONTEXT.set(self)
        _ENTERED.append(weakref.ref(self))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _ENTERED[:] = [each for each in _ENTERED if each() not in (None, self)]
        if self._token is not None:
            try:
                IN_CONTEXT.reset(self._token)
            except ValueError:  # left in another context than entered: there is nothing to restore here
                self._token = None
        self.stop()


def _copied(kind: type[CarbonTracker], session: "Session", epochs: int | None) -> CarbonTracker:
    from carbonsdk.engine.opening import copied

    tracker = kind.__new__(kind)
    tracker._adopt(copied(session, epochs))  # noqa: SLF001 - half of the constructor
    return tracker


def innermost() -> CarbonTracker | None:
    """Return the tracker whose `with` block encloses the caller.

    A fresh thread has an empty context: there, the one entered last in the process and still running is meant.
    """
    tracker = IN_CONTEXT.get()
    if tracker is not None:
        return tracker
    for reference in reversed(_ENTERED):
        tracker = reference()
        if tracker is not None and tracker.alive:
            return tracker
    return None


def _stop_at_exit(reference: "weakref.ref[Session]") -> None:
    session = reference()
    if session is not None:
        session.stop("the interpreter ended")
