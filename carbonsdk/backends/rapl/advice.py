"""What to do where RAPL gives nothing: one text for each reason."""

import sys
from pathlib import Path

SIDE_CHANNEL = (
    "Whoever reads these counters can spy on other programs through them (PLATYPUS, CVE-2020-8694): grant them to one group "
    "you trust, never to everybody, and not on a machine shared with strangers."
)

ELSE = "Without RAPL, backend 'cpu_load' estimates the CPU from its load."


def absent(where: Path) -> str:
    """Return what to do where there is no powercap zone."""
    return (
        f"no RAPL zone in {where}: a virtual machine, a processor without RAPL, or a driver that is not loaded "
        f"(on bare metal: `sudo modprobe intel_rapl_msr`; AMD needs Linux 5.8 or later). {ELSE}"
    )


def masked(where: Path) -> str:
    """Return what to do where a container hides the zones."""
    return (
        f"{where} is masked by this container. Start it with the host's sysfs mounted elsewhere "
        "(`docker run -v /sys:/host/sys:ro …`) and set CARBONSDK_BACKENDS__RAPL__ROOT=/host/sys; the user in the container "
        f"must be allowed to read the counters as well. {SIDE_CHANNEL} {ELSE}"
    )


def denied(path: Path) -> str:
    """Return the udev rule that lets one group read the counters."""
    return (
        f"cannot read {path}: permission denied (Linux keeps it to root since CVE-2020-8694). As root, let one group read it:\n"
        f"  groupadd --force rapl && usermod --append --groups rapl {_user()}\n"
        '  echo \'SUBSYSTEM=="powercap", KERNEL=="intel-rapl*:*", RUN+="/bin/chgrp rapl /sys%p/energy_uj", '
        'RUN+="/bin/chmod g+r /sys%p/energy_uj"\' > /etc/udev/rules.d/70-rapl.rules\n'
        "  udevadm control --reload && udevadm trigger --subsystem-match=powercap --action=add\n"
        f"and log in again. {SIDE_CHANNEL} {ELSE}"
    )


def perf_absent(where: Path) -> str:
    """Return what it means that there is no perf event source of energy."""
    return f"no RAPL perf events in {where}: a virtual machine, or the kernel's module `rapl` is not loaded"


def perf_denied(paranoid: str | None) -> str:
    """Return the ways to be allowed perf events of a whole package."""
    level = "" if paranoid is None else f" (kernel.perf_event_paranoid is {paranoid})"
    return (
        f"perf events of energy are denied{level}. As root, either give the Python interpreter that right alone "
        f"(`setcap cap_perfmon=ep {Path(sys.executable).resolve()}`, Linux 5.8 or later), "
        f"or lower the bar for all (`sysctl kernel.perf_event_paranoid=0`). {SIDE_CHANNEL}"
    )


def perf_masked() -> str:
    """Return how a container is allowed perf events: there, the bar is the container's, and `setcap` does not lift it."""
    return (
        "Or allow it perf events, and mount nothing: `docker run --cap-add PERFMON …` (Docker 23 or later, Linux 5.8 or later, "
        "and root in the container)."
    )


def _user() -> str:
    try:
        import getpass

        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user often has no name
        return "USER"
