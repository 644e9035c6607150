"""The parts of the reference that are written from the code: settings, plugins, hooks and events. Needs no Sphinx."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from carbonsdk import equivalents, events, hookspecs
from carbonsdk.host import PluginHost
from carbonsdk.host.values import Kind, Registered
from carbonsdk.settings.fields import Settings
from carbonsdk.settings.sources import PREFIX, WRITABLE

HEADINGS = {
    Kind.BACKEND: "Backends",
    Kind.FETCHER: "Sources of carbon intensity",
    Kind.LOCATOR: "Ways to find the zone",
    Kind.SINK: "Sinks",
}


def settings() -> str:
    """Return a list of every setting: type, default, meaning and range."""
    return "\n\n".join(
        f"`{each.name}`\n: {each.metadata['help']}{_limits(each.metadata)} {_type(each.type)}; default: {_default(each)}."
        for each in dataclasses.fields(Settings)
    )


def variables() -> str:
    """Return the environment variables of the settings that have one."""
    return ", ".join(f"`{PREFIX}{name.upper()}`" for name in WRITABLE if name != "api_keys")


def hooks() -> str:
    """Return a section for each hook: its name, signature and contract."""
    sections = []
    for name, hook in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith("carbonsdk_"):
            signature = re.sub(r"carbonsdk\.\w+\.|collections\.abc\.|'", "", f"{name}{inspect.signature(hook)}")
            sections.append(f"## `{name}`\n\n{_text(signature)}\n\n{_doc(hook)}")
    return "\n\n".join(sections)


def event_kinds() -> str:
    """Return the classes of all events that a sink may be given, and of the run that each of them tells of."""
    names = [kind.__name__ for kind in (*get_args(events.Event), events.RunInfo)]
    classes = "\n\n".join(f".. autoclass:: carbonsdk.plugin.{name}" for name in names)
    return f"```{{eval-rst}}\n{classes}\n```"


def plugins() -> str:
    """Return a section for each built-in plugin, by kind: what it is, when it is chosen, and its options."""
    host = PluginHost.discover()
    tables: Mapping[Kind, Mapping[str, Registered[Any]]] = {
        Kind.BACKEND: host.backends,
        Kind.FETCHER: host.fetchers,
        Kind.LOCATOR: host.locators,
        Kind.SINK: host.sinks,
    }
    sections = []
    for kind, heading in HEADINGS.items():
        sections.append(f"## {heading}")
        sections += [_plugin(each) for each in tables[kind].values() if each.plugin.builtin]
    return "\n\n".join(sections)


def equivalent_factors() -> str:
    """Return a table of what CO2eq is compared to."""
    rows = [(each.unit, f"{each.grams_per_unit:g}", f"{each.source}, {each.year}") for each in equivalents.TABLE]
    return _table(("Unit", "Grams of CO2eq", "Source"), rows)


GENERATED: Mapping[str, Callable[[], str]] = {
    "settings": settings,
    "variables": variables,
    "hooks": hooks,
    "events": event_kinds,
    "plugins": plugins,
    "equivalents": equivalent_factors,
}
_MARKER = re.compile(r"<!-- generated: (\w+) -->")


def filled(page: str) -> str:
    """Return a page with its `<!-- generated: … -->` lines replaced."""
    return _MARKER.sub(lambda match: GENERATED[match[1]](), page)


def _plugin(registered: Registered[Any]) -> str:
    registration = registered.registration
    chosen = f"preference {registration.preference}" if registration.automatic else "used only when named"
    parts = [
        f"### `{registration.name}`",
        f"{_sentence(registration.summary)} Entry point `{registered.plugin.name}`; {chosen}.",
    ]
    options = [each for each in dataclasses.fields(registration.settings) if each.init]
    if options:
        hints = get_type_hints(registration.settings)
        rows = [(f"`{each.name}`", _type(hints[each.name]), _default(each)) for each in options]
        parts += [
            f"Options, in the table `[{registered.where}]`. {_doc(registration.settings)}",
            _table(("Option", "Type", "Default"), rows),
        ]
    return "\n\n".join(parts)


def _doc(of: object) -> str:
    documented = inspect.getdoc(of)
    if not documented:
        raise LookupError(f"{of!r} has no docstring: the reference is written from it")
    return documented


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _text(code: str) -> str:
    return f"```text\n{code}\n```"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _type(hint: Any) -> str:
    """Write a type as code, without the modules that its names come from."""
    written = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    return f"`{re.sub(r'(?:[a-z_]+[.])+(?=[A-Z])', '', written).replace(NoneType.__name__, 'None')}`"


def _default(each: "dataclasses.Field[Any]") -> str:
    value = each.default_factory() if each.default is dataclasses.MISSING and callable(each.default_factory) else each.default
    match value:
        case None:
            return "unset"
        case "" | () | dict():
            return "empty"
        case Path() | str():
            return f"`{value}`"
        case _:
            return f"`{value!r}`"


def _limits(about: Mapping[str, Any]) -> str:
    """Write the range of a setting, and that it stands in no file, as sentences."""
    words = {"at_least": "at least", "above": "above", "at_most": "at most"}
    bounds = [f"{word} {about[key]}" for key, word in words.items() if about[key] is not None]
    limits = f" {_sentence(' and '.join(bounds))}" if bounds else ""
    return f"{limits} Given in a call only." if about["call_only"] else limits
