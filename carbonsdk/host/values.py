"""What the host tells of plugins and of what they offer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from carbonsdk.interfaces import Backend, IntensityFetcher, Locator, Registration, Sink

T_co = TypeVar("T_co", covariant=True)

State = Literal["loaded", "broken", "disabled"]


class Kind(StrEnum):
    """What a registration makes."""

    BACKEND = "backend"
    FETCHER = "fetcher"
    LOCATOR = "locator"
    SINK = "sink"

    @property
    def hook(self) -> str:
        """Return the name of the hook that registers this kind."""
        return "carbonsdk_intensity_fetchers" if self is Kind.FETCHER else f"carbonsdk_{self.value}s"

    @property
    def table(self) -> str:
        """Return the name of the settings table that holds the options of this kind."""
        return "intensity" if self is Kind.FETCHER else f"{self.value}s"

    @property
    def protocol(self) -> type[Any]:
        """Return the protocol that the factory's product must have."""
        return _PROTOCOLS[self]


_PROTOCOLS: dict[Kind, type[Any]] = {
    Kind.BACKEND: Backend,
    Kind.FETCHER: IntensityFetcher,
    Kind.LOCATOR: Locator,
    Kind.SINK: Sink,
}


class Offer(NamedTuple):
    """One registration that was taken."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One entry point of the group, and what became of it.

    `name` is the entry point's, by which a plugin is disabled. `reason` says why a plugin is broken or disabled, or, of a
    loaded one, which part of it was refused. `offers` is what was taken of it; `commands` says that it adds subcommands.
    """

    name: str
    distribution: str
    version: str
    builtin: bool
    state: State
    reason: str | None = None
    offers: tuple[Offer, ...] = ()
    commands: bool = False

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {f'{self.distribution} {self.version}'.strip()}"


class Registered(NamedTuple, Generic[T_co]):
    """A registration that was taken, and whose it is."""

    registration: Registration[T_co]
    plugin: PluginInfo
    kind: Kind

    @property
    def name(self) -> str:
        """Return the name that people choose it by."""
        return self.registration.name

    @property
    def where(self) -> str:
        """Return the settings table that its options stand in, as messages name it."""
        return f"{self.kind.table}.{self.registration.name}"
