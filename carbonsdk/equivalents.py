"""What an amount of CO2eq compares to: a small table, each row with its source and year."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """What one unit of something emits, or takes up, in grams of CO2eq. `unit` reads well after a number."""

    name: str
    unit: str
    grams_per_unit: float
    source: str
    year: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """So many units of something emit, or take up, as much as what was asked about."""

    amount: float
    unit: str
    source: str
    year: int

    @property
    def text(self) -> str:
        """Return amount and unit with three significant digits, such as `4.17 km travelled by car`."""
        return f"{_plain(self.amount)} {self.unit}"


CAR = Factor(
    name="car",
    unit="km travelled by car",
    grams_per_unit=106.8,
    source="European Environment Agency, average CO2 emissions of new passenger cars in the EU",
    year=2024,
)
PHONE = Factor(
    name="phone",
    unit="smartphone charges",
    grams_per_unit=12.4,
    source="US EPA, Greenhouse Gas Equivalencies Calculator",
    year=2024,
)
# One urban tree takes up 60 kg in its first ten years; a month is a 120th of it.
TREE = Factor(
    name="tree",
    unit="months of an urban tree's growth",
    grams_per_unit=500.0,
    source="US EPA, Greenhouse Gas Equivalencies Calculator (60 kg in ten years)",
    year=2024,
)

TABLE: tuple[Factor, ...] = (CAR, PHONE, TREE)
"""The factors that carbonsdk itself uses; pass `(*TABLE, Factor(...))` for more."""


def equivalents(grams: float | None, *, table: Iterable[Factor] = TABLE) -> tuple[Equivalent, ...]:
    """Return what `grams` of CO2eq compare to, a value for each factor; nothing where the grams are unknown."""
    if grams is None:
        return ()
    return tuple(
        Equivalent(amount=grams / factor.grams_per_unit, unit=factor.unit, source=factor.source, year=factor.year)
        for factor in table
    )


def _plain(amount: float) -> str:
    """Write three significant digits, or all before the point, without an exponent."""
    return f"{amount:,.0f}" if abs(amount) >= 1000 else format(Decimal(f"{amount:.3g}"), "f")
