"""Checks of what a plugin registers, and a way to make one of it as the host does."""

from collections.abc import Mapping
from typing import Any, TypeVar

from carbonsdk.clock import Clock
from carbonsdk.errors import BackendUnavailable, Offline, SettingsError
from carbonsdk.host import Kind, PluginHost
from carbonsdk.host.loading import flaw
from carbonsdk.interfaces import Context, HttpClient, Registration
from carbonsdk.options import configure
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.trial import elsewhere, must_not_raise, no_network, require

T = TypeVar("T")


class CannedHttp:
    """An HTTP client for tests: it gives the answers it was made with, by URL, and refuses every other request with Offline.

    An answer that is an exception is raised. `requests` holds the URL and the query parameters of each request, in order.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self._answers = answers or {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def fetch_json(self, url: str, *, params: Mapping[str, str] | None = None, **_request: Any) -> Any:
        """Return the answer for the URL, whatever it is."""
        self.requests.append((url, dict(params or {})))
        answer = self._answers.get(url, Offline(f"this test has no answer for {url}"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fetch_text(self, url: str, *, params: Mapping[str, str] | None = None, **_request: Any) -> str:
        """Return the answer for the URL, which must be a text."""
        return str(self.fetch_json(url, params=params))


def build(
    registration: Registration[T],
    options: Mapping[str, Any] | None = None,
    *,
    clock: Clock | None = None,
    http: HttpClient | None = None,
) -> T:
    """Make what is registered from plain options, with a fake clock and without a network unless others are given."""
    import logging

    settings: Any = configure(registration.settings, options or {}, where=registration.name)
    log = logging.getLogger(f"carbonsdk.{registration.name}")
    return registration.factory(Context(settings, clock or FakeClock(), log, http or CannedHttp()))


def check_registration(registration: Registration[Any], kind: str) -> None:
    """Check that a registration is well-formed and that its factory works from default settings, without the network.

    `kind` is "backend", "fetcher", "locator" or "sink". A factory that is used only when named (`automatic=False`) may
    raise SettingsError for what it cannot do without, and a backend's BackendUnavailable where its hardware is absent.
    """
    wrong = flaw(registration)
    require(not wrong, f"this registration is not well-formed: {wrong}")
    name, protocol = registration.name, Kind(kind).protocol
    require(registration.summary, f"{name!r} has no summary: give it one line for people")
    with must_not_raise(f"making {name!r} from default settings"), no_network(f"the factory of {name!r}"):
        try:
            made = elsewhere(lambda: build(registration), f"the factory of {name!r}")
        except SettingsError:
            if registration.automatic:
                raise
            return
        except BackendUnavailable:
            require(kind == "backend", f"the factory of {name!r}, no backend, raised BackendUnavailable")
            return
    lacking = [f"{each}()" for each in vars(protocol) if not each.startswith("_") and not hasattr(made, each)]
    what = f"what it made, {type(made).__name__}, lacks {', '.join(lacking)}"
    require(isinstance(made, protocol), f"the factory of {name!r} is to make a {protocol.__name__}: {what}")


def check_plugin(plugin: object) -> None:
    """Check that carbonsdk takes all of a plugin (its entry module, or what its entry point names) and each registration."""
    with no_network("a hook"):
        host = PluginHost.of({getattr(plugin, "__name__", "plugin"): plugin})
    for info in host.failures:
        raise AssertionError(f"{info.name} is refused: {info.reason}")
    taken = _built_in() if getattr(plugin, "__name__", "").partition(".")[0] != "carbonsdk" else frozenset()
    for kind, table in _tables(host).items():
        for name, registered in table.items():
            require((kind, name) not in taken, f"carbonsdk has a {kind} {name!r} of its own, which stays: choose another name")
            check_registration(registered.registration, kind)


def registration_of(plugin: object, kind: str, name: str) -> Registration[Any]:
    """Return one registration of a plugin, by its kind ("backend", "fetcher", "locator", "sink") and name."""
    table = _tables(PluginHost.of({getattr(plugin, "__name__", "plugin"): plugin}))[Kind(kind)]
    require(name in table, f"the plugin registers no {kind} {name!r}, but {', '.join(table) or 'none'}")
    found: Registration[Any] = table[name].registration
    return found


def _built_in() -> frozenset[tuple[Kind, str]]:
    return frozenset(offer for info in PluginHost.discover().plugins if info.builtin for offer in info.offers)


def _tables(host: PluginHost) -> Mapping[Kind, Mapping[str, Any]]:
    return {Kind.BACKEND: host.backends, Kind.FETCHER: host.fetchers, Kind.LOCATOR: host.locators, Kind.SINK: host.sinks}
