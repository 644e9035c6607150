"""The module-level functions: epochs and spans on the current tracker, or on a default one made at first use."""

import functools
import inspect
import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from carbonsdk.tracker import CarbonTracker, innermost

if TYPE_CHECKING:
    from carbonsdk.engine.scopes import Epoch, Span
    from carbonsdk.reports import RunReport

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.RLock()
_default: "DefaultTracker | None" = None
_configured: dict[str, Any] = {}


class DefaultTracker(CarbonTracker):
    """The tracker of those who made none themselves. It prints to stderr, one line an epoch."""

    _style = "lines"
    _stream = "stderr"


def configure(**settings: Any) -> None:
    """Set up the default tracker, with the keywords of CarbonTracker.

    Raises SettingsError for a wrong one, and where the default tracker is at work already.
    """
    with _lock:
        from carbonsdk.errors import SettingsError
        from carbonsdk.settings import resolve

        if _default is not None and _default.alive:
            raise SettingsError(
                "the default tracker is at work already: call configure() before the first epoch, or after stop()"
            )
        resolve(settings)  # a mistake shows here, not in the midst of training
        _configured.clear()
        _configured.update(settings)


def current() -> CarbonTracker:
    """Return the innermost tracker of this context, else the default one, which is made at first use."""
    tracker = innermost()
    if tracker is not None:
        return tracker
    global _default  # noqa: PLW0603 - one default tracker a process is what the word means
    with _lock:
        if _default is None:
            _default = DefaultTracker(**_configured)
        return _default


def stop() -> "RunReport | None":
    """End the default tracker's run and return its report; None if there was none. The next epoch begins a new run."""
    global _default
    with _lock:
        tracker, _default = _default, None
    return None if tracker is None else tracker.stop()


def epoch(name: str = "", *, parent: "Span | Epoch | None" = None) -> "Epoch":
    """Return a context manager that measures one epoch on the current tracker: see `CarbonTracker.epoch`."""
    return current().epoch(name, parent=parent)


def span(name: str, *, parent: "Span | Epoch | None" = None) -> "Span":
    """Return a context manager that measures a named interval on the current tracker: see `CarbonTracker.span`."""
    return current().span(name, parent=parent)


@overload
def track_epoch(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_epoch(
    *, name: str | None = None, tracker: CarbonTracker | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def track_epoch(
    function: Callable[P, R] | None = None, /, *, name: str | None = None, tracker: CarbonTracker | None = None
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Make every call of a function one epoch: also of a coroutine function, a generator, or an async generator.

    `name` is the function's own unless given. The epoch is the current tracker's at the time of the call, unless `tracker` is
    given. Signature, result and exceptions are the function's.
    """

    def decorate(body: Callable[P, R]) -> Callable[P, R]:
        if isinstance(body, classmethod):
            raise TypeError("track_epoch takes a function: write @classmethod above @track_epoch")
        if not callable(body):
            raise TypeError(f"track_epoch takes a function, not {body!r}; a name goes by keyword: @track_epoch(name=…)")
        called = name if name is not None else getattr(body, "__name__", "")

        def scope() -> "Epoch":
            return (tracker or current()).epoch(called)

        return cast("Callable[P, R]", _wrapped(body, scope))

    return decorate if function is None else decorate(function)


def _wrapped(body: Callable[..., Any], scope: "Callable[[], Epoch]") -> Callable[..., Any]:
    # What an object does when it is called stands in its class.
    called = body if inspect.isroutine(body) or isinstance(body, functools.partial) else type(body).__call__
    if inspect.isasyncgenfunction(called):
        return _wrapped_async_generator(body, scope)
    if inspect.iscoroutinefunction(called):

        @functools.wraps(body)
        async def run_coroutine(*args: Any, **kwargs: Any) -> Any:
            with scope():
                return await body(*args, **kwargs)

        return run_coroutine
    if inspect.isgeneratorfunction(called):

        @functools.wraps(body)
        def run_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from _drive(body(*args, **kwargs), scope()))

        return run_generator

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> Any:
        with scope():
            return body(*args, **kwargs)

    return run


def _drive(inner: Generator[Any, Any, Any], epoch: "Epoch") -> Generator[Any, Any, Any]:
    """Run a generator to its end as one epoch, which is the current scope only while the generator itself runs."""
    with epoch:
        step: Callable[[], Any] = functools.partial(next, inner)
        while True:
            epoch.resume()
            try:
                item = step()
            except StopIteration as end:
                return end.value
            epoch.suspend()
            try:
                sent = yield item
            except GeneratorExit:
                inner.close()
                epoch.close(partial="the generator was left before it ended")
                raise
            except BaseException as error:  # noqa: BLE001 - thrown in from outside: the inner generator's business
                step = functools.partial(inner.throw, error)
            else:
                step = functools.partial(inner.send, sent)


def _wrapped_async_generator(body: Callable[..., Any], scope: "Callable[[], Epoch]") -> Callable[..., Any]:
    # The driving loop is the wrapper itself: there is no `yield from` that would pass asend, athrow and aclose on.
    @functools.wraps(body)
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner: AsyncGenerator[Any, Any] = body(*args, **kwargs)
        with scope() as epoch:
            step: Callable[[], Any] = inner.__anext__
            while True:
                epoch.resume()
                try:
                    item = await step()
                except StopAsyncIteration:
                    return
                epoch.suspend()
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    epoch.close(partial="the generator was left before it ended")
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown in from outside: the inner generator's business
                    step = functools.partial(inner.athrow, error)
                else:
                    step = functools.partial(inner.asend, sent)

    return run


def _after_fork_in_child() -> None:
    # A thread that the child does not have may have been making the default tracker.
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
