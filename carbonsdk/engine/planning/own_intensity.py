"""The user's own carbon intensity: a number, hours, or a file. It wins over every service."""

import csv
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path

from carbonsdk import files
from carbonsdk.errors import SettingsError
from carbonsdk.model import CarbonIntensity

OwnIntensity = float | str | Path | Mapping[datetime | str, float]
"""gCO2eq/kWh: one for all time, a mapping of hours, or a CSV file of times and values."""

_HOUR = timedelta(hours=1)
_YEARS = range(1971, 2115)  # what the axis of time holds, at the least
_MOST_BYTES = 16 << 20  # ten years of quarters of an hour
_MOST_GRAMS = 1e12  # what is not believed of a record is no figure of a user either
_Point = tuple[datetime, float | None]


def own_intensity(spec: OwnIntensity) -> list[CarbonIntensity]:
    """Return the values that `spec` stands for, in order.

    A number (or the text of one) holds at any time. In a mapping each value is of the hour that begins at its key, or of the
    time until the next key if that is sooner. In a CSV file (time, value; a header and lines with # are skipped) each value
    holds until the next time, the last one as long as the one before it, or for an hour if it is alone; an empty value leaves
    its time open. Times are aware datetimes or ISO 8601 with a zone. Raise SettingsError for anything else.
    """
    if isinstance(spec, Mapping):
        return _hours(spec)
    if isinstance(spec, Path):
        return _file(spec)
    if isinstance(spec, str) and not _is_number(spec):
        return _file(Path(spec))
    return [CarbonIntensity(grams_per_kwh=_grams(spec, "intensity"), zone="own", source="given by the user", own=True)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _hours(hours: Mapping[datetime | str, float]) -> list[CarbonIntensity]:
    points = _in_order((_moment(key, "intensity"), _grams(value, f"intensity at {key}")) for key, value in hours.items())
    if not points:
        raise SettingsError("intensity is an empty mapping: give it hours, or leave it out")
    ends = [min(start + _HOUR, following) for (start, _), (following, _) in pairwise(points)]
    return _values(points, [*ends, points[-1][0] + _HOUR], source="given by the user")


def _file(path: Path) -> list[CarbonIntensity]:
    try:
        text = files.content(path, most_bytes=_MOST_BYTES).decode("utf-8-sig")
        points = _in_order(_points(csv.reader(StringIO(text, newline="")), path))
    except SettingsError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise SettingsError(f"intensity={str(path)!r} is neither a number nor a CSV file that can be read: {error}") from None
    if all(grams is None for _, grams in points):
        raise SettingsError(f"{path} has no line with a time and a value in gCO2eq/kWh")
    ends = [start for start, _ in points[1:]]
    last = points[-1][0] - points[-2][0] if len(points) > 1 else _HOUR
    return _values(points, [*ends, points[-1][0] + last], source=f"given by the user ({path.name})")


def _points(rows: Iterable[list[str]], path: Path) -> Iterable[_Point]:
    begun = False
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#"):
            continue
        where = f"{path}, line {number}"
        heading, begun = not begun and not _is_time(cells[0]), True
        try:
            value = float(cells[1]) if cells[1] else None
        except (ValueError, IndexError):
            if heading:
                continue
            raise SettingsError(f"{where}: needs a time and a value in gCO2eq/kWh, with a comma between them") from None
        if heading and value is None:
            continue
        yield _moment(cells[0], where), None if value is None else _grams(value, where)


def _in_order(points: Iterable[_Point]) -> list[_Point]:
    ordered = sorted(points, key=lambda point: point[0])
    for (one, _), (other, _) in pairwise(ordered):
        if one == other:
            raise SettingsError(f"intensity has two values for {one.isoformat()}: leave one out")
    return ordered


def _values(points: list[_Point], ends: list[datetime], *, source: str) -> list[CarbonIntensity]:
    return [
        CarbonIntensity(grams_per_kwh=grams, zone="own", source=source, start=start, end=end, own=True)
        for (start, grams), end in zip(points, ends, strict=True)
        if grams is not None
    ]


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _moment(given: datetime | str, where: str) -> datetime:
    try:
        moment = given if isinstance(given, datetime) else datetime.fromisoformat(given)
    except (ValueError, TypeError):
        raise SettingsError(f"{where}: {given!r} is no time; write 2026-01-05T12:00Z or 2026-01-05T13:00+01:00") from None
    if moment.tzinfo is None:
        raise SettingsError(f"{where}: {given!s} has no time zone; write 2026-01-05T12:00Z or 2026-01-05T13:00+01:00")
    if moment.year not in _YEARS:
        raise SettingsError(f"{where}: {given!s} is out of range: years go from {_YEARS[0]} to {_YEARS[-1]}")
    return moment


def _grams(value: float | str, where: str) -> float:
    try:
        grams = float(value)
    except (OverflowError, TypeError, ValueError):
        grams = math.nan
    if not 0 <= grams <= _MOST_GRAMS:  # NaN is neither
        raise SettingsError(f"{where}: {value} is no intensity in gCO2eq/kWh")
    return grams
