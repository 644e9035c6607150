"""Which processes belong to this one, and how much of the machine they use."""

from carbonsdk.engine.processes.family import Family, Memory, family_of_this_process

__all__ = ["Family", "Memory", "family_of_this_process"]
