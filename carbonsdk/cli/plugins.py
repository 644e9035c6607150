"""`carbonsdk plugins`: what is plugged in, what each plugin offers, and what is broken."""

from typing import TYPE_CHECKING, Any

import click

from carbonsdk.cli.group import BUILT_IN

if TYPE_CHECKING:
    from carbonsdk.host import PluginHost

_STYLES = {"loaded": "green", "broken": "red", "disabled": "dim"}


@click.command("plugins", short_help="List the plugins, and what is wrong with the broken ones.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(as_json: bool) -> None:
    """List the plugins on this machine: what they offer, and what is wrong with those that are broken.

    CARBONSDK_DISABLE_PLUGINS (or `disable_plugins` in a file) switches plugins off by name.
    """
    from carbonsdk.host import PluginHost
    from carbonsdk.settings import resolve

    host = PluginHost.discover(resolve({}).settings.disable_plugins)
    # Commands are added nowhere here, but what is wrong with them should show.
    host.commands(click.Group("carbonsdk", {name: click.Command(name) for name in BUILT_IN}))
    if as_json:
        import json

        click.echo(json.dumps(described(host), indent=2, ensure_ascii=False))
    else:
        _print(host)


def described(host: "PluginHost") -> dict[str, Any]:
    """Return all that the host knows of plugins, as JSON-able values."""
    tables = {"backend": host.backends, "fetcher": host.fetchers, "locator": host.locators, "sink": host.sinks}

    def offer(kind: str, name: str) -> dict[str, Any]:
        registration = tables[kind][name].registration
        return {
            "kind": kind,
            "name": name,
            "summary": registration.summary,
            "preference": registration.preference,
            "automatic": registration.automatic,
        }

    return {
        "installed": host.installed,
        "advice": host.advice,
        "complaints": host.complaints,
        "plugins": [
            {
                "name": info.name,
                "distribution": info.distribution,
                "version": info.version,
                "builtin": info.builtin,
                "state": info.state,
                "reason": info.reason,
                "offers": [offer(kind.value, name) for kind, name in info.offers],
                "commands": info.commands,
            }
            for info in host.plugins
        ],
    }


def _print(host: "PluginHost") -> None:
    from rich.text import Text

    from carbonsdk.cli import tables

    rows: list[tuple[str | Text, ...]] = []
    for info, told in zip(host.plugins, described(host)["plugins"], strict=True):
        named = (info.name, f"{info.distribution} {info.version}".strip(), Text(info.state, _STYLES[info.state]))
        for offer in _offers(told):
            rows.append((*named, *offer))
            named = ("", "", Text())
    if rows:
        tables.show(("Plugin", "Of", "State", "Offers", "What it is"), rows, spare=("Of", "What it is"))
    for complaint in host.complaints:
        click.secho(complaint, fg="red")


def _offers(plugin: dict[str, Any]) -> list[tuple[str, str]]:
    offers = [(f"{offer['kind']} {offer['name']}", offer["summary"]) for offer in plugin["offers"]]
    offers += [("commands", "")] if plugin["commands"] else []
    return offers or [("", "")]
