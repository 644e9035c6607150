"""A logged run as the records of a journal."""

import hashlib
import re
from datetime import UTC, datetime

from carbonsdk import units
from carbonsdk.carbontracker_logs.values import LoggedEpoch, LoggedRun
from carbonsdk.clock import unix_ns
from carbonsdk.errors import JournalError
from carbonsdk.events import RunInfo
from carbonsdk.journal.records import (
    DeviceFound,
    EpochEnded,
    IntensityKnown,
    Record,
    RunBegan,
    RunEnded,
    SelectionMade,
    StateNoted,
    Use,
    Warned,
)
from carbonsdk.model import CarbonIntensity, Device, DeviceKind, Quality, Sensor, Zone
from carbonsdk.reports import Choice

BACKEND = "carbontracker_log"
_BETWEEN = "the log tells nothing of the time between epochs"
_NOT_LOGGED = "the log has no power of this device"
_RAPL_NAME = re.compile(r"(cpu|dram|package)[:-]\d", re.IGNORECASE)
_COUNTRY = re.compile(r"(?:^|[\s,])([A-Z]{2})(?:-[A-Z0-9-]{1,10})?$")
# Published steady errors of power sensors are 4 to 6 %.
_SENSOR_BIAS = 0.05
# carbontracker's stand-in for a CPU without sensor is half its TDP: the truth lies between nothing and twice that.
_STAND_IN_BIAS = 1.0
_MOST_DEVICES = 1_024
_MOST_USES = 1_000_000  # epochs times devices: 100,000 epochs of ten
_MOST_UNTOLD = 100_000  # of those that the log has no power of, and as many as it has
_LAST_NS = 2**62  # the year 2116


def as_records(run: LoggedRun) -> list[Record]:
    """Return the records of a logged run; energies are mean power times time, for the logs hold nothing finer.

    The run's id follows from the log, so that importing it again gives the same run. Raises JournalError for a log that
    tells no time.
    """
    start, end = run.started, run.ended
    if start is None or end is None:
        raise JournalError(f"{run.name} tells no time: it cannot be placed among other runs")
    epochs = _placed(run, start)
    start_ns = min([unix_ns(start), *(begin for begin, _, _ in epochs)])
    end_ns = max([unix_ns(end), *(finish for _, finish, _ in epochs)])
    if not (0 <= start_ns <= end_ns <= _LAST_NS and _is_sensible(run)):
        count = sum(map(len, run.devices.values()))
        raise JournalError(f"{run.name} tells what cannot be: {len(epochs)} epochs of {count} devices, {end_ns:.1e} ns")
    devices = _devices(run)
    records: list[Record] = [RunBegan(_info(run, start_ns), start_ns, _zone(run) if run.location else None)]
    records += [DeviceFound(index, device, start_ns) for index, (_, _, device) in enumerate(devices)]
    records.append(SelectionMade((_choice(run, devices),)))
    records += _intensity(run)
    ended, state = _uses(epochs, devices, (start_ns, end_ns))
    records += ended
    records += [Warned(end_ns, f"{run.name}: {problem}") for problem in run.problems]
    if not run.epochs:
        state, extra = _total_alone(run, len(devices), (start_ns, end_ns))
        records += extra
    records.append(RunEnded(state) if run.finished else state)
    return records


def _is_sensible(run: LoggedRun) -> bool:
    """Return whether a run's records are not many times what its log tells."""
    devices = sum(map(len, run.devices.values()))
    told = sum(len(powers) for epoch in run.epochs for powers in epoch.powers.values())
    return devices <= _MOST_DEVICES and devices * len(run.epochs) <= min(_MOST_USES, _MOST_UNTOLD + 2 * told)


_Placed = tuple[int, int, LoggedEpoch]
_Found = tuple[str, int, Device]


def _info(run: LoggedRun, start_ns: int) -> RunInfo:
    # The time as the log writes it, so that the id is the same in every time zone.
    began = run.started.replace(tzinfo=None) if run.started else None
    digest = hashlib.sha256(f"{run.name}/{run.version}/{began}".encode()).hexdigest()
    pid = re.search(r"(?:^|_)(\d{1,9})(?:\.\d+)?_\d{4}-\d\d-\d\dT", run.name)
    return RunInfo(
        run_id=f"{BACKEND.partition('_')[0]}-{digest[:12]}",
        name=run.name,
        host="unknown",
        rank=0,
        world_size=1,
        pid=int(pid[1]) if pid else 0,
        start=datetime.fromtimestamp(start_ns / units.NS_PER_S, UTC),
        command=run.program,
        version=f"{run.program} {run.version or 'of unknown version'}",
        epochs_planned=run.predicted.epochs if run.predicted else None,
        pue=run.pue or 1.0,
        pue_source=f"the log of {run.program}" if run.pue else None,
    )


def _devices(run: LoggedRun) -> list[_Found]:
    return [
        (component, index, _device(run, component, f"{component}-{index}", name=name))
        for component, names in sorted(run.devices.items())
        for index, name in enumerate(names)
    ]


