"""The devices that stand for boards: each board once, by what can be believed of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from carbonsdk.plugin import Device, DeviceKind, Quality, Reading, Sensor
from carbonsdk_amdsmi.dies import Die
from carbonsdk_amdsmi.trial import Trial, read_counter, read_power

BIAS = 0.1  # AMD publishes no error of its counters and power sensors: twice NVIDIA's, to be careful
REFRESH_S = 0.1
MAX_WATTS = 3000.0  # twice what the largest boards of 2025 draw

_ALIKE = 0.25  # by which counter and power may differ over half a second of a load that does not change

_DUAL_DIE = re.compile(r"\bMI250X?\b")
_SHARED = "shared: this is the power of its whole board, whoever uses the rest of it"


@dataclass(frozen=True, slots=True)
class Board:
    """A device, the die that reports it, and how that is read; None where nothing of it can be."""

    device: Device
    die: Die
    take: Callable[[Any, Die], Reading | None] | None


def boards(trials: Sequence[Trial], chosen: Iterable[Die], note: str | None) -> list[Board]:
    """Return the boards of the chosen dies, each once; `trials` are of all dies, in PCI order."""
    reporters = _reporters(trials)
    wanted = dict.fromkeys(reporters[die.uuid].die.uuid for die in chosen)
    made = []
    for trial in trials:
        if trial.die.uuid in wanted:
            parts = [other.die for other in trials if reporters[other.die.uuid] is trial]
            made.append(_board(trial, parts, note))
    return made


def _reporters(trials: Sequence[Trial]) -> dict[str, Trial]:
    """Return, by UUID, the trial of the die that reports for each.

    The driver reports the power of both dies of an MI250 with the first, and nothing or 0 W with the second, which follows it
    on the bus (https://github.com/ml-energy/zeus/pull/203); of a partitioned GPU, with the first partition.
    """
    reporters: dict[str, Trial] = {}
    before: Trial | None = None
    for trial in trials:
        reporters[trial.die.uuid] = trial
        if trial.silent and before is not None:
            first = reporters[before.die.uuid]
            second_die = before is first and all(_DUAL_DIE.search(each.die.name) for each in (before, trial))
            partition = bool(trial.die.slot) and trial.die.slot == first.die.slot
            if not first.silent and (second_die or partition):
                reporters[trial.die.uuid] = first
        before = trial
    return reporters


def _board(trial: Trial, parts: Sequence[Die], note: str | None) -> Board:
    method, quality, take, because = _meter(trial)
    notes = [because, _SHARED if len(parts) > 1 else None, note]
    sensor = Sensor(
        method=method,
        quality=quality,
        bias=BIAS if take else 0.0,
        refresh_s=REFRESH_S,
        max_watts=MAX_WATTS,
        note="; ".join(filter(None, notes)) or None,
    )
    aliases = frozenset(part.address for part in parts if part.address)
    device = Device(id=trial.die.uuid, kind=DeviceKind.GPU, name=trial.die.name, sensor=sensor, aliases=aliases)
    return Board(device, trial.die, take)


def _doubt(speed: float | None) -> str | None:
    """Return what is to be said of a counter that is used, by how fast it counted beside the power."""
    if speed is None:
        return "its energy counter could not be held against power: it tells none"
    if abs(speed - 1) <= _ALIKE:
        return None
    return f"at the start its energy counter counted {speed:.2g} times what its power says: see whether it goes on"


def _meter(trial: Trial) -> tuple[str, Quality, Callable[[Any, Die], Reading | None] | None, str | None]:
    """Return the method, its quality, how it is read, and what is to be said of the choice."""
    if trial.counter_is_good:
        return "amdsmi energy counter", Quality.MEASURED, read_counter, _doubt(trial.speed)
    if trial.silent and _DUAL_DIE.search(trial.die.name):
        return "none", Quality.MISSING, None, "a die that reports nothing: its board's first, which does, is not seen here"
    if trial.field is None:
        why = "; ".join(dict.fromkeys(trial.errors)) or "the driver tells neither energy nor power"
        return "none", Quality.MISSING, None, why
    if trial.speed is None:
        because = "no energy counter on this board"
    else:
        because = f"its energy counter is not used: it counted {trial.speed:.2g} times what its power says"
    average = trial.field == "average_socket_power"
    method = "amdsmi average power" if average else "amdsmi current power"
    return method, Quality.INTEGRATED, read_power, because
