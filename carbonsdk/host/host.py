"""PluginHost: every plugin of this process, what each offers, and how to make one of it."""

import dataclasses
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from carbonsdk import hookspecs
from carbonsdk.clock import Clock
from carbonsdk.errors import BackendUnavailable, PluginError, SettingsError
from carbonsdk.host.entrypoints import Found, scan
from carbonsdk.host.loading import COMMANDS_HOOK, Border, Loaded, Refused, load, one_line
from carbonsdk.host.values import Kind, Offer, PluginInfo, Registered
from carbonsdk.interfaces import Backend, Context, HttpClient, IntensityFetcher, Locator, Registration, Sink
from carbonsdk.interruption import let_through
from carbonsdk.options import configure, nearest
from carbonsdk.secret import Secret, without_secrets

if TYPE_CHECKING:
    import click

T = TypeVar("T")

_log = logging.getLogger("carbonsdk.host")

_HOW_TO_INSTALL = (
    "carbonsdk is not installed: it runs from a bare source tree or a frozen application, without the metadata that names its "
    "backends, fetchers and sinks. Run `pip install carbonsdk` (`pip install -e .` in its source tree); with PyInstaller, add "
    "`--copy-metadata carbonsdk --collect-submodules carbonsdk`."
)


class PluginHost:
    """The plugins of this process. Each is loaded in its own guard, and what is wrong with one costs that one alone.

    Nothing here touches hardware or the network: `make` calls a factory, and may hang if the factory does.
    """

    def __init__(self, found: Iterable[Found], *, disabled: Collection[str] = (), installed: bool = True) -> None:
        found = sorted(found, key=lambda one: one.rank)
        self.installed = installed
        self._astray = tuple(sorted(frozenset(disabled) - {each.name for each in found}))
        self._infos: list[PluginInfo] = []
        self._tables: dict[Kind, dict[str, Registered[Any]]] = {kind: {} for kind in Kind}
        self._commands: list[tuple[int, Callable[..., object]]] = []
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        for each in found:
            if each.name in disabled:
                self._infos.append(_info(each, state="disabled", reason="switched off by name"))
                continue
            try:
                self._take(each, load(manager, each))
            except Refused as refusal:
                _log.debug("plugin %r of %s is broken", each.name, each.distribution, exc_info=True)
                self._infos.append(_info(each, state="broken", reason=str(refusal)))
        for table in self._tables.values():
            ordered = sorted(table.values(), key=_preference)
            table.clear()
            table.update((each.name, each) for each in ordered)

    @classmethod
    def discover(cls, disabled: Collection[str] = ()) -> "PluginHost":
        """Load every installed plugin but those whose entry point names are in `disabled`."""
        found = scan()
        return cls(found, disabled=frozenset(disabled), installed=any(each.builtin for each in found))

    @classmethod
    def of(cls, plugins: Mapping[str, object]) -> "PluginHost":
        """Load the given plugins (modules, or objects with hook methods) and no installed ones."""
        return cls(Found(name, "(given)", "", partial(_same, plugin)) for name, plugin in plugins.items())

    @property
    def advice(self) -> str | None:
        """Return how to mend an installation without metadata, or None where all is well."""
        return None if self.installed else _HOW_TO_INSTALL

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Return every plugin, the built-ins first, then by distribution name."""
        return tuple(self._infos)

    @property
    def failures(self) -> tuple[PluginInfo, ...]:
        """Return the plugins that are broken, or of which a part was refused."""
        return tuple(info for info in self._infos if info.state != "disabled" and info.reason)

    @property
    def complaints(self) -> tuple[str, ...]:
        """Return a sentence for each plugin that is broken, and for each name to disable that is no plugin's."""
        broken = [f"{info}: {info.reason}" for info in self.failures]
        known = [info.name for info in self._infos]
        astray = [f"disable_plugins: no plugin is called {name!r}{nearest(name, known)}" for name in self._astray if known]
        return (*broken, *astray, *filter(None, [self.advice]))

    @property
    def backends(self) -> Mapping[str, Registered[Backend]]:
        """Return the hardware backends by name, the most preferred first."""
        return MappingProxyType(self._tables[Kind.BACKEND])

    @property
    def fetchers(self) -> Mapping[str, Registered[IntensityFetcher]]:
        """Return the sources of carbon intensity by name, the most preferred first."""
        return MappingProxyType(self._tables[Kind.FETCHER])

    @property
    def locators(self) -> Mapping[str, Registered[Locator]]:
        """Return the ways to find the zone by name, the most preferred first."""
        return MappingProxyType(self._tables[Kind.LOCATOR])

    @property
    def sinks(self) -> Mapping[str, Registered[Sink]]:
        """Return the sinks by name, the most preferred first."""
        return MappingProxyType(self._tables[Kind.SINK])

    def make(self, registered: Registered[T], options: Mapping[str, Any], *, clock: Clock, http: HttpClient) -> T:
        """Configure and make what was registered.

        Raises SettingsError for options that do not fit, BackendUnavailable as the factory does, and PluginError, which names
        the plugin and its distribution, for whatever else the factory raises or returns amiss. Blocks as long as the factory.
        """
        registration, kind = registered.registration, registered.kind
        settings: Any = configure(registration.settings, options, where=registered.where)
        context = Context(settings, clock, logging.getLogger(f"carbonsdk.{registration.name}"), http)
        try:
            made = registration.factory(context)
        except (KeyboardInterrupt, SettingsError, BackendUnavailable):
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit from a plugin included
            let_through(error)
            text = one_line(error)
            shown = _without_secrets(text, settings)
            message = f"the {kind} {registration.name!r} cannot be made ({registered.plugin}): {shown}"
            raise PluginError(message) from (error if shown == text else None)
        if not isinstance(made, kind.protocol):
            wanted = kind.protocol.__name__
            raise PluginError(
                f"the {kind} {registration.name!r} cannot be made ({registered.plugin}): "
                f"its factory returned a {type(made).__name__}, which is no {wanted}"
            )
        return made

    def commands(self, cli: "click.Group") -> None:
        """Let each plugin add its subcommands to `cli`, one by one. A command that is there already is never replaced."""
        import click

        for index, function in self._commands:
            added = click.Group(cli.name)
            try:
                with Border(f"{COMMANDS_HOOK}()"):
                    function(added) if _takes_cli(function) else function()
                    refused = _merge(added, cli)
            except Refused as refusal:
                _log.debug("%s added no commands", self._infos[index], exc_info=True)
                self._blame(index, str(refusal))
            else:
                if refused:
                    self._blame(index, f"these commands are taken: {', '.join(refused)}")

    def _take(self, found: Found, loaded: Loaded) -> None:
        taken: list[tuple[Kind, Registration[Any]]] = []
        refusals = []
        for kind, registration in loaded.registrations:
            mine = {each.name for of_kind, each in taken if of_kind is kind}
            if registration.name in mine:
                refusals.append(f"the {kind} {registration.name!r} of {_whose(found)} is refused: it registers that name twice")
            elif holder := self._tables[kind].get(registration.name):
                refusals.append(
                    f"the {kind} {registration.name!r} of {_whose(found)} is refused: {holder.plugin} has that name already"
                )
            else:
                taken.append((kind, registration))
        info = _info(
            found,
            state="broken" if refusals and not taken and not loaded.commands else "loaded",
            reason="; ".join(refusals) or None,
            offers=tuple(Offer(kind, registration.name) for kind, registration in taken),
            commands=bool(loaded.commands),
        )
        for kind, registration in taken:
            self._tables[kind][registration.name] = Registered(registration, info, kind)
        self._commands.extend((len(self._infos), function) for function in loaded.commands)
        self._infos.append(info)

    def _blame(self, index: int, reason: str) -> None:
        info = self._infos[index]
        reasons = [info.reason] if info.reason else []
        self._infos[index] = dataclasses.replace(info, reason="; ".join([*reasons, reason]))


def _info(found: Found, **what_became: Any) -> PluginInfo:
    return PluginInfo(
        name=found.name, distribution=found.distribution, version=found.version, builtin=found.builtin, **what_became
    )


def _same(plugin: object) -> object:
    return plugin


def _whose(found: Found) -> str:
    return f"plugin {found.name!r} of {f'{found.distribution} {found.version}'.strip()}"


def _preference(registered: Registered[Any]) -> tuple[int, bool, str]:
    return (-registered.registration.preference, not registered.plugin.builtin, registered.name)


def _takes_cli(function: Callable[..., object]) -> bool:
    import inspect

    return bool(inspect.signature(function).parameters)


def _merge(added: "click.Group", cli: "click.Group") -> list[str]:
    import click

    there = set(cli.list_commands(click.Context(cli)))
    for name, command in added.commands.items():
        if name not in there:
            cli.add_command(command, name)
    return [name for name in added.commands if name in there]


def _without_secrets(text: str, settings: Any) -> str:
    values = (getattr(settings, field.name) for field in dataclasses.fields(settings))
    for secret in (value for value in values if isinstance(value, Secret) and value):
        text = text.replace(secret.reveal(), "…")
    return without_secrets(text)
