"""Durations, energies and times as people type them: callbacks of options."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import click

_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "min": 60.0, "s": 1.0}
_KWH = {"wh": 1e-3, "kwh": 1.0, "mwh": 1e3, "gwh": 1e6}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)", re.IGNORECASE)
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)


def duration(_: click.Context, parameter: click.Parameter, text: str | None) -> timedelta | None:
    """Read a length of time: 6h, 90min, 1h30m, 2d."""
    if text is None:
        return None
    found = _length(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no duration: write 6h, 90min, 1h30m or 2d", param=parameter)
    return found


def energy_kwh(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """Read an energy: 12kWh, 800Wh, 1.2MWh."""
    if text is None:
        return None
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or found[2].lower() not in _KWH:
        raise click.BadParameter(f"{text!r} is no energy: write 12kWh, 800Wh or 1.2MWh", param=parameter)
    return float(found[1]) * _KWH[found[2].lower()]


def moment(_: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """Read a time: 2026-01-06T08:00, local unless it has a zone; or 12h, which is so long from now."""
    if text is None:
        return None
    try:
        ahead = _length(text)
        return datetime.now().astimezone() + ahead if ahead is not None else datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OSError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is no time: write 2026-01-06T08:00, or 12h for so long from now", param=parameter
        ) from None


def local(moment: datetime) -> str:
    """Write a time as the clock on the wall shows it."""
    return f"{moment.astimezone():%a %Y-%m-%d %H:%M}"


def clocks(moments: Iterable[datetime], form: str) -> list[str]:
    """Write times as the clock on the wall shows them; with their offset from UTC where that changes: hours come twice then."""
    local = [moment.astimezone() for moment in moments]
    alike = len({moment.utcoffset() for moment in local}) < 2
    return [f"{moment:{form}}" if alike else f"{moment:{form} %z}" for moment in local]


def _length(text: str) -> timedelta | None:
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        return None
    with suppress(OverflowError):
        return timedelta(seconds=sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts))
    return None
