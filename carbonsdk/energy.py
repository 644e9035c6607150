"""How energy uses add up: over devices, and over time."""

import math
from collections.abc import Iterable, Sequence

from carbonsdk.model import Device, EnergyUse, Quality

NOTHING = EnergyUse(None, Quality.MISSING, "none", coverage=0.0, partial=True, reason="no device was measured")


def device_use(device: Device, joules: float | None, *, coverage: float, noise_joules: float, reason: str | None) -> EnergyUse:
    """Return what one device used over one interval; its sensor tells quality, method and bias."""
    sensor = device.sensor
    if joules is None:
        return EnergyUse(None, Quality.MISSING, sensor.method, coverage=0.0, partial=True, reason=reason or "no reading")
    return EnergyUse(
        joules,
        sensor.quality,
        sensor.method,
        coverage=coverage,
        bias_joules=sensor.bias * joules,
        noise_joules=noise_joules,
        partial=coverage < COMPLETE,
        reason=reason,
        by_quality={sensor.quality: joules},
    )


COMPLETE = 0.99
"""The least coverage that counts as complete: the milliseconds in which sensors are opened do not make a run partial."""


def across_devices(uses: Sequence[EnergyUse]) -> EnergyUse:
    """Add the uses of several devices over one interval.

    The quality is the worst of the known parts'. A missing part makes the total partial, and its reason is kept.
    """
    known = [use for use in uses if use.joules is not None]
    reasons = tuple(dict.fromkeys(use.reason for use in uses if use.reason))
    if not known:
        return NOTHING if not uses else _missing(uses, reasons)
    return EnergyUse(
        math.fsum(use.joules for use in known if use.joules is not None),
        max((use.quality for use in known), key=lambda quality: quality.rank),
        " + ".join(dict.fromkeys(use.method for use in known)),
        coverage=min(use.coverage for use in known),
        bias_joules=math.fsum(use.bias_joules for use in known),
        noise_joules=math.hypot(*(use.noise_joules for use in known)),
        partial=len(known) < len(uses) or any(use.partial for use in known),
        reason="; ".join(reasons) or None,
        by_quality=_by_quality(known),
    )


def over_time(uses: Sequence[tuple[EnergyUse, float]]) -> EnergyUse:
    """Add (use, seconds) pairs of disjoint intervals; coverage is weighted by time."""
    if not uses:
        return NOTHING
    total = across_devices([use for use, _ in uses])
    if total.joules is None:
        return total
    duration_s = math.fsum(seconds for _, seconds in uses)
    covered_s = math.fsum(use.coverage * seconds for use, seconds in uses)
    coverage = covered_s / duration_s if duration_s > 0 else total.coverage
    return EnergyUse(
        total.joules,
        total.quality,
        total.method,
        coverage=coverage,
        bias_joules=total.bias_joules,
        noise_joules=total.noise_joules,
        partial=total.partial,
        reason=total.reason,
        by_quality=total.by_quality,
    )


def _missing(uses: Sequence[EnergyUse], reasons: Iterable[str]) -> EnergyUse:
    method = " + ".join(dict.fromkeys(use.method for use in uses))
    return EnergyUse(None, Quality.MISSING, method, coverage=0.0, partial=True, reason="; ".join(reasons) or "no reading")


def _by_quality(uses: Iterable[EnergyUse]) -> dict[Quality, float]:
    totals: dict[Quality, float] = {}
    for use in uses:
        for quality, joules in use.by_quality.items():
            totals[quality] = totals.get(quality, 0.0) + joules
    return dict(sorted(totals.items(), key=lambda item: item[0].rank))
