"""Finds, loads, isolates and lists plugins: the built-ins and everybody else's, by the same path."""

from carbonsdk.host.host import PluginHost
from carbonsdk.host.values import Kind, Offer, PluginInfo, Registered

__all__ = ["Kind", "Offer", "PluginHost", "PluginInfo", "Registered"]
