"""What a user asked to happen at the edges of epochs."""

from carbonsdk.engine.rules.rules import Rules

__all__ = ["Rules"]
