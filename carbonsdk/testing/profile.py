"""Power as a known function of time: the truth that simulated hardware follows."""

from carbonsdk.backends.replay.profile import Point, Profile

__all__ = ["Point", "Profile"]
