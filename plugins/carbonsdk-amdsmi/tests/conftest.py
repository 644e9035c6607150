"""The driver, which AMD's module finds where ROCm would be."""

import os

import pytest
from fake_amd import FakeAmd, build_library

from carbonsdk.testing import FakeClock
from carbonsdk_amdsmi import AmdsmiSettings
from carbonsdk_amdsmi.backend import AmdsmiBackend

VARIABLES = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Return the library. The module is imported once a process, so that all tests share it."""
    folder = tmp_path_factory.mktemp("rocm")
    library = build_library(folder)
    if library is None:
        pytest.skip("needs the module amdsmi and a C compiler")
    before = os.environ.get("ROCM_HOME")
    os.environ["ROCM_HOME"] = str(folder)
    yield library
    if before is None:
        del os.environ["ROCM_HOME"]
    else:
        os.environ["ROCM_HOME"] = before


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def drive(library, clock):
    """Return a function that puts GPUs into the machine."""
    return lambda *gpus, clock=clock: FakeAmd(library, clock, *gpus)


@pytest.fixture
def make(clock):
    """Return a function that makes the backend, for which waiting moves the clock."""
    made = []

    def make(environ=None, **settings):
        made.append(AmdsmiBackend(AmdsmiSettings(**settings), clock=clock, environ=environ or {}, wait=clock.advance))
        return made[-1]

    yield make
    for backend in made:
        backend.close()
