"""Joules, kilowatt-hours and grams: the only home of conversion constants."""

JOULES_PER_KWH = 3_600_000.0
NS_PER_S = 1_000_000_000
SECONDS_PER_HOUR = 3_600.0
GRAMS_PER_POUND = 453.59237


def kwh(joules: float) -> float:
    """Convert joules to kilowatt-hours."""
    return joules / JOULES_PER_KWH


def joules(kilowatt_hours: float) -> float:
    """Convert kilowatt-hours to joules."""
    return kilowatt_hours * JOULES_PER_KWH


def grams(energy_joules: float, grams_per_kwh: float) -> float:
    """Return the grams of CO2eq that `energy_joules` emit at `grams_per_kwh`."""
    return energy_joules / JOULES_PER_KWH * grams_per_kwh


def seconds(nanoseconds: int) -> float:
    """Convert nanoseconds to seconds."""
    return nanoseconds / NS_PER_S


def nanoseconds(seconds_: float) -> int:
    """Convert seconds to whole nanoseconds."""
    return round(seconds_ * NS_PER_S)
