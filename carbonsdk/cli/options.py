"""Options that stand for settings: their help and their types are those of the settings."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from carbonsdk.settings import parsed
from carbonsdk.settings.sources import FIELDS

F = TypeVar("F", bound=Callable[..., Any])

_METAVARS = {"sinks": "NAME[=PATH],…"}


def setting_options(*names: str) -> Callable[[F], F]:
    """Add an option for each of the named settings; what was not given reaches the command as None."""

    def decorated(function: F) -> F:
        for name in reversed(names):
            function = _option(name)(function)
        return function

    return decorated


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _option(name: str) -> Callable[[F], F]:
    declared = FIELDS[name]
    flag = f"--{name.replace('_', '-')}"
    if declared.type is bool:
        return click.option(flag, name, is_flag=True, default=None, help=declared.metadata["help"])

    def read(_: click.Context, parameter: click.Parameter, text: str | None) -> Any:
        return None if text is None else parsed(name, text, where=parameter.opts[0])

    return click.option(
        flag, name, metavar=_METAVARS.get(name) or _metavar(declared.type), callback=read, help=declared.metadata["help"]
    )


def _metavar(declared: Any) -> str:
    if get_origin(declared) is Literal:
        return "|".join(get_args(declared))
    written = str(declared)
    if "tuple" in written:
        return "NAME,…"
    kinds = (("Path", "PATH"), ("float", "NUMBER"), ("int", "NUMBER"))
    return "|".join(dict.fromkeys(metavar for kind, metavar in kinds if kind in written)) or "TEXT"
