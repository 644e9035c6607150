"""A service on loopback for each test."""

import pytest

from carbonsdk.testing.http import LoopbackService


@pytest.fixture
def service():
    with LoopbackService() as running:
        yield running
