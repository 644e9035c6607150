"""A driver with fake GPUs, which the real pynvml uses in this process."""

from contextlib import ExitStack

import pytest

from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.backend import NvmlBackend
from carbonsdk.testing.nvml import FakeNvml


@pytest.fixture
def driver(tmp_path, fake_nvml_library):
    """Return a function that makes a driver of the given GPUs."""
    with ExitStack() as stack:

        def make(*gpus, **options):
            fake = FakeNvml(tmp_path / "driver", gpus, **options)
            stack.callback(fake.close)
            return stack.enter_context(fake.loaded(fake_nvml_library))

        yield make


@pytest.fixture
def backend():
    """Return a function that makes a backend with settings and an environment of its own; all are closed in the end."""
    with ExitStack() as stack:

        def make(environ=None, **settings):
            made = NvmlBackend(NvmlSettings(**settings), environ=environ or {})
            stack.callback(made.close)
            return made

        yield make
