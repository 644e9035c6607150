"""The kit for authors of plugins: a fake clock, simulated hardware, a recording sink and checks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carbonsdk.sinks.memory import MemorySink as RecordingSink
    from carbonsdk.testing.checks import check_backend, check_fetcher, check_locator, check_sink
    from carbonsdk.testing.clock import FakeClock
    from carbonsdk.testing.events import sample_events
    from carbonsdk.testing.nvml import FakeGpu, FakeNvml
    from carbonsdk.testing.powercap import PowercapTree, PowercapZone, server_zones
    from carbonsdk.testing.profile import Profile
    from carbonsdk.testing.registration import CannedHttp, build, check_plugin, check_registration, registration_of

__all__ = [
    "CannedHttp",
    "FakeClock",
    "FakeGpu",
    "FakeNvml",
    "PowercapTree",
    "PowercapZone",
    "Profile",
    "RecordingSink",
    "build",
    "check_backend",
    "check_fetcher",
    "check_locator",
    "check_plugin",
    "check_registration",
    "check_sink",
    "registration_of",
    "sample_events",
    "server_zones",
]

_HOMES = {
    "CannedHttp": "carbonsdk.testing.registration:CannedHttp",
    "FakeClock": "carbonsdk.testing.clock:FakeClock",
    "FakeGpu": "carbonsdk.testing.nvml:FakeGpu",
    "FakeNvml": "carbonsdk.testing.nvml:FakeNvml",
    "PowercapTree": "carbonsdk.testing.powercap:PowercapTree",
    "PowercapZone": "carbonsdk.testing.powercap:PowercapZone",
    "Profile": "carbonsdk.testing.profile:Profile",
    "RecordingSink": "carbonsdk.sinks.memory:MemorySink",
    "build": "carbonsdk.testing.registration:build",
    "check_backend": "carbonsdk.testing.checks:check_backend",
    "check_fetcher": "carbonsdk.testing.checks:check_fetcher",
    "check_locator": "carbonsdk.testing.checks:check_locator",
    "check_plugin": "carbonsdk.testing.registration:check_plugin",
    "check_registration": "carbonsdk.testing.registration:check_registration",
    "check_sink": "carbonsdk.testing.checks:check_sink",
    "registration_of": "carbonsdk.testing.registration:registration_of",
    "sample_events": "carbonsdk.testing.events:sample_events",
    "server_zones": "carbonsdk.testing.powercap:server_zones",
}


def __getattr__(name: str) -> Any:
    """Import a part of the kit at its first use: a test of a sink has no use for simulated hardware."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value
