"""`carbonsdk config`: every setting in force, and where it came from."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from carbonsdk.secret import Secret, without_secrets
from carbonsdk.settings import Resolved, resolve
from carbonsdk.settings.sources import FIELDS

if TYPE_CHECKING:
    from carbonsdk.host import PluginHost

_DEFAULT = "default"
_MASK = "…"


class Row(NamedTuple):
    """One setting, as it is shown. A plugin's is named as in a file: `backends.rapl.root`."""

    name: str
    value: Any
    source: str
    help: str


@click.command("config")
@click.option("--set", "only_set", is_flag=True, help="Leave out the settings that have their defaults.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(only_set: bool, as_json: bool) -> None:
    """Show every setting in force here, and where it came from.

    What a call gives wins over CARBONSDK_* variables, these over the nearest carbonsdk.toml (or [tool.carbonsdk] in
    pyproject.toml) at or above the working directory, that over ~/.config/carbonsdk/carbonsdk.toml, and that over the
    defaults. Secrets are not shown. An option that a plugin does not have, or a value that does not fit it, is told below, and
    the exit code is 2.
    """
    from carbonsdk.engine.planning.plugin_options import fitted
    from carbonsdk.errors import SettingsError
    from carbonsdk.host import PluginHost

    resolved = resolve({})
    host = PluginHost.discover(resolved.settings.disable_plugins)
    warnings, mistake = resolved.warnings, None
    try:
        warnings = fitted(resolved, host).warnings
    except SettingsError as error:
        mistake = error
    for warning in warnings:
        click.echo(f"carbonsdk: {warning}", err=True)
    found = [row for row in rows(resolved, host) if not only_set or row.source != _DEFAULT]
    _show(found, as_json=as_json)
    if mistake is not None:
        raise mistake


def _show(found: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        import json

        from carbonsdk.model import jsonable

        shown = {row.name: {"value": jsonable(row.value), "source": row.source, "help": row.help} for row in found}
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("Every setting has its default.")
        return
    from carbonsdk.cli import tables

    unset = [index for index, row in enumerate(found) if row.source == _DEFAULT]
    tables.show(("Setting", "Value", "From"), [(row.name, _text(row.value), row.source) for row in found], dim=unset)


def rows(resolved: Resolved, host: "PluginHost") -> Iterator[Row]:
    """Yield every setting, then those of plugins that are set; secrets are masked."""
    sources = resolved.sources
    for name, declared in FIELDS.items():
        if name == "options":
            continue
        value = getattr(resolved.settings, name)
        keys = sorted({source for key, source in sources.items() if key.startswith(f"{name}.")}) if name == "api_keys" else []
        source = sources.get(name) or ", ".join(keys) or _DEFAULT
        yield Row(name, dict.fromkeys(value, _MASK) if name == "api_keys" else value, source, declared.metadata["help"])
    for group, tables in resolved.settings.options.items():
        for plugin, options in tables.items():
            for key, value in options.items():
                shown = _MASK if _is_secret(host, group=group, plugin=plugin, key=key) else _without_secrets(value)
                yield Row(f"{group}.{plugin}.{key}", shown, sources[f"{group}.{plugin}.{key}"], "")


def _without_secrets(value: Any) -> Any:
    return without_secrets(str(value)) if isinstance(value, str | Path) else value


def _is_secret(host: "PluginHost", *, group: str, plugin: str, key: str) -> bool:
    """Return whether an option is a secret; that of a plugin that is not here may be one."""
    from typing import get_args, get_type_hints

    tables: dict[str, Any] = {
        "backends": host.backends,
        "intensity": host.fetchers,
        "sinks": host.sinks,
        "locators": host.locators,
    }
    registered = tables[group].get(plugin)
    if registered is None:
        return True
    hint = get_type_hints(registered.registration.settings).get(key)
    return hint is None or Secret in {hint, *get_args(hint)}


def _text(value: Any) -> str:
    match value:
        case None:
            return "unset"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(map(str, value)) or "none"
        case dict():
            return ", ".join(f"{key}={each}" for key, each in value.items()) or "none"
        case _:
            return str(value) or "empty"
