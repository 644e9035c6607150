"""Settings: call > `CARBONSDK_*` environment > `carbonsdk.toml` or `[tool.carbonsdk]` > defaults."""

from carbonsdk.settings.fields import Settings
from carbonsdk.settings.resolution import Resolved, parsed, resolve

__all__ = ["Resolved", "Settings", "parsed", "resolve"]
