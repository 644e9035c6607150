"""Spans and epochs as people open them: context managers that stamp the clock and leave the rest to the session."""

from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Self

from carbonsdk.engine.answers import epoch_report, span_report
from carbonsdk.files import harmless
from carbonsdk.interruption import let_through
from carbonsdk.journal.records import EpochEnded
from carbonsdk.reports import EpochReport, SpanReport

if TYPE_CHECKING:
    from carbonsdk.engine.ledger import Marks, Rise
    from carbonsdk.engine.measuring import Measuring
    from carbonsdk.engine.session import Session
    from carbonsdk.engine.spanbook import SpanBook

CURRENT: ContextVar["Span | Epoch | None"] = ContextVar("carbonsdk_scope", default=None)


def _text(name: object) -> str:
    """Return a name as text, whatever it was given as: often it is an epoch's number."""
    try:
        return "" if name is None else harmless(str.__str__(name) if isinstance(name, str) else str(name))
    except Exception as error:  # noqa: BLE001 - it is somebody else's
        let_through(error)
        return type(name).__name__


class _Activation:
    """Being the current scope of a context: entered and left, also where a generator suspends."""

    __slots__ = ("_token", "parent")

    def __init__(self) -> None:
        self.parent: Span | Epoch | None = None
        self._token: Token[Span | Epoch | None] | None = None

    def _activate(self: "Span | Epoch") -> None:  # type: ignore[misc]
        self._token = CURRENT.set(self)

    def _deactivate(self) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        try:
            CURRENT.reset(token)
        except ValueError as error:
            # Closed in another context (a generator finalised elsewhere): that context was never changed.
            let_through(error)


def as_parent(given: object) -> "Span | Epoch":
    """Return what was given as a parent; raise TypeError for anything that is none."""
    if isinstance(given, Span | Epoch):
        return given
    raise TypeError(f"parent takes what span() or epoch() returned, not {type(given).__name__}")


class Span(_Activation):
    """A named interval of a run. Enter it once; `report` is there when the block has ended."""

    __slots__ = ("_session", "book", "end_ns", "name", "rises", "start_ns")

    def __init__(self, session: "Session", name: str, parent: "Span | Epoch | None" = None) -> None:
        self._session = session
        self._token = None
        self.parent = parent
        self.name = name if type(name) is str and name.isprintable() else _text(name)  # mostly so, and there are millions
        self.start_ns = 0
        self.end_ns = 0
        self.book: SpanBook | None = None
        self.rises: tuple[Rise, ...] | None = None  # per device, once the readings around it are in

    def __enter__(self) -> Self:
        if self.start_ns:
            raise RuntimeError(f"span {self.name!r} is entered once: call span() again for the next")
        measuring = self._session.measuring
        if self.parent is None:
            self.parent = CURRENT.get()
        self.book = measuring.book_of(self.parent)
        self._token = CURRENT.set(self)
        self.start_ns = measuring.stamp_span()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        measuring = self._session.measuring
        self.end_ns = measuring.stamp_span()
        self._deactivate()
        book = self.book
        if book is not None and book.add(self):
            measuring.relieve(book)

    def __reduce__(self) -> tuple[Callable[..., "Span"], tuple["Session", str]]:
        return Span, (self._session, self.name)

    @property
    def report(self) -> SpanReport:
        """Return what the span used; raise RuntimeError while it is still open."""
        if not self.end_ns:
            raise RuntimeError(f"span {self.name!r} has not ended: its report is there after the block")
        return span_report(self._session, self)


class Epoch(_Activation):
    """A numbered span. Inside another epoch of the same context it is a span of that one.

    Enter it once. `report` is there when the block has ended, also when it raised.
    """

    __slots__ = ("book", "ended", "inner", "marks", "name", "number", "session", "start_ns")

    def __init__(self, session: "Session", name: str = "", parent: "Span | Epoch | None" = None) -> None:
        self.session = session
        self._token = None
        self.parent = parent
        self.name = _text(name)
        self.number = -1
        self.start_ns = 0
        self.inner: Span | None = None
        self.book: SpanBook | None = None
        self.marks: Marks | None = None
        self.ended: EpochEnded | None = None

    def __enter__(self) -> Self:
        if self.number >= 0 or self.inner is not None or self.ended is not None:
            raise RuntimeError("an epoch is entered once: call epoch() again for the next")
        if self.parent is None:
            self.parent = CURRENT.get()
            # One that is over may linger, where its end was broken off or came in another context: keep none alive.
            while isinstance(self.parent, Epoch) and self.parent.ended is not None:
                self.parent = self.parent.parent
        if epoch_around(self.parent, self.session.measuring) is not None:
            self.inner = Span(self.session, self.name or "epoch", self.parent)
            self.inner.__enter__()
            return self
        try:
            self.session.measuring.begin(self)
            self._token = CURRENT.set(self)
        except BaseException as error:
            if self.number >= 0:  # begun, when a signal's handler raised: the block will not run
                self.close(error)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(error)

    def close(self, error: BaseException | None = None, *, partial: str | None = None) -> None:
        """End the epoch: as failed by `error`, or as `partial` for a reason."""
        if self.inner is not None:
            self.inner.__exit__(None, None, None)
            return
        failure = None if error is None else type(error).__name__
        try:
            self._deactivate()
            self.session.measuring.end(self, failure=failure, partial=partial)
        except BaseException as broken_off:
            if self.ended is None:  # by what a signal's handler raised: the block is over all the same
                self.session.measuring.end(self, failure=failure or type(broken_off).__name__, partial=partial)
            raise

    def resume(self) -> None:
        """Become the current scope again, where a generator or a loop goes on."""
        scope = self.inner or self
        if scope._token is None:  # noqa: SLF001 - one class in two spellings
            scope._activate()  # noqa: SLF001

    def suspend(self) -> None:
        """Stop being the current scope, where a generator yields to code that is not its own."""
        (self.inner or self)._deactivate()  # noqa: SLF001

    def __reduce__(self) -> tuple[Callable[..., "Epoch"], tuple["Session", str]]:
        return Epoch, (self.session, self.name)

    @property
    def report(self) -> EpochReport | SpanReport:
        """Return what the epoch used; raise RuntimeError while it is still open."""
        if self.inner is not None:
            return self.inner.report
        if self.ended is None:
            raise RuntimeError("the epoch has not ended: its report is there after the block")
        return epoch_report(self.session, self.ended)


def epoch_around(scope: "Span | Epoch | None", measuring: "Measuring") -> Epoch | None:
    """Return the innermost open epoch of one run that a scope lies in, itself included."""
    while scope is not None:
        if isinstance(scope, Epoch) and scope.inner is None and scope.session.measuring is measuring and scope.ended is None:
            return scope
        scope = scope.parent
    return None
