"""What to do where RAPL gives nothing: one text for each reason, for the place that this process runs in."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.backends.cpuinfo import read_cpuinfo

SIDE_CHANNEL = (
    "Whoever reads these counters can spy on other programs through them (PLATYPUS, CVE-2020-8694): grant them to one group "
    "you trust, never to everybody, and not on a machine shared with strangers."
)

ELSE = "Without RAPL, backend 'cpu_load' estimates the CPU from its load."

_INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h
_GROUP = "`docker run --group-add $(getent group rapl | cut -d: -f3) …`"
_MARKS = ("run/.containerenv", "run/systemd/container")  # of runtimes that may share the host's process ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the remedies depend on: is this a container, a virtual machine, which processor, and who asks."""

    container: bool = False
    virtual: bool = False
    architecture: str = "x86_64"
    superuser: bool = False


def this_site(proc: Path) -> Site:
    """Return where this process runs, as `proc` and what lies beside it show."""
    try:
        host = str((proc / "self/ns/pid").readlink()) == _INITIAL_PID_NAMESPACE
    except OSError:
        host = True
    return Site(
        container=not host or any(os.path.exists(proc.parent / mark) for mark in _MARKS),  # noqa: PTH110 - it raises nothing
        virtual=read_cpuinfo(proc).virtual,
        architecture=os.uname().machine,
        superuser=os.geteuid() == 0,
    )


def absent(where: Path, site: Site) -> str:
    """Return what it means, and what to do, where there is no powercap zone."""
    if site.architecture not in ("x86_64", "AMD64", "i386", "i686"):
        why = f"RAPL is of Intel's and AMD's processors, and this is {site.architecture}"
    elif site.virtual:
        why = "this is a virtual machine, whose host shows it no counters; nothing in here can change that"
    else:
        loaded_at = "on the host, `modprobe intel_rapl_msr`" if site.container else "`sudo modprobe intel_rapl_msr`"
        why = f"the driver is not loaded ({loaded_at}; for AMD as well, from Linux 5.8 on), or the processor has no RAPL"
    return f"no RAPL zone in {where}: {why}."


def no_sysfs(root: Path) -> str:
    """Return what it means that there is no sysfs at all."""
    if root == Path("/sys"):
        return "RAPL is read through Linux's sysfs, and there is none here."
    mounted = f"mount the host's sysfs there (`docker run -v /sys:{root}:ro …`)"
    return f"there is no {root}: {mounted}, or leave the setting root of rapl out."


def none_wanted(where: Path, *, psys: bool) -> str:
    """Return what it means that there are zones, but none of those that are counted."""
    if psys:
        return f"no zone in {where} is psys, which not every processor has: leave the setting psys of rapl out."
    return f"no zone in {where} that is of a package or of memory has a counter."


def masked(where: Path, site: Site) -> str:
    """Return what to do where a container hides the zones."""
    granted = f" The user in it must be allowed to read them as well: {_GROUP}, if the host grants them to `rapl`."
    return (
        f"{where} is masked by this container. Start it with the host's sysfs mounted elsewhere "
        "(`docker run -v /sys:/host/sys:ro …`, in Kubernetes a hostPath volume) and set "
        "CARBONSDK_BACKENDS__RAPL__ROOT=/host/sys; Podman unmasks it as well, with "
        f"`--security-opt unmask=/sys/devices/virtual/powercap`.{'' if site.superuser else granted}"
    )


def denied(path: Path, site: Site) -> str:
    """Return the udev rule that lets one group read the counters."""
    where = "As root on the host, not in this container" if site.container else "As root"
    member = "" if site.container else f" && usermod --append --groups rapl {_user()}"
    then = f"and start the container with {_GROUP}." if site.container else "and log in again."
    return (
        f"cannot read {path}: permission denied (Linux keeps it to root since CVE-2020-8694). "
        f"{where}, let one group read it:\n"
        f"  groupadd --force rapl{member}\n"
        '  echo \'SUBSYSTEM=="powercap", KERNEL=="intel-rapl*:*", RUN+="/bin/chgrp rapl /sys%p/energy_uj", '
        'RUN+="/bin/chmod g+r /sys%p/energy_uj"\' > /etc/udev/rules.d/70-rapl.rules\n'
        f"  udevadm control --reload && udevadm trigger --subsystem-match=powercap --action=add\n{then}"
    )


def hidden(folder: Path) -> str:
    """Return what it means that a folder of sysfs may not be looked into."""
    return f"cannot list {folder}: permission denied; this system hides its hardware from users who are not root."


def perf_absent(where: Path) -> str:
    """Return what it means that there is no perf event source of energy."""
    return f"no RAPL perf events in {where}: a virtual machine, or the kernel's module `rapl` is not loaded."


def perf_denied(paranoid: str | None, site: Site) -> str:
    """Return the ways to be allowed perf events of a whole package."""
    if site.container:  # there the bar is the container's, and `setcap` does not lift it
        return (
            "perf events of energy are denied to this container. They need no mount: `docker run --cap-add PERFMON …` "
            "(Docker 23 or later, Linux 5.8 or later, and root in the container)."
        )
    level = "" if paranoid is None else f" (kernel.perf_event_paranoid is {paranoid})"
    return (
        f"perf events of energy are denied{level}. As root, either give the Python interpreter that right alone "
        f"(`setcap cap_perfmon=ep {Path(sys.executable).resolve()}`, Linux 5.8 or later; whoever may run it has the right "
        "then, so take one of your own; it ignores LD_LIBRARY_PATH), or lower the bar for all "
        "(`sysctl kernel.perf_event_paranoid=0`)."
    )


def together(*remedies: str, grants: bool) -> str:
    """Return one text of several; where they grant counters, with what that gives away."""
    return "\n".join([*remedies, *([SIDE_CHANNEL] if grants else []), ELSE])


def _user() -> str:
    try:
        import getpass

        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user often has no name
        return "USER"
