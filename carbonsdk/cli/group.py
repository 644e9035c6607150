"""A group of commands that imports a command's module when the command is asked for."""

from importlib import import_module
from typing import Any, cast

import click

from carbonsdk.errors import SettingsError

BUILT_IN = ("run", "demo", "runs", "predict", "intensity", "when", "doctor", "baseline", "config", "plugins", "plugin")
"""The commands of carbonsdk itself, in the order of its help; each is `command` in the module of its name."""


class LazyGroup(click.Group):
    """The built-in commands by name, and those of plugins once one is asked for that is not built in."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._asked_plugins = False

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the built-in commands, then those of plugins."""
        self._ask_plugins()
        return [*BUILT_IN, *sorted(name for name in self.commands if name not in BUILT_IN)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None; plugins are loaded only for a name that is not built in."""
        if cmd_name in BUILT_IN:
            return cast("click.Command", import_module(f"carbonsdk.cli.{cmd_name}").command)
        self._ask_plugins()
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; name the nearest one where there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from carbonsdk.options import nearest

            message = f"no command {args[0]!r}{nearest(args[0], self.list_commands(ctx))}"
            raise click.UsageError(message, ctx) from None

    def _ask_plugins(self) -> None:
        # The host asks for the list of commands while it adds to it.
        if self._asked_plugins:
            return
        self._asked_plugins = True
        from carbonsdk.host import PluginHost
        from carbonsdk.settings import resolve

        try:
            disabled = resolve({}).settings.disable_plugins
        except SettingsError as error:
            click.echo(f"carbonsdk: commands of plugins are left out: {error}", err=True)
            return
        PluginHost.discover(disabled).commands(self)
