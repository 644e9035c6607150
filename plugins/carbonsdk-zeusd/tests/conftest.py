"""A daemon for each test, on a socket whose path is short enough for a Unix socket."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest
from fake_zeusd import FakeZeusd

import carbonsdk_zeusd
from carbonsdk.testing import FakeClock, build, registration_of

VARIABLES = (
    "ZEUSD_SOCK_PATH",
    "ZEUSD_TOKEN",
    "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "NVIDIA_VISIBLE_DEVICES",
)
NOBODY = 65534


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folder():
    """Return a folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def serve(folder, clock):
    """Return a function that starts a daemon on this machine's one socket."""
    with contextlib.ExitStack() as daemons:
        yield lambda **options: daemons.enter_context(FakeZeusd(folder / "zeusd.sock", clock, **options))


@pytest.fixture
def make(folder, clock):
    """Return a function that makes the backend as carbonsdk does."""

    def make(**options):
        options = {"socket_path": folder / "zeusd.sock", "sys": folder / "sys"} | options
        return build(registration_of(carbonsdk_zeusd, "backend", "zeusd"), options, clock=clock)

    return make


@pytest.fixture
def name_zones(folder):
    """Return a function that has sysfs name the RAPL zones, in their order."""

    def name_zones(*names):
        for number, name in enumerate(names):
            zone = folder / "sys" / "class" / "powercap" / f"intel-rapl:{number}"
            zone.mkdir(parents=True)
            (zone / "name").write_text(f"{name}\n")

    return name_zones


@pytest.fixture
def unprivileged():
    """Return a context in which the kernel treats this process as an ordinary user, also where the tests run as root."""

    @contextlib.contextmanager
    def unprivileged():
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(user)

    return unprivileged
