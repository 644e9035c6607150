"""`carbonsdk intensity`: the grid now, before and after."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from carbonsdk.cli.asking import SETTINGS
from carbonsdk.cli.options import setting_options

if TYPE_CHECKING:
    from carbonsdk.footprint.timeline import Piece
    from carbonsdk.model import CarbonIntensity

_HOUR = timedelta(hours=1)
_WEEK_H = 7 * 24
_WIDEST = 32
_EIGHTHS = " ▏▎▍▌▋▊▉"


class Hour(NamedTuple):
    """An hour: its mean intensity, None where a part is unknown, what it is made of, and whether it is the present one."""

    start: datetime
    grams_per_kwh: float | None
    kind: str
    present: bool


@click.command("intensity", short_help="Show the carbon intensity here: past, now and ahead.")
@click.argument("place", metavar="[ZONE]", required=False)
@click.option("--past", type=click.IntRange(0, 720), default=12, show_default=True, help="Hours of the past to show.")
@click.option("--ahead", type=click.IntRange(0, 96), default=24, show_default=True, help="Hours of the forecast to show.")
@setting_options("zone", *SETTINGS)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with every value as the service gave it.")
def command(place: str | None, past: int, ahead: int, as_json: bool, **settings: Any) -> None:
    """Show the carbon intensity of ZONE: now, in the past hours and in those to come.

    ZONE is a key of Electricity Maps, such as DE, DK-DK1 or US-CAL-CISO, a cloud's region (aws/eu-west-1) or degrees
    (55.68,12.57); without one it is where this machine stands.
    """
    from carbonsdk.cli import asking
    from carbonsdk.model import Signal

    if place is not None and settings["zone"] is not None:
        raise click.UsageError("the zone is named twice: as an argument and with --zone")
    asked = asking.inquiry({**settings, "zone": place or settings["zone"]})
    now = asked.now
    current = asked.current()
    marginal = asked.current(Signal.MARGINAL)
    average = asked.average()
    history = tuple(asked.history(now - past * _HOUR, now)) if past else ()
    forecast = tuple(asked.forecast(now, now + ahead * _HOUR)) if ahead else ()
    if as_json:
        asking.write_json(
            {
                "zone": asked.zone,
                "asked_at": now,
                "now": current or average,
                "average": average,
                "marginal": marginal,
                "history": history,
                "forecast": forecast,
                "complaints": asked.complaints,
            }
        )
        return
    asking.tell_complaints(asked)
    _print_now(current or average, marginal, zone=asked.zone.label)
    timeline = asked.known(current, *history, *forecast)
    first = now.replace(minute=0, second=0, microsecond=0)
    _print_hours([_hour(timeline.pieces, first + index * _HOUR, now) for index in range(-past, ahead + 1)])


def _print_now(value: "CarbonIntensity | None", marginal: "CarbonIntensity | None", *, zone: str) -> None:
    from carbonsdk.totals import written_intensity

    click.echo(
        click.style(f"{zone} now: ", bold=True) + (written_intensity(value, value.grams_per_kwh) if value else "unknown")
    )
    if marginal is not None:
        click.echo(f"{' ' * len(zone)} marginal: {written_intensity(marginal, marginal.grams_per_kwh)}")
    for each in (value, marginal):
        if each is not None and each.note:
            click.echo(click.style(f"  {each.note}", dim=True))


def _hour(pieces: Any, start: datetime, now: datetime) -> Hour:
    from carbonsdk.clock import unix_ns

    found: Sequence[Piece] = pieces(unix_ns(start), unix_ns(start + _HOUR))
    known = [(end - begin, value) for begin, end, value in found if value is not None]
    covered = sum(length for length, _ in known)
    # Of the present hour, and of the hours at either end, a part may be known only.
    mean = sum(length * value.grams_per_kwh for length, value in known) / covered if covered else None
    kinds = dict.fromkeys(_kind(value) for _, value in known)
    return Hour(start, mean, ", ".join(kinds), start <= now < start + _HOUR)


def _kind(value: "CarbonIntensity") -> str:
    if value.own:
        return "own"
    words = ("forecast" if value.forecast else "settled" if value.settled else "live", "estimated" if value.estimated else "")
    return " ".join(filter(None, words))


def _print_hours(hours: Sequence[Hour]) -> None:
    from carbonsdk.cli import quantities, tables

    known = [hour.grams_per_kwh for hour in hours if hour.grams_per_kwh is not None]
    if not known:
        click.echo("No service has told of single hours here: `carbonsdk plugins` lists those there are.")
        return
    most = max(known) or 1.0
    form = "%a %H:%M" if len(hours) <= _WEEK_H else "%a %Y-%m-%d %H:%M"
    names = quantities.clocks((hour.start for hour in hours), form)
    named = [
        (name, hour, hour.grams_per_kwh) for name, hour in zip(names, hours, strict=True) if hour.grams_per_kwh is not None
    ]
    rows = [
        (name, f"{grams:.0f}", _bar(grams / most), hour.kind + (" ← now" if hour.present else ""))
        for name, hour, grams in named
    ]
    tables.show(("Hour", "gCO2eq/kWh", "", "Values"), rows, right=("gCO2eq/kWh",), spare=("",))
    name, _, grams = min(named, key=lambda each: each[2])
    click.echo(f"lowest: {grams:.0f} gCO2eq/kWh at {name}")


def _bar(share: float) -> str:
    eighths = round(share * _WIDEST * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
