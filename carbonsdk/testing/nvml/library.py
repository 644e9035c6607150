"""Build the fake driver library with the machine's C compiler."""

import os
import shutil
import subprocess
from pathlib import Path

SONAME = "libnvidia-ml.so.1"
_SOURCE = Path(__file__).with_name("fake_nvml.c")


class NoCompiler(RuntimeError):
    """There is no C compiler to build the fake driver library with."""


def build_library(directory: Path) -> Path:
    """Compile `libnvidia-ml.so.1` into `directory` and return its path; raise NoCompiler where there is no `cc`.

    pynvml asks the loader for that name: a process finds it through LD_LIBRARY_PATH (see `FakeNvml.environ`), or because it
    has been loaded already (see `FakeNvml.loaded`).
    """
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None:
        raise NoCompiler("no C compiler (cc, gcc, clang, or $CC) to build the fake libnvidia-ml.so.1 with: install one")
    directory.mkdir(parents=True, exist_ok=True)
    library = directory / SONAME
    flags = ["-O1", "-fPIC", "-shared", "-fvisibility=hidden", f"-Wl,-soname,{SONAME}"]
    command = [*compiler.split(), *flags, "-o", str(library), str(_SOURCE), "-lm", "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - the user's own compiler
    if built.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed:\n{built.stderr}")
    return library
