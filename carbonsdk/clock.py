"""Time as the engine sees it: a monotonic clock, anchored once to the wall clock."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol, runtime_checkable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _steady() -> Callable[[], int]:
    # On Linux CLOCK_MONOTONIC, which is Python's, stands still during suspend (clock_gettime(2)).
    if hasattr(time, "CLOCK_BOOTTIME"):
        with suppress(OSError):  # a sandbox without it
            time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            return partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
    return time.monotonic_ns


_now_ns = _steady()


@runtime_checkable
class Clock(Protocol):
    """Two views of one instant; everything is stamped in monotonic nanoseconds."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds on a clock that never steps back."""
        ...

    def wall_ns(self, monotonic_ns: int) -> int:
        """Return the Unix time in nanoseconds of a monotonic stamp."""
        ...


class SystemClock:
    """The machine's clock.

    The wall clock is read once, at construction: a later step of it (NTP, a person, daylight saving) moves no epoch. Where the
    system has a clock that goes on while a laptop sleeps, that one is used: what comes after keeps its place in time.
    """

    __slots__ = ("_offset_ns",)

    monotonic_ns = staticmethod(_now_ns)  # each edge asks several times, and pays for every call between
    """Return nanoseconds since the machine was started, sleep included where the system counts it."""

    def __init__(self) -> None:
        before = _now_ns()
        wall = time.time_ns()
        after = _now_ns()
        self._offset_ns = wall - (before + after) // 2

    def wall_ns(self, monotonic_ns: int) -> int:
        """Return the Unix time in nanoseconds of a monotonic stamp."""
        return monotonic_ns + self._offset_ns


def utc(unix_ns: int) -> datetime:
    """Return an aware UTC datetime, to the microsecond, of a Unix time in nanoseconds."""
    return _EPOCH + timedelta(microseconds=unix_ns // 1000)


def unix_ns(moment: datetime) -> int:
    """Return the Unix time in nanoseconds of an aware datetime; raise ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: pass an aware datetime")
    delta = moment - _EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000
