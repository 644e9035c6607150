"""Measuring what the devices of a machine draw while nothing runs."""

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from carbonsdk.engine.guard import Guard
from carbonsdk.engine.opening import opened
from carbonsdk.engine.processes import Family, family_of_this_process
from carbonsdk.engine.session import Session
from carbonsdk.interfaces import SupportsShares
from carbonsdk.model import Device, DeviceKind
from carbonsdk.reports import Baseline, EpochReport

BUSY = 0.05
"""The share of the CPUs, or of a GPU, beyond which somebody else is at work."""

_MOST_SLICES = 10
_STEADY = 0.2
_STEADY_WATTS = 2.0
_PATIENCE_S = 5.0
_MACHINE = ""
Sleep = Callable[[float], None]


class _Power(NamedTuple):
    """What a device used in one slice, and the doubt about that, beside the sensor's bias."""

    joules: float
    seconds: float
    noise_joules: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleDevice:
    """A device, its power while the machine was watched, and what speaks against calling that its idle power."""

    device: Device
    baseline: Baseline | None
    objections: tuple[str, ...]


def measure_idle(call: Mapping[str, Any], *, seconds: float, sleep: Sleep = time.sleep) -> tuple[IdleDevice, ...]:
    """Watch every device for some seconds and return what it drew; blocks for as long.

    `call` are settings as a tracker takes them. Raises SettingsError, and BackendUnavailable for a backend that is named and
    absent.
    """
    with TemporaryDirectory(prefix="carbonsdk-idle-") as folder:
        # Sinks are left out: a look at the machine belongs into nobody's files.
        whole = {"scope": "machine", "devices_by_pid": False, "sinks": (), "log_dir": None, "state_dir": folder}
        made = opened({**call, "offline": True, "verbose": 0, **whole}, style="lines", stream="stderr")
        made.begin()
        session = made.session
        try:
            session.hardware.await_all(_PATIENCE_S)
            watch = _Watch(session, family_of_this_process())
            slices = list(_slices(session, seconds, sleep))
            return tuple(verdicts(slices, watch.objections()))
        finally:
            session.stop()


def _slices(session: Session, seconds: float, sleep: Sleep) -> Iterator[EpochReport]:
    count = min(_MOST_SLICES, max(2, int(seconds)))  # of a second or more: some sensors tell means of one
    for _ in range(count):
        with session.epoch("idle", None) as epoch:
            sleep(seconds / count)
        report = epoch.report
        assert isinstance(report, EpochReport)  # noqa: S101 - it lies in no other epoch
        yield report


class _Watch:
    """Who else is at work, from construction to `objections`."""

    def __init__(self, session: Session, family: Family) -> None:
        self._session, self._family = session, family
        self._since_ns = session.clock.monotonic_ns()
        self._others_s = self._others()
        self._gpu_loads()  # so that the next answer is of the time since now

    def _others(self) -> float:
        return self._family.machine_cpu_s() - self._family.cpu_s()

    def objections(self) -> dict[str, str]:
        """Return what speaks against rest: of the machine (under its own key) and of GPUs (under their ids)."""
        elapsed_s = (self._session.clock.monotonic_ns() - self._since_ns) / 1e9
        load = (self._others() - self._others_s) / max(elapsed_s, 1e-3) / (os.cpu_count() or 1)
        found = {ident: f"processes use {busy:.0%} of its time" for ident, busy in self._gpu_loads() if busy > BUSY}
        if load > BUSY:
            found[_MACHINE] = f"other processes use {load:.0%} of the machine's CPU time"
        return found

    def _gpu_loads(self) -> Iterable[tuple[str, float]]:
        loads = []
        for channel in self._session.hardware.channels:
            source = channel.source
            if channel.state != "ready" or source is None or not isinstance(source.backend, SupportsShares):
                continue
            for answer in channel.answers:
                # A driver that does not tell leaves the steadiness of the power to go by.
                with Guard("processes of a GPU"), source.lock:
                    loads.append((answer.device.id, sum(source.backend.process_shares(answer.device).values())))
        return loads


def verdicts(slices: list[EpochReport], objections: Mapping[str, str]) -> Iterator[IdleDevice]:
    """Yield each device of the last slice with its mean power; one that moved was not at rest."""
    report_end = slices[-1].end.replace(microsecond=0)
    for each in slices[-1].devices:
        device = each.device
        powers = [power for report in slices if (power := _power(report, device)) is not None]
        if not powers:
            yield IdleDevice(device=device, baseline=None, objections=(each.energy.reason or "no reading",))
            continue
        joules, seconds, _ = (math.fsum(column) for column in zip(*powers, strict=True))
        whose = device.id if device.kind is DeviceKind.GPU else _MACHINE
        against = [objections[whose]] if whose in objections else []
        if _moved(powers, most_watts=max(_STEADY_WATTS, _STEADY * joules / seconds)):
            watts = sorted(used / duration for used, duration, _ in powers)
            against.append(f"its power moved between {watts[0]:.3g} and {watts[-1]:.3g} W")
        if device.simulated:
            against.append("it is simulated")
        baseline = Baseline(watts=joules / seconds, seconds=seconds, measured_at=report_end, busy=bool(against))
        yield IdleDevice(device=device, baseline=baseline, objections=tuple(against))


def _power(report: EpochReport, device: Device) -> _Power | None:
    """Return a device's power in one slice; None where it was not observed."""
    for each in report.devices:
        use = each.energy
        if each.device.key == device.key and use.joules is not None and use.coverage > 0:
            return _Power(use.joules, use.coverage * report.duration_s, use.noise_joules)
    return None


def _moved(powers: Sequence[_Power], *, most_watts: float) -> bool:
    """Return whether the power surely moved by more: of a short slice, a sensor that seldom answers knows little."""
    least = [(each.joules - each.noise_joules) / each.seconds for each in powers]
    most = [(each.joules + each.noise_joules) / each.seconds for each in powers]
    return max(least) - min(most) > most_watts
