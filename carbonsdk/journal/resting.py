"""Energy above idle: what is left of joules when the idle power over the same time is taken off."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from carbonsdk.reports import AboveIdle, Baseline


class Resting(NamedTuple):
    """What a device used in `observed_s` seconds, and its idle power, where either is known."""

    name: str
    joules: float | None
    observed_s: float
    baseline: Baseline | None


def above_idle(devices: Iterable[Resting]) -> AboveIdle | None:
    """Add up devices; return None where no idle power is known. A device that nothing was read of is in no figure."""
    gross, idle, known, without = [], [], [], []
    for device in devices:
        if device.joules is None:
            continue
        if device.baseline is None:
            without.append(device.name)
            continue
        gross.append(device.joules)
        idle.append(device.baseline.watts * device.observed_s)
        known.append(device.baseline)
    if not known:
        return None
    return AboveIdle(
        joules=math.fsum(gross) - math.fsum(idle),
        idle_joules=math.fsum(idle),
        measured_at=min(baseline.measured_at for baseline in known),
        without=tuple(dict.fromkeys(without)),
        busy=any(baseline.busy for baseline in known),
    )
