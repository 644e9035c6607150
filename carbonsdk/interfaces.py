"""What a plugin implements, and what it is given."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from carbonsdk.clock import Clock
from carbonsdk.events import Event
from carbonsdk.model import CarbonIntensity, Device, DeviceKind, PowerReading, Reading, Zone
from carbonsdk.secret import Secret

T_co = TypeVar("T_co", covariant=True)


@runtime_checkable
class Backend(Protocol):
    """One family of sensors. The engine serialises the calls and stamps the clock before and after each."""

    def open(self) -> Sequence[Device]:
        """Find the devices; raise BackendUnavailable where there is nothing to measure, with what to do about it."""
        ...

    def read(self, device: Device) -> Reading:
        """Read one device now; raise RetryLater, DeviceLost or GiveUp. Never interpret: no wraps, no integrals."""
        ...

    def close(self) -> None:
        """Release everything that `open` took. May be called twice, and without `open`."""
        ...


@runtime_checkable
class SupportsProcesses(Protocol):
    """A backend that knows which processes use a device."""

    def process_ids(self, device: Device) -> frozenset[int]:
        """Return the pids that run on the device now. May be slow; never called while sampling."""
        ...


@runtime_checkable
class SupportsShares(Protocol):
    """A backend that knows how much of a device each process uses."""

    def process_shares(self, device: Device) -> Mapping[int, float]:
        """Return, by pid, the share of the device's time that each process used since the last call."""
        ...


@runtime_checkable
class SupportsUsage(Protocol):
    """A backend whose readings may be of a part of the machine: a control group's, or that of some CPUs."""

    def usage(self, device: Device) -> float | None:
        """Return what all that a device's readings are of uses: CPU seconds so far of a CPU, bytes now of memory.

        None where they are of the machine, and for other kinds.
        """
        ...


@runtime_checkable
class SupportsPowerCheck(Protocol):
    """A backend of energy counters that can read the same devices' power as well, to hold one against the other."""

    def power_reading(self, device: Device) -> PowerReading | None:
        """Return the power now, or None where the device does not tell. Called about once a second."""
        ...


@runtime_checkable
class IntensityFetcher(Protocol):
    """A source of carbon intensity. All calls happen off the user's threads, under deadlines."""

    def covers(self, zone: Zone) -> bool:
        """Return, without using the network, whether this source has figures for the zone."""
        ...

    def current(self, zone: Zone) -> CarbonIntensity:
        """Return the intensity now, with the interval that it is of; raise an IntensityError where there is none."""
        ...


@runtime_checkable
class SupportsHistory(Protocol):
    """A fetcher that knows the past."""

    def history(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return what is known of [start, end), in order, each with its interval; gaps are left out.

        An annual average may come without an interval: it lasts, and holds wherever nothing else does.
        """
        ...


@runtime_checkable
class SupportsForecast(Protocol):
    """A fetcher that knows the future."""

    def forecast(self, zone: Zone, *, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return what is forecast for [start, end), in order, each with its interval; gaps are left out."""
        ...


@runtime_checkable
class Locator(Protocol):
    """A way to find the zone that the machine stands in."""

    def locate(self) -> Zone | None:
        """Return the zone, or None where this way does not tell."""
        ...


@runtime_checkable
class Sink(Protocol):
    """A place that events go to, on a thread of its own. Raising or hanging harms this sink alone."""

    def handle(self, event: Event) -> None:
        """Take one event. A sink ignores the kinds that it has no use for, and those that a later carbonsdk adds."""
        ...

    def close(self) -> None:
        """Flush and release what is held. May be called twice, and without any event."""
        ...


class HttpClient(Protocol):
    """HTTP with deadlines on connect, on read and in total, bounded answers, and no way to leak a secret."""

    def fetch_json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        method: str = "GET",
        deadline_s: float | None = None,
    ) -> Any:
        """Return the decoded JSON answer; raise ServiceError, as the subclass that says what went wrong."""
        ...

    def fetch_text(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        method: str = "GET",
        deadline_s: float | None = None,
    ) -> str:
        """Return the answer's text; raise ServiceError, as the subclass that says what went wrong."""
        ...


@dataclass(frozen=True, slots=True)
class NoSettings:
    """The settings of a plugin that has none."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a plugin's factory is given: its own settings, a clock, a logger and an HTTP client with deadlines."""

    settings: Any
    clock: Clock
    log: logging.Logger
    http: HttpClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration(Generic[T_co]):
    """What a hook returns: how to make one backend, fetcher, locator or sink, and when to choose it.

    `settings` is a frozen dataclass with defaults, filled from the user's settings under `name`. Of what answers, the highest
    `preference` wins (100 counters and live services, 50 power sensors and national services, 10 estimates and tables).
    `automatic=False` is used only when named by the user. `kinds` are the device kinds that a backend may offer. `inline`
    says that a read is a short file read and may run in the caller's thread. `summary` is one line for people.
    """

    name: str
    factory: Callable[[Context], T_co]
    settings: type = NoSettings
    preference: int = 0
    automatic: bool = True
    inline: bool = False
    kinds: frozenset[DeviceKind] = frozenset()
    summary: str = ""
