"""Figures as people read them: energy, mass and time in the unit that fits, four significant digits."""

from collections import Counter
from collections.abc import Iterable

from carbonsdk import units
from carbonsdk.model import CarbonIntensity, Device, EnergyUse

_WATT_HOUR_JOULES = units.JOULES_PER_KWH / 1000
_ENERGY = (
    (units.JOULES_PER_KWH * 1000, "MWh"),
    (units.JOULES_PER_KWH, "kWh"),
    (_WATT_HOUR_JOULES, "Wh"),
    (1.0, "J"),
    (1e-3, "mJ"),
)
_MASS = ((1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg"), (1e-6, "µg"))


def energy(joules: float | None) -> str:
    """Write an energy in mJ, J, Wh, kWh or MWh; `unknown` for None."""
    return "unknown" if joules is None else _scaled(joules, scale=_scale(joules, _ENERGY))


def mass(grams: float | None) -> str:
    """Write a mass in µg, mg, g, kg or t; `unknown` for None."""
    return "unknown" if grams is None else _scaled(grams, scale=_scale(grams, _MASS))


def measured_energy(use: EnergyUse) -> str:
    """Write an energy with its uncertainty in the same unit, its quality, and what is wrong with it.

    For instance `1.234 Wh ± 0.062, estimated`, or `unknown: permission denied`.
    """
    if use.joules is None:
        return f"unknown: {use.reason or 'no reading'}"
    factor, _ = scale = _scale(use.joules, _ENERGY)
    text = _scaled(use.joules, scale=scale)
    if use.uncertainty_joules:
        text += f" ± {doubt(use.uncertainty_joules / factor)}"
    return f"{text}, {use.quality.value}"


def names(devices: Iterable[Device]) -> list[str]:
    """Return each device's name, and its id as well where several bear one name."""
    listed = list(devices)
    count = Counter(device.name for device in listed)
    return [f"{device.name} ({device.id})" if count[device.name] > 1 else device.name for device in listed]


def duration(seconds: float) -> str:
    """Write a duration: `0.123 s`, `12.3 s`, `3 min 20 s`, `2 h 03 min`."""
    if seconds < 59.95:
        return f"{seconds:.3f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def doubt(value: float) -> str:
    """Write an uncertainty: two significant digits, never an exponent."""
    from decimal import Decimal

    return format(Decimal(f"{value:#.2g}"), "f")


def epochs(count: int) -> str:
    """Write a number of epochs: `1 epoch`, `12 epochs`."""
    return f"{count} epoch{'' if count == 1 else 's'}"


def plain(value: float, *, digits: int = 6) -> str:
    """Write a number with so many significant digits and never an exponent, for files that others parse."""
    from decimal import Decimal

    return format(Decimal(f"{value:.{digits}g}"), "f")


def source(intensity: CarbonIntensity) -> str:
    """Write who says how high an intensity is, with the year where the name does not hold it."""
    year = str(intensity.year or "")
    return intensity.source if year in intensity.source else f"{intensity.source}, {year}"


def kind(intensity: CarbonIntensity) -> str:
    """Write what sort of value an intensity is: own, average, forecast, settled, estimated or live; and whether a fallback."""
    lasting = intensity.year is not None or intensity.start is None or intensity.end is None
    words = (
        ("own", intensity.own),
        ("average", lasting),
        ("forecast", intensity.forecast),
        ("settled", intensity.settled),
        ("estimated", intensity.estimated),
        ("live", True),
    )
    word = next(word for word, holds in words if holds)
    return f"{word}, fallback" if intensity.fallback else word


def _scale(value: float, scales: tuple[tuple[float, str], ...]) -> tuple[float, str]:
    # 0.9995 of a unit already reads as 1.000 of it.
    return next((scale for scale in scales if abs(value) >= 0.9995 * scale[0]), scales[-1] if value else _base(scales))


def _base(scales: tuple[tuple[float, str], ...]) -> tuple[float, str]:
    return next(scale for scale in scales if scale[0] == 1.0)


def _scaled(value: float, *, scale: tuple[float, str]) -> str:
    factor, unit = scale
    return f"{_number(value / factor)} {unit}"


def _number(value: float) -> str:
    magnitude = abs(value)
    for limit, decimals in ((1000, 0), (100, 1), (10, 2)):
        if magnitude >= limit:
            return f"{value:.{decimals}f}"
    return f"{value:.3f}" if value else "0"
