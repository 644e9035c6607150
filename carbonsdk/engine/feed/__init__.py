"""Carbon intensity while a run goes on: fetched in a thread of its own, and kept up to date."""

from carbonsdk.engine.feed.feed import IntensityFeed
from carbonsdk.engine.feed.plan import FeedPlan
from carbonsdk.engine.feed.service import Candidate

__all__ = ["Candidate", "FeedPlan", "IntensityFeed"]
