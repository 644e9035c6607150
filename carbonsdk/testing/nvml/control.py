"""Hold the strings of the fake library: its description, its clock, and what was called."""

import ctypes
import mmap
import os
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.nvml.gpu import FakeGpu, NvmlCode

VARIABLE = "FAKE_NVML"  # not CARBONSDK_…: those are settings
_LAYOUT = struct.Struct("=QqqQQQ")  # control_t of fake_nvml.c: version, now_ns, origin_ns, inits, shutdowns, calls
_NOW_OFFSET = 8
_REAL_TIME = -1


class FakeNvml:
    """An NVIDIA driver with the given GPUs, on a clock that stands still until it is moved.

    Files are kept in `directory`. With `real_time` the clock is the machine's, from 0 at construction. `init_code` is what
    `nvmlInit` returns. Any number of processes may use one driver at once; changes reach all of them at their next call.
    """

    def __init__(
        self,
        directory: Path,
        gpus: Sequence[FakeGpu],
        *,
        real_time: bool = False,
        init_code: NvmlCode = NvmlCode.SUCCESS,
        driver_version: str = "550.54.15",
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._gpus = tuple(gpus)
        self._init_code = init_code
        self._driver_version = driver_version
        path = directory / "control"
        path.write_bytes(_LAYOUT.pack(0, _REAL_TIME if real_time else 0, time.monotonic_ns(), 0, 0, 0))
        with path.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), _LAYOUT.size)
        self._write()

    @property
    def gpus(self) -> tuple[FakeGpu, ...]:
        """Return the GPUs as they are now."""
        return self._gpus

    def change(self, index: int, **changes: Any) -> None:
        """Change some fields of one GPU, at once."""
        gpus = list(self._gpus)
        gpus[index] = replace(gpus[index], **changes)
        self._gpus = tuple(gpus)
        self._write()

    @property
    def now_s(self) -> float:
        """Return the time on the driver's clock."""
        now_ns, origin_ns = self._fields()[1:3]
        return (time.monotonic_ns() - origin_ns if now_ns == _REAL_TIME else now_ns) / 1e9

    def advance(self, seconds: float) -> None:
        """Move the clock forward; not with `real_time`."""
        self.set_clock(self._fields()[1] + round(seconds * 1e9))

    def set_clock(self, now_ns: int) -> None:
        """Set the clock to nanoseconds since the profiles' beginning, to follow another simulated clock."""
        struct.pack_into("=q", self._control, _NOW_OFFSET, now_ns)

    def follow(self, clock: FakeClock) -> "FakeNvml":
        """Move along with a fake clock from its present instant on, and return this driver."""
        behind_ns = clock.monotonic_ns() - self._fields()[1]
        clock.listen(lambda now_ns: None if self._control.closed else self.set_clock(now_ns - behind_ns))
        return self

    @property
    def inits(self) -> int:
        """Return how often the driver was initialised with success."""
        return self._fields()[3]

    @property
    def shutdowns(self) -> int:
        """Return how often it was shut down."""
        return self._fields()[4]

    @property
    def calls(self) -> int:
        """Return how many calls about a device were made."""
        return self._fields()[5]

    def environ(self, library: Path) -> dict[str, str]:
        """Return the variables that have a new process use this driver, `os.environ` included."""
        paths = [str(library.parent), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(paths), VARIABLE: str(self.directory)}

    @contextmanager
    def loaded(self, library: Path) -> Iterator["FakeNvml"]:
        """Have pynvml in this very process use this driver for the length of a `with` block.

        glibc does not load a second library of a name that is loaded already, so that pynvml, asking by that name, gets this
        one, and a real driver is out of reach from then on: use it in processes that exist for testing.
        """
        ctypes.CDLL(str(library))
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(self.directory)
        try:
            yield self
        finally:
            _restore(before)
            _forget_library()

    def close(self) -> None:
        """Unmap the clock; the files stay."""
        self._control.close()

    def _fields(self) -> tuple[int, ...]:
        return _LAYOUT.unpack(self._control[:])

    def _write(self) -> None:
        """Write the description beside its place, move it there, and then say that there is a new one."""
        lines = [f"init {int(self._init_code)}", f"driver {self._driver_version}"]
        lines += [line for gpu in self._gpus for line in gpu.lines()]
        fresh = self.directory / "gpus.new"
        fresh.write_text("\n".join(lines) + "\n", encoding="ascii")
        fresh.replace(self.directory / "gpus")
        struct.pack_into("=Q", self._control, 0, self._fields()[0] + 1)


def _restore(value: str | None) -> None:
    if value is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = value


def _forget_library() -> None:
    """Have pynvml look for its library again at the next init: it keeps the one that it found for ever."""
    pynvml = sys.modules.get("pynvml")
    if pynvml is not None:
        pynvml.nvmlLib = None  # type: ignore[attr-defined]
        pynvml._nvmlGetFunctionPointer_cache.clear()  # noqa: SLF001 - it has no other way
