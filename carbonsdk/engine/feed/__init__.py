"""Carbon intensity while a run goes on: found off the caller's thread, kept up to date, never in the way."""

from carbonsdk.engine.feed.feed import IntensityFeed
from carbonsdk.engine.feed.plan import FeedPlan
from carbonsdk.engine.feed.service import Candidate

__all__ = ["Candidate", "FeedPlan", "IntensityFeed"]
