"""AMD GPUs that draw what profiles say, for AMD's own Python module: the library beneath it is made here."""

import ctypes
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from enum import IntEnum
from importlib.util import find_spec
from pathlib import Path

from carbonsdk.testing import Profile

RESOLUTION_UJ = 15.3
"""What AMD SMI gives as the unit of the counter, where the hardware counts 2^-16 J (kernel, `kgd_pp_interface.h`)."""

UNKNOWN = 0xFFFF
_SOURCE = Path(__file__).with_name("fake_amd_smi.c")


class Status(IntEnum):
    SUCCESS = 0
    NOT_SUPPORTED = 2
    NO_PERM = 10
    BUSY = 30
    NOT_FOUND = 31
    NOT_INIT = 32
    DRIVER_NOT_LOADED = 34


@dataclass(frozen=True, kw_only=True)
class FakeAmdGpu:
    """One GPU in the driver's list. `power` is the field that tells its watts, or None.

    `counter_scale` is the speed of its counter (0 stands still), None for no counter at all. `faults` maps a call to a status.
    """

    profile: Profile
    address: str = "0000:c1:00.0"
    serial: int = 0xCF1182F2988C0A4C
    name: str = "AMD Instinct MI300X"
    node: int | None = 1
    power: str | None = "current"
    counter_scale: float | None = 1.0
    faults: tuple[tuple[str, int], ...] = ()

    @property
    def uuid(self):
        return f"{self.serial >> 56:02x}ff74a1-0000-1000-80{self.serial >> 48 & 0xFF:02x}-{self.serial & (1 << 48) - 1:012x}"


class _Answer(ctypes.Structure):
    _fields_ = (
        ("text", ctypes.c_char * 256),
        ("number", ctypes.c_uint64),
        ("nanoseconds", ctypes.c_uint64),
        ("resolution", ctypes.c_float),
        ("current", ctypes.c_uint32),
        ("average", ctypes.c_uint32),
    )


_DRIVER = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint32, ctypes.POINTER(_Answer))


class FakeAmd:
    """A driver for some GPUs, whose time is the clock's."""

    _in_charge = None  # kept until the next one: the library has nothing but its address

    def __init__(self, library, clock, *gpus):
        self.gpus = list(gpus)
        self.faults = {}  # of calls about no GPU in particular
        self.calls = []
        self.initialised = False
        self._clock, self._born_ns = clock, clock.monotonic_ns()
        self._entry = _DRIVER(self._answered)
        FakeAmd._in_charge = self
        ctypes.CDLL(str(library)).fake_drive(self._entry)

    def change(self, index, **changes):
        self.gpus[index] = replace(self.gpus[index], **changes)

    @property
    def age_s(self):
        return (self._clock.monotonic_ns() - self._born_ns) / 1e9

    def _answered(self, call, index, answer):
        name = call.decode()
        self.calls.append(name)
        if name in self.faults:
            return self.faults[name]
        if name in ("init", "shut_down", "sockets"):
            return getattr(self, f"_{name}")(answer.contents)
        if not self.initialised:
            return Status.NOT_INIT
        gpu = self.gpus[index]
        status = dict(gpu.faults).get(name)
        return getattr(self, f"_{name}")(gpu, answer.contents) or Status.SUCCESS if status is None else status

    def _init(self, _answer):
        self.initialised = True
        return Status.SUCCESS

    def _shut_down(self, _answer):
        self.initialised = False
        return Status.SUCCESS

    def _sockets(self, answer):
        answer.number = len(self.gpus)
        return Status.SUCCESS if self.initialised else Status.NOT_INIT

    def _uuid(self, gpu, answer):
        answer.text = gpu.uuid.encode()

    def _bdf(self, gpu, answer):
        domain, bus, device, function = (int(part, 16) for part in re.split(r"[:.]", gpu.address))
        answer.number = function | device << 3 | bus << 8 | domain << 16

    def _asic(self, gpu, answer):
        answer.text = f"{gpu.name}\n{gpu.serial:x}".encode()

    def _kfd(self, gpu, answer):
        if gpu.node is None:
            return Status.NOT_SUPPORTED
        answer.number = gpu.node
        return None

    def _power(self, gpu, answer):
        answer.current = answer.average = answer.number = UNKNOWN
        if gpu.power is not None:
            setattr(answer, gpu.power, round(gpu.profile.watts(self.age_s)))

    def _energy(self, gpu, answer):
        if gpu.counter_scale is None:
            return Status.NOT_SUPPORTED
        answer.number = int(gpu.profile.joules(self.age_s) * gpu.counter_scale * 1e6 / RESOLUTION_UJ)
        answer.resolution = RESOLUTION_UJ
        answer.nanoseconds = round(self.age_s * 1e9)
        return None


def build_library(folder):
    """Compile `folder`/lib/libamd_smi.so; return None where the module amdsmi or a compiler is missing.

    The module wants every function of the interface as it is imported: those that are not written are not implemented.
    """
    module, compiler = find_spec("amdsmi"), shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if module is None or compiler is None:
        return None
    wrapper = Path(module.origin).with_name("amdsmi_wrapper.py").read_text()
    written = set(re.findall(r"^uint32_t (amdsmi_\w+)\(", _SOURCE.read_text(), re.MULTILINE))
    wanted = set(re.findall(r"_libraries\['libamd_smi\.so'\]\.(\w+)", wrapper))
    stubs = folder / "stubs.c"
    stubs.write_text("".join(f"unsigned {name}(void) {{ return 3; }}\n" for name in sorted(wanted - written)))
    library = folder / "lib" / "libamd_smi.so"
    library.parent.mkdir()
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, stubs], check=True)
    return library
