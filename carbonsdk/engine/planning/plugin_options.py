"""Plugins' options, checked before anything is opened: a misspelling shows at once, not after a day of training."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from carbonsdk.errors import SettingsError
from carbonsdk.host import PluginHost, Registered
from carbonsdk.options import anchored, configure, misfit, nearest, unknown
from carbonsdk.settings import Resolved

_UNASKED = frozenset({"console", "carbontracker_log"})  # sinks that other settings call for
_NOUNS = {"backends": "backend", "intensity": "intensity fetcher", "sinks": "sink", "locators": "locator"}


def fitted(resolved: Resolved, host: PluginHost) -> Resolved:
    """Return the settings without the options that no plugin has, and with warnings of those.

    Raises SettingsError for an option in a call or a file that its plugin does not have, for a value that does not fit its
    option, and for whatever does not fit a sink that is named: it would be missed only when its results are.
    """
    tables: Mapping[str, Mapping[str, Registered[Any]]] = {
        "backends": host.backends,
        "intensity": host.fetchers,
        "sinks": host.sinks,
        "locators": host.locators,
    }
    settings, warnings = resolved.settings, list(resolved.warnings)
    options: dict[str, dict[str, Mapping[str, Any]]] = {group: {} for group in tables}
    for group, plugins in tables.items():
        for name, given in settings.options.get(group, {}).items():
            if name in plugins:
                options[group][name] = _known(given, plugins[name], sources=resolved.sources, warnings=warnings)
            elif name not in settings.disable_plugins:
                warnings.append(f"{group}.{name} is ignored: no {_NOUNS[group]} is called {name!r}{nearest(name, plugins)}")
    for name in (*settings.sinks, *(_UNASKED & options["sinks"].keys())):
        if name in host.sinks:
            registered = host.sinks[name]
            configure(registered.registration.settings, options["sinks"].get(name, {}), where=registered.where)
    return resolved._replace(settings=replace(settings, options=options), warnings=tuple(warnings))


def _known(
    given: Mapping[str, Any], registered: Registered[Any], *, sources: Mapping[str, str], warnings: list[str]
) -> Mapping[str, Any]:
    """Return the options that the plugin has."""
    settings_type, where = registered.registration.settings, registered.where
    known = [each.name for each in fields(settings_type) if each.init]
    for option, value in given.items():
        missing = None if option in known else unknown(option, known, where=where)
        problem = missing or misfit(settings_type, option, value, where=where)
        if problem is None:
            continue
        source = sources.get(f"{where}.{option}", "call")
        # A variable of an option's own may be another release's; one that names a sink with its file is meant for this one.
        if missing is None or not source.startswith("variable ") or "__" not in source:
            raise SettingsError(problem if source == "call" else f"{source}: {problem}")
        warnings.append(f"unknown {source} is ignored: {problem}")
    return anchored(settings_type, {option: value for option, value in given.items() if option in known})
