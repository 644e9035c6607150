"""What the tests of several backends share."""

import logging
import tempfile
from contextlib import contextmanager
from importlib import import_module
from os import geteuid, seteuid
from pathlib import Path

import pytest

from carbonsdk.plugin import Context
from carbonsdk.testing.clock import FakeClock

NOBODY = 65534


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make(clock):
    """Return a function that makes a backend as the host does: from its entry module's registration and settings."""

    def make(name, **settings):
        (registration,) = import_module(f"carbonsdk.backends.{name}").carbonsdk_backends()
        log = logging.getLogger(f"carbonsdk.backends.{name}")
        return registration.factory(Context(registration.settings(**settings), clock, log, None))

    return make


@pytest.fixture
def unprivileged():
    """Return a context in which the kernel treats this process as an ordinary user, also where the tests run as root."""

    @contextmanager
    def unprivileged():
        user = geteuid()
        if user == 0:
            seteuid(NOBODY)
        try:
            yield
        finally:
            seteuid(user)

    return unprivileged


@pytest.fixture
def open_root():
    """Return a folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "sys"
