"""RAPL by the better of its two interfaces."""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace

from carbonsdk.backends.cpuinfo import read_cpuinfo
from carbonsdk.backends.rapl import RaplSettings, advice
from carbonsdk.backends.rapl.domain import Machine
from carbonsdk.backends.rapl.perf import PerfBackend
from carbonsdk.backends.rapl.powercap import PowercapBackend
from carbonsdk.backends.rapl.sysfs import is_amd
from carbonsdk.backends.rapl.zones import masked_path
from carbonsdk.plugin import (
    BackendUnavailable,
    Device,
    DeviceLost,
    PermissionDenied,
    Reading,
    SensorAbsent,
    SensorMasked,
)

Interface = PowercapBackend | PerfBackend


class RaplBackend:
    """Reads RAPL domains through powercap or perf events."""

    def __init__(self, settings: RaplSettings, *, log: logging.Logger) -> None:
        self._settings = settings
        self._log = log
        self._chosen: Interface | None = None

    def open(self) -> Sequence[Device]:
        """Open the better interface; raise SensorAbsent, SensorMasked or PermissionDenied, with the remedy."""
        self.close()
        if not self._settings.root.is_dir():
            raise SensorAbsent(advice.together(advice.no_sysfs(self._settings.root), grants=False))
        opened: list[tuple[Interface, Sequence[Device]]] = []
        refusals: list[BackendUnavailable] = []
        for interface in self._interfaces():
            try:
                opened.append((interface, interface.open()))
            except BackendUnavailable as refusal:
                refusals.append(refusal)
        if not opened:
            raise _worst(refusals)
        chosen, devices = _better(opened)
        for interface, _ in opened:
            if interface is not chosen:
                interface.close()
        self._chosen = chosen
        return devices

    def read(self, device: Device) -> Reading:
        """Return one domain's counter."""
        if self._chosen is None:
            raise DeviceLost("rapl is not open")
        return self._chosen.read(device)

    def close(self) -> None:
        """Close every counter."""
        if self._chosen is not None:
            self._chosen.close()
            self._chosen = None

    def _interfaces(self) -> list[Interface]:
        settings = self._settings
        machine = Machine(amd=is_amd(settings.root), model=read_cpuinfo(settings.proc).model, site=self._site())
        known: dict[str, type[PerfBackend | PowercapBackend]] = {"perf": PerfBackend, "powercap": PowercapBackend}
        return [
            make(settings.root, machine=machine, psys=settings.psys, log=self._log)
            for name, make in known.items()
            if settings.interface in ("auto", name)
        ]

    def _site(self) -> advice.Site:
        site = advice.this_site(self._settings.proc)
        with contextlib.suppress(PermissionDenied):  # which reading the zones tells of
            return replace(site, container=site.container or masked_path(self._settings.root) is not None)
        return site


def _better(opened: Sequence[tuple[Interface, Sequence[Device]]]) -> tuple[Interface, Sequence[Device]]:
    """Return perf, which never wraps, unless powercap sees more of the machine, or has found that dies mirror each other."""
    if len(opened) == 1:
        return opened[0]
    perf, powercap = opened
    by_perf, by_powercap = ({device.id for device in devices} for _, devices in (perf, powercap))
    mirrored = any("-die-" in extra for extra in by_perf - by_powercap)
    return powercap if mirrored or by_powercap - by_perf else perf


def _worst(refusals: Sequence[BackendUnavailable]) -> BackendUnavailable:
    """Return the refusal that the user can do most about, with every remedy that fits this machine."""
    for kind in (SensorMasked, PermissionDenied):
        if any(isinstance(each, kind) for each in refusals):
            # That of powercap, the usual way, comes first.
            mendable = [str(each) for each in reversed(refusals) if isinstance(each, SensorMasked | PermissionDenied)]
            return kind(advice.together(*mendable, grants=True))
    return SensorAbsent(advice.together(str(refusals[-1]), grants=False))
