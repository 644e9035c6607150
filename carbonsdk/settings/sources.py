"""What settings are called, and what the call and the `CARBONSDK_*` variables set."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from carbonsdk.errors import SettingsError
from carbonsdk.options import FileText, nearest
from carbonsdk.settings.fields import Settings

PREFIX = "CARBONSDK_"
CONFIG_VARIABLE = "CARBONSDK_CONFIG"

# The tables that hold plugins' settings, and the setting that `use` in each of them is another spelling of.
GROUPS: Mapping[str, str | None] = {"backends": "backends", "intensity": "fetchers", "sinks": "sinks", "locators": None}
FIELDS = {each.name: each for each in fields(Settings)}
CALL_ONLY = tuple(name for name, each in FIELDS.items() if each.metadata["call_only"])
WRITABLE = tuple(name for name in FIELDS if name not in CALL_ONLY and name != "options")

Key = tuple[str, ...]
"""("zone",), ("api_keys", "electricitymaps") or ("backends", "rapl", "root")."""


class Entry(NamedTuple):
    """A value as it was written, and where."""

    value: Any
    where: str


def from_call(call: Mapping[str, Any]) -> Iterator[tuple[Key, Entry]]:
    """Yield the keywords of a call; None is the same as not given."""
    for name, value in call.items():
        if name not in FIELDS:
            raise SettingsError(f"unknown setting {name!r}{nearest(name, FIELDS)}")
        if value is None:
            continue
        group = next((group for group, selecting in GROUPS.items() if selecting == name), None)
        if group is not None and isinstance(value, Mapping):
            yield (name,), Entry(tuple(value), "call")
            yield from _plugin_tables(group, value)
        elif name == "options" and isinstance(value, Mapping):
            for each, table in value.items():
                if each not in GROUPS or not isinstance(table, Mapping):
                    raise SettingsError(f"options: {each!r} is not a table of one of {', '.join(GROUPS)}")
                yield from _plugin_tables(each, table)
        elif name == "api_keys" and isinstance(value, Mapping):
            for service, key in value.items():
                yield ("api_keys", service), Entry("" if key is None else key, "call")
        else:
            yield (name,), Entry(value, "call")


def from_environment(environ: Mapping[str, str], warnings: list[str]) -> Iterator[tuple[Key, Entry]]:
    """Yield the `CARBONSDK_*` variables; an unknown one is a warning, an empty one is the same as not set."""
    for variable in sorted(name for name in environ if name.startswith(PREFIX) and name != CONFIG_VARIABLE):
        key = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        known = (
            (len(key) == 1 and key[0] in WRITABLE)
            or (len(key) == 2 and key[0] == "api_keys")
            or (len(key) == 3 and key[0] in GROUPS)
        )
        if not known:
            warnings.append(_unknown(variable, key[0]))
        elif environ[variable].strip():
            yield key, Entry(environ[variable], f"variable {variable}")


def _unknown(variable: str, name: str) -> str:
    if name in CALL_ONLY:
        return f"variable {variable} is ignored: {name} can be given in a call only"
    # Compared without the prefix, which alone would make any two of them near.
    near = nearest(name.upper(), [each.upper() for each in WRITABLE], prefix=PREFIX)
    return f"unknown variable {variable} is ignored{near}"


def spelled_out(pairs: Iterable[tuple[Key, Entry]]) -> Iterator[tuple[Key, Entry]]:
    """Yield each setting as it is, but sinks such as `csv=epochs.csv` as the sink and its option `path`."""
    for key, entry in pairs:
        named = entry.value.split(",") if isinstance(entry.value, str) else entry.value
        if key != ("sinks",) or not isinstance(named, list | tuple) or not all(isinstance(each, str) for each in named):
            yield key, entry
            continue
        names = []
        for each in named:
            name, given, path = (part.strip() for part in each.partition("="))
            names.append(name)
            if given:
                file = next((text for text in (each, entry.value) if isinstance(text, FileText)), None)
                yield ("sinks", name, "path"), Entry(FileText(path, file.directory) if file else path, entry.where)
        yield key, Entry([name for name in names if name], entry.where)


def _plugin_tables(group: str, tables: Mapping[str, Any]) -> Iterator[tuple[Key, Entry]]:
    for plugin, options in tables.items():
        if options is None:
            continue
        if not isinstance(options, Mapping):
            raise SettingsError(f"{group}: the settings of {plugin!r} are not a table")
        for key, value in options.items():
            yield (group, plugin, key), Entry(value, "call")
