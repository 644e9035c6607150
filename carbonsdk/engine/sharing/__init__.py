"""Answers of services, shared by all processes of a user."""

from carbonsdk.engine.sharing.sharing import Sharing

__all__ = ["Sharing"]