def _device(run: LoggedRun, component: str, device_id: str, *, name: str) -> Device:
    simulated, estimated = "simulated" in name, "estimated" in name
    if run.program == "carbontracker" and component == "cpu":
        estimated = not _RAPL_NAME.match(name)
    quality = Quality.ESTIMATED if estimated else Quality.INTEGRATED
    note = "mean over the component's devices" if component in run.averaged else None
    method = f"{run.program} {run.version or ''}".strip() + " log, mean power × time"
    sensor = Sensor(method=method, quality=quality, bias=_STAND_IN_BIAS if estimated else _SENSOR_BIAS, note=note)
    return Device(
        id=device_id,
        kind=_kind(component, name),
        name=name,
        sensor=sensor,
        simulated=simulated,
        backend=BACKEND,
        host="unknown",
    )


def _kind(component: str, name: str) -> DeviceKind:
    if component == "cpu":
        return DeviceKind.MEMORY if name.lower().startswith("dram") else DeviceKind.CPU
    return DeviceKind(component) if component in set(DeviceKind) else DeviceKind.OTHER


def _choice(run: LoggedRun, devices: list[_Found]) -> Choice:
    reason = f"read from the log of {run.program} {run.version or ''}".strip()
    return Choice(backend=BACKEND, chosen=True, reason=reason, devices=tuple(device.id for _, _, device in devices))


def _zone(run: LoggedRun) -> Zone:
    location = run.location or "unknown"
    if run.program == "carbonsdk":
        return Zone(key=location, found_by=BACKEND)
    country = _COUNTRY.search(location)
    return Zone(key=country[1] if country else "WORLD", name=location, found_by=BACKEND, guess=True)


def _intensity(run: LoggedRun) -> list[Record]:
    grams_per_kwh, use = run.grams_per_kwh, run.actual
    if grams_per_kwh is None and use is not None and use.grams is not None and use.kwh:
        grams_per_kwh = use.grams / use.kwh
    if grams_per_kwh is None:
        return []
    zone = _zone(run)
    note = f"the mean over the run, at {run.location or 'a location that was not found: a world average'}"
    value = CarbonIntensity(
        grams_per_kwh=grams_per_kwh, zone=zone.key, source=f"log of {run.program}", fallback=run.location is None, note=note
    )
    return [IntensityKnown(zone, (value,))]


def _placed(run: LoggedRun, start: datetime) -> list[_Placed]:
    """Return the epochs with start and end; stamps are whole seconds, so an epoch never begins before the last has ended."""
    placed: list[_Placed] = []
    free_ns = 0
    for epoch in run.epochs:
        duration_ns = units.nanoseconds(epoch.duration_s)
        end_ns = unix_ns(epoch.ended or start)
        begin_ns = max(end_ns - duration_ns, free_ns)
        free_ns = begin_ns + duration_ns
        placed.append((begin_ns, free_ns, epoch))
    return placed


def _uses(epochs: list[_Placed], devices: list[_Found], span: tuple[int, int]) -> tuple[list[EpochEnded], StateNoted]:
    """Return the epochs, and the state at the end: each device's sum, known only for as long as epochs lasted."""
    sums = [0.0] * len(devices)
    observed_ns = [0] * len(devices)
    ended = []
    for begin_ns, end_ns, epoch in epochs:
        uses = []
        for index, (component, position, _) in enumerate(devices):
            powers = epoch.powers.get(component, ())
            watts = powers[position] if position < len(powers) else None
            joules = None if watts is None else watts * epoch.duration_s
            coverage = 0.0 if joules is None else 1.0
            uses.append(Use(index, sums[index], joules, coverage, reason=None if joules is not None else _NOT_LOGGED))
            sums[index] += joules or 0.0
            observed_ns[index] += 0 if joules is None else end_ns - begin_ns
        ended.append(EpochEnded(epoch.number, "epoch", begin_ns, end_ns, tuple(uses)))
    start_ns, end_ns = span
    length_ns = max(end_ns - start_ns, 1)
    totals = tuple(
        Use(index, 0.0, sums[index], min(1.0, observed / length_ns), reason=_BETWEEN)
        if observed
        else Use(index, 0.0, None, 0.0, reason=_NOT_LOGGED)
        for index, observed in enumerate(observed_ns)
    )
    return ended, StateNoted(end_ns, totals)


def _total_alone(run: LoggedRun, index: int, span: tuple[int, int]) -> tuple[StateNoted, list[Record]]:
    """Return the state of a run of which only the told consumption is known: one device that stands for all."""
    start_ns, end_ns = span
    kwh = run.actual.kwh if run.actual else None
    if kwh is None:
        return StateNoted(end_ns, ()), []
    note = None if run.pue else "a PUE that the log does not name is included"
    method = f"{run.program} log, consumption as told"
    sensor = Sensor(method=method, quality=Quality.ESTIMATED, bias=_STAND_IN_BIAS, note=note)
    device = Device(id="all", kind=DeviceKind.OTHER, name="all components", sensor=sensor, backend=BACKEND, host="unknown")
    use = Use(index, 0.0, units.joules(kwh) / (run.pue or 1.0), 1.0, reason=note)
    return StateNoted(end_ns, (use,)), [DeviceFound(index, device, start_ns)]
