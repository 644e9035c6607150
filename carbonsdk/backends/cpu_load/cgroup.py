"""What the control group of this process may use, and has used: cgroup v2, or v1 where that holds the controller."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import DeviceLost


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """A group that may use `cores` at most, and the file that tells what it has used."""

    cores: float
    usage_path: Path

    def used_s(self) -> float:
        """Return the CPU seconds that the group has used."""
        text = _text(self.usage_path)
        try:
            if self.usage_path.name == "cpuacct.usage":
                return int(text) * 1e-9
            return int(dict(line.split(maxsplit=1) for line in text.splitlines())["usage_usec"]) * 1e-6
        except (KeyError, ValueError) as error:
            raise DeviceLost(f"{self.usage_path} tells no CPU time: the control group is gone") from error


def cpu_limit(proc: Path, mount: Path) -> CpuLimit | None:
    """Return the tightest CPU quota on this process, or None where it has none. Quotas of groups above count, too."""
    limits = []
    for group in _groups(proc, mount, controller="cpu", file="cpu.max"):
        quota, _, period = _text(group / "cpu.max").partition(" ")
        limits += _limit(quota, period, usage=group / "cpu.stat")
    for group in _groups(proc, mount, controller="cpu", file="cpu.cfs_quota_us"):
        quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
        place = group.relative_to(_hierarchy(mount, "cpu"))
        limits += _limit(quota, period, usage=_hierarchy(mount, "cpuacct") / place / "cpuacct.usage")
    return min(limits, key=lambda limit: limit.cores, default=None)


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """A group that may hold so much memory at most, and the file that tells what it holds."""

    bytes: int
    stat_path: Path

    def used_bytes(self) -> int:
        """Return what the group's processes have mapped, anonymous or from files."""
        rows = dict(line.split(maxsplit=1) for line in _text(self.stat_path).splitlines())
        # v2's names, and those of v1 for a group with all groups below it.
        for names in (("anon", "file_mapped"), ("total_rss", "total_mapped_file")):
            if rows.keys() >= set(names):
                return sum(int(rows[name]) for name in names)
        raise DeviceLost(f"{self.stat_path} tells no memory: the control group is gone")


def memory_limit(proc: Path, mount: Path) -> MemoryLimit | None:
    """Return the tightest memory limit on this process, or None where it has none."""
    limits = [
        MemoryLimit(int(text), group / "memory.stat")
        for file in ("memory.max", "memory.limit_in_bytes")
        for group in _groups(proc, mount, controller="memory", file=file)
        if (text := _text(group / file)).isdigit()
    ]
    return min(limits, key=lambda limit: limit.bytes, default=None)


def _limit(quota: str, period: str, *, usage: Path) -> list[CpuLimit]:
    # v2 says "max" for no limit, v1 says -1.
    if quota.isdigit() and period.isdigit() and int(period) and usage.is_file():
        return [CpuLimit(int(quota) / int(period), usage)]
    return []


def _groups(proc: Path, mount: Path, *, controller: str, file: str) -> Iterator[Path]:
    """Yield the folders of this process's group and those above it that have `file`.

    In a container the group may be named as the host sees it while only its own part is mounted; the mount's top is then it.
    """
    for line in _text(proc / "self" / "cgroup").splitlines():
        number, controllers, place = line.split(":", 2)
        if number == "0" and not controllers:
            top = mount
        elif controller in controllers.split(","):
            top = _hierarchy(mount, controller)
        else:
            continue
        folder = top / place.lstrip("/")
        for group in (folder, *folder.parents):
            if (group / file).is_file():
                yield group
            if group == top:
                break


def _hierarchy(mount: Path, controller: str) -> Path:
    """Return where a v1 controller is mounted, alone or with its twin."""
    for name in (controller, "cpu,cpuacct", "cpuacct,cpu"):
        if controller in name.split(",") and (mount / name).is_dir():
            return mount / name
    return mount / controller


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
