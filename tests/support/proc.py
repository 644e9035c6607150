"""A `/proc` on disk, with the files that a family of processes is read from."""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class FakeProc:
    """Processes by pid, their CPU seconds, and the machine's."""

    def __init__(self, folder: Path, *, host_namespace=True, boot="0a1b2c3d"):
        self.root = folder
        (folder / "self" / "ns").mkdir(parents=True)
        (folder / "self" / "ns" / "pid").symlink_to("pid:[4026531836]" if host_namespace else "pid:[4026532999]")
        (folder / "sys/kernel/random").mkdir(parents=True)
        (folder / "sys/kernel/random/boot_id").write_text(f"{boot}-1111-2222-3333-444455556666\n")
        self.machine(0.0)

    def machine(self, busy_s, *, idle_s=1_000.0):
        """All processes together have used `busy_s`."""
        ticks = [round(busy_s * TICKS_PER_S), 0, 0, round(idle_s * TICKS_PER_S), 0, 0, 0, 0, 0, 0]
        (self.root / "stat").write_text("cpu  " + " ".join(map(str, ticks)) + "\ncpu0 1 2 3 4 5 6 7 8 9 10\n")

    def process(self, pid, *, parent=1, cpu_s=0.0, waited_s=0.0, started=100, name="python", state="S"):
        """The process has used `cpu_s`, and its children that it has waited for `waited_s`."""
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        head = [parent, pid, pid, 0, -1, 0, 0, 0, 0, 0, round(cpu_s * TICKS_PER_S), 0, round(waited_s * TICKS_PER_S), 0]
        tail = [20, 0, 1, 0, started, 0, 0]
        (folder / "stat").write_text(f"{pid} ({name}) {state} " + " ".join(map(str, head + tail)) + "\n")

    def ended(self, pid):
        for path in (self.root / str(pid)).iterdir():
            path.unlink()
        (self.root / str(pid)).rmdir()

    def memory(self, *, anonymous_mb, mapped_mb):
        rows = f"MemTotal: 16000000 kB\nAnonPages: {anonymous_mb * 1024} kB\nMapped: {mapped_mb * 1024} kB\n"
        (self.root / "meminfo").write_text(rows)

    def holds(self, pid, *, pss_mb=None, resident_mb=None):
        if pss_mb is not None:
            text = f"5583 ---p 00000000 00:00 0 [rollup]\nRss: {pss_mb * 3072} kB\nPss: {pss_mb * 1024} kB\n"
            (self.root / str(pid) / "smaps_rollup").write_text(text)
        if resident_mb is not None:
            pages = resident_mb * 1024 * 1024 // PAGE_BYTES
            (self.root / str(pid) / "statm").write_text(f"{pages * 4} {pages} 10 1 0 5 0\n")
