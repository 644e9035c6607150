from datetime import timedelta

import pytest
from support.grid import DENMARK, NOON, TABLE, Listener

from carbonsdk.engine.feed import FeedPlan, IntensityFeed
from carbonsdk.testing.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock(NOON + timedelta(minutes=10))


@pytest.fixture
def heard():
    return Listener()


@pytest.fixture
def make(clock, heard):
    def made(**plan):
        plan = {"zone": DENMARK, "fetchers": [TABLE]} | plan
        feed = IntensityFeed(FeedPlan(**plan), clock=clock, on_found=heard.on_found, on_warning=heard.warnings.append)
        feed.begin()
        return feed

    return made
