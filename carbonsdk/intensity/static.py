"""Annual averages from tables in the package: country, cloud region, provider, world. Needs no network."""

from collections.abc import Iterable
from dataclasses import dataclass

from carbonsdk.plugin import Basis, Context, IntensityFetcher, Registration, hookimpl


@dataclass(frozen=True, slots=True)
class StaticSettings:
    """`basis` is what is asked for: a figure of the other is a fallback. Unset prefers lifecycle, and none is one."""

    basis: Basis | None = None


def _table(context: Context) -> IntensityFetcher:
    from carbonsdk.intensity.static_tables import StaticTables

    return StaticTables(basis=context.settings.basis)


@hookimpl
def carbonsdk_intensity_fetchers() -> Iterable[Registration[IntensityFetcher]]:
    """Register the tables; they answer for every zone, last of all."""
    return [
        Registration(
            name="static",
            factory=_table,
            settings=StaticSettings,
            preference=10,
            inline=True,
            summary="annual averages of countries and cloud regions, from tables in the package",
        )
    ]
