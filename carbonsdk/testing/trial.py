"""What the checks are written with: one sentence a failure, calls with a deadline, and no network."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from carbonsdk.host import patience

T = TypeVar("T")

PATIENCE_S = 30.0


def require(holds: object, sentence: str) -> None:
    """Raise AssertionError with the sentence unless it holds."""
    if not holds:
        raise AssertionError(sentence)


@contextmanager
def must_not_raise(doing: str) -> Iterator[None]:
    """Turn whatever is raised inside into an AssertionError that says what was done; an AssertionError passes."""
    try:
        yield
    except (AssertionError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise AssertionError(f"{doing} must not raise, but raised {type(error).__name__}: {error}") from error


def elsewhere(call: Callable[[], T], doing: str, *, patience_s: float = PATIENCE_S) -> T:
    """Return what `call` returns, or raise what it raises, in another thread, as the engine would have it.

    Raises AssertionError if it takes longer than `patience_s`; the thread is left behind then.
    """
    try:
        return patience.elsewhere(call, name="carbonsdk-check", patience_s=patience_s)
    except patience.TookTooLong as late:
        raise AssertionError(f"{doing} took longer than {patience_s:g} s") from late


@contextmanager
def no_network(doing: str) -> Iterator[None]:
    """Raise AssertionError if the code inside opens a connection or resolves a name, even where it swallows the refusal."""
    attempts: list[str] = []

    def refuse(name: str) -> Callable[..., Any]:
        def attempt(*_arguments: object, **_keywords: object) -> Any:
            attempts.append(name)
            raise OSError(f"{doing} must not use the network")

        return attempt

    kept = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
    setattr(socket.socket, "connect", refuse("connect"))  # noqa: B010 - mypy lets nobody assign a method
    setattr(socket.socket, "connect_ex", refuse("connect_ex"))  # noqa: B010
    setattr(socket, "getaddrinfo", refuse("getaddrinfo"))  # noqa: B010
    try:
        yield
    finally:
        for holder, name, original in zip((socket.socket, socket.socket, socket), _NETWORK, kept, strict=True):
            setattr(holder, name, original)
    require(not attempts, f"{doing} must not use the network, but called {', '.join(attempts)}")


_NETWORK = ("connect", "connect_ex", "getaddrinfo")
