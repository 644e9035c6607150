"""Reading what services answer: times, figures, and series of slots."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from carbonsdk.clock import utc
from carbonsdk.plugin import BadAnswer, CarbonIntensity, Clock

_MOST = 10_000.0  # oil and lignite come to about 1,300 g/kWh, or 2,900 lb/MWh: more is a slip of units
_YEARS = range(2000, 2101)


def now(clock: Clock) -> datetime:
    """Return the clock's instant, aware, in UTC."""
    return utc(clock.wall_ns(clock.monotonic_ns()))


def moment(value: Any) -> datetime:
    """Return an ISO 8601 time in UTC, which it is in where it does not say; raise BadAnswer for anything else."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if found.year in _YEARS:
                return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    raise BadAnswer(f"the answer has {_shown(value)} where a time was due")


def figure(value: Any) -> float | None:
    """Return a figure that is not negative and not absurd, None for null; raise BadAnswer for anything else."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST:
        return float(value)
    raise BadAnswer(f"the answer has {_shown(value)} where a carbon intensity was due")


def rows(value: Any, what: str) -> list[dict[str, Any]]:
    """Return a list of JSON objects; raise BadAnswer, naming `what` should have been one, for anything else."""
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return value
    raise BadAnswer(f"the answer has no list of values under {what!r}")


def stretches(start: datetime, end: datetime, *, longest: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Cut [start, end), in UTC, into pieces that are no longer than a service allows in one request."""
    left, end = start.astimezone(UTC), end.astimezone(UTC)
    while left < end:
        right = min(left + longest, end)
        yield left, right
        left = right


def inside(values: Iterable[CarbonIntensity], start: datetime, end: datetime) -> tuple[CarbonIntensity, ...]:
    """Return the values that touch [start, end), in order, the last of those that begin at one instant."""
    by_start = {
        value.start: value
        for value in values
        if value.start is not None and value.end is not None and value.start < end and value.end > start
    }
    return tuple(by_start[key] for key in sorted(by_start))


def minutes(value: datetime, *, suffix: str = "") -> str:
    """Write a time in UTC to the minute, as 2026-01-05T12:00."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M}{suffix}"


def _shown(value: Any) -> str:
    return repr(value)[:40] if isinstance(value, str | int | float | bool) else "nothing" if value is None else "something else"
