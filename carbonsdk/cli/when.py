"""`carbonsdk when`: the best time to start, for people and for schedulers."""

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from carbonsdk.cli import quantities
from carbonsdk.cli.asking import SETTINGS
from carbonsdk.cli.options import setting_options

if TYPE_CHECKING:
    from carbonsdk.when import BestStart

WAIT = 3


@click.command("when", short_help="Find the best time to start a run.")
@click.option(
    "--duration",
    callback=quantities.duration,
    required=True,
    metavar="DURATION",
    help="How long the run takes: 6h, 90min, 1h30m.",
)
@setting_options("zone", "intensity")
@click.option(
    "--deadline",
    callback=quantities.moment,
    metavar="TIME",
    help="When it must be over: 2026-01-06T08:00, or 24h for so long from now.",
)
@click.option(
    "--energy", callback=quantities.energy_kwh, metavar="ENERGY", help="What it uses: 12kWh. Then the answer has grams, too."
)
@setting_options(*SETTINGS)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--exit-code", is_flag=True, help=f"Exit with {WAIT} if waiting is better, 0 if now is as good a time as any.")
def command(  # noqa: PLR0913, RUF100 - one parameter an option
    duration: timedelta,
    deadline: datetime | None,
    energy: float | None,
    as_json: bool,
    exit_code: bool,
    **settings: Any,
) -> None:
    """Find the best time to start a run: when the grid's forecast is lowest, and what that saves against now.

    Exits with 1 where no forecast reaches far enough, so that a scheduler can tell.

    \b
    carbonsdk when --duration 6h --zone DE --energy 12kWh
    sbatch --begin="now+$(carbonsdk when --duration 6h --zone DE --json | jq '.wait_s | ceil')" train.sh
    """  # noqa: D301 - click reads the control character as "do not wrap"
    from carbonsdk.cli import asking
    from carbonsdk.when import Wish, best_start_of

    wish = Wish(duration, deadline=deadline, energy_kwh=energy)
    asked = asking.inquiry(settings)
    found = best_start_of(asked, wish)
    asking.tell_complaints(asked)
    if as_json:
        asking.write_json(found.to_dict())
    else:
        _tell(found)
    if exit_code and not found.is_now:
        sys.exit(WAIT)


def _tell(found: "BestStart") -> None:
    from carbonsdk import figures

    start = "now" if found.is_now else f"{quantities.local(found.start)}, in {figures.duration(found.wait_s)}"
    click.echo(click.style("best start  ", dim=True) + click.style(start, bold=True))
    lines = [("over by", quantities.local(found.end)), ("intensity", f"{found.grams_per_kwh:.4g} gCO2eq/kWh")]
    if found.now_grams_per_kwh is None:
        lines.append(("now", "unknown"))
    elif not found.is_now:
        lines.append(("now", f"{found.now_grams_per_kwh:.4g} gCO2eq/kWh"))
        saved = f" ({figures.mass(found.saved_grams)})" if found.saved_grams is not None else ""
        lines.append(("saves", f"{found.saving:.1%}{saved}"))
    if found.co2eq_grams is not None:
        lines.append(("CO2eq", figures.mass(found.co2eq_grams)))
    lines.append(("forecast", f"{found.zone}, until {quantities.local(found.known_until)}; {', '.join(found.sources)}"))
    for label, text in lines:
        click.echo(click.style(label.ljust(12), dim=True) + text)
