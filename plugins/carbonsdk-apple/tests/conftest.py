"""A Mac for each test, whose user is not root."""

import logging
import os
import threading

import pytest
from fake_mac import FakeMac

from carbonsdk.testing import FakeClock
from carbonsdk_apple import AppleSettings
from carbonsdk_apple.backend import AppleBackend


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def mac(tmp_path, monkeypatch):
    """Return a function that turns this machine into a Mac."""
    made = []

    def mac(*, root=False, **options):
        made.append(FakeMac(tmp_path / "mac", **options))
        for name, value in made[-1].environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 501)
        return made[-1]

    yield mac
    for each in made:
        each.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name == "carbonsdk-powermetrics"]


@pytest.fixture
def make(clock, mac):
    """Return a function that makes the backend; it is closed at the end, before the Mac is looked over."""
    made = []

    def make(**settings):
        made.append(AppleBackend(AppleSettings(**settings), clock=clock, log=logging.getLogger("carbonsdk.apple")))
        return made[-1]

    yield make
    for backend in made:
        backend.close()
