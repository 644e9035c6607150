"""From a table of options to a frozen dataclass: each value as its field's type, misspellings named."""

import types
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from carbonsdk.errors import SettingsError
from carbonsdk.options.scalars import READERS, Mismatch, expect
from carbonsdk.secret import Secret

T = TypeVar("T")

_COLLECTIONS: tuple[type, ...] = (tuple, frozenset, list)


def configure(settings_type: type[T], options: Mapping[str, Any], *, where: str) -> T:
    """Return `settings_type` filled from `options`, the rest at its defaults.

    Strings, as an environment variable gives them, are read as the field's type: `on`, `0.5`, `~/meter`, `a, b`. A Secret
    may be given as `{"env": "NAME"}` or `{"file": "path"}`. `where` names the table in messages (`backends.rapl`). Raises
    SettingsError for an unknown option, with the nearest known one, and for a value that does not fit; the text never
    holds the value of a Secret.
    """
    known = {field.name: field for field in _option_fields(settings_type)}
    hints = _hints(cast("type", settings_type))
    values = {}
    for name, value in options.items():
        if name not in known:
            raise SettingsError(unknown(name, known, where=where))
        values[name] = fit(value, hints[name], where=f"{where}.{name}")
    try:
        return settings_type(**values)
    except SettingsError:
        raise
    except (TypeError, ValueError) as error:
        if any(isinstance(value, Secret) for value in values.values()):
            raise SettingsError(
                f"{where}: {type(error).__name__} in its settings (not shown: a secret is among them)"
            ) from None
        raise SettingsError(f"{where}: {error}") from error


def anchored(settings_type: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with relative paths as they are meant now: what they are for is made later, in a thread.

    What is wrong with them `configure` tells.
    """
    settled = dict(options)
    with suppress(SettingsError):
        for name, hint in _hints(settings_type).items() if options else ():
            if isinstance(settled.get(name), str | PathLike) and Path in (hint, *get_args(hint)):
                with suppress(Mismatch):
                    settled[name] = READERS[Path](settled[name])
    return settled


def misfit(settings_type: type, name: str, value: Any, *, where: str) -> str | None:
    """Return what is wrong with the value of an option, or None; a secret is looked up only when it is needed."""
    try:
        hint = _hints(settings_type)[name]
    except SettingsError:  # the plugin's own mistake, told where it is configured
        return None
    try:
        if not _holds_secret(hint):
            fit(value, hint, where=f"{where}.{name}")
    except SettingsError as error:
        return str(error)
    return None


def unknown(name: str, known: Sequence[str] | Mapping[str, Any], *, where: str) -> str:
    """Return the sentence for an option that does not exist, with the nearest one that does."""
    from difflib import get_close_matches

    near = get_close_matches(str(name), list(known), n=1)
    if near:
        return f"{where} has no option {name!r}: did you mean {near[0]!r}?"
    if not known:
        return f"{where} has no option {name!r}: it takes none"
    return f"{where} has no option {name!r}: it takes {', '.join(sorted(known))}"


def nearest(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """Return "; did you mean …?" where something known is near, told with the `prefix` that all share, else an empty text."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(known), n=1)
    return f"; did you mean {prefix + found[0]!r}?" if found else ""


def required(settings_type: type) -> tuple[str, ...]:
    """Return the names of the options that have no default."""
    return tuple(
        field.name
        for field in _option_fields(settings_type)
        if field.default is field.default_factory  # both are MISSING
    )


def _option_fields(settings_type: type) -> list[Field[Any]]:
    if not is_dataclass(settings_type):
        raise SettingsError(f"{settings_type!r} is no dataclass: settings are a frozen dataclass with defaults")
    return [field for field in fields(settings_type) if field.init]


@cache
def _hints(settings_type: type) -> dict[str, Any]:
    try:
        return get_type_hints(settings_type)
    except (NameError, TypeError) as error:
        raise SettingsError(f"the types of {settings_type.__name__} cannot be resolved: {error}") from error


def fit(value: Any, hint: Any, *, where: str) -> Any:
    """Return `value` as the type `hint` wants it, as `configure` does; raise SettingsError, beginning with `where`."""
    try:
        return _coerce(value, hint)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None
    except Mismatch as error:
        shown = "" if _holds_secret(hint) or isinstance(value, Secret) else f", not {value!r}"
        raise SettingsError(f"{where} must be {error}{shown}") from None


def _coerce(value: Any, hint: Any) -> Any:
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return _coerce_union(value, get_args(hint))
    if origin is Literal:
        return _one_of(value, {str(choice): choice for choice in get_args(hint)})
    if origin in _COLLECTIONS or hint in _COLLECTIONS:
        return _coerce_collection(value, origin or hint, get_args(hint))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _coerce_mapping(value, get_args(hint))
    if hint is Any or not isinstance(hint, type):
        return value  # Any, Callable[...], a type variable: nothing to check by
    if hint in READERS:
        return READERS[hint](value)
    if issubclass(hint, Enum):
        return value if isinstance(value, hint) else _one_of(value, {str(member.value): member for member in hint})
    if is_dataclass(hint) and isinstance(value, Mapping):
        return configure(hint, value, where=hint.__name__)
    return expect(isinstance(value, origin or hint), value, f"{hint.__name__}")


def _coerce_union(value: Any, choices: tuple[Any, ...]) -> Any:
    if type(None) in choices and (value is None or value == ""):
        return None  # an empty environment variable is an unset one
    wanted = []
    concrete = [choice for choice in choices if choice is not type(None)]
    exact = [choice for choice in concrete if isinstance(choice, type) and type(value) is choice]
    for choice in exact or concrete:
        try:
            return _coerce(value, choice)
        except Mismatch as error:
            wanted.append(str(error))
    if type(None) in choices and Secret not in choices:  # whoever has no secret leaves the line out
        wanted.append("nothing")
    raise Mismatch(" or ".join(wanted))


def _coerce_collection(value: Any, kind: type, arguments: tuple[Any, ...]) -> Any:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple | set | frozenset):
        raise Mismatch("a list")
    items = list(value)
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(items) != len(arguments):
            raise Mismatch(f"a list of {len(arguments)}")
        return tuple(_coerce(item, hint) for item, hint in zip(items, arguments, strict=True))
    try:
        return kind(_coerce(item, arguments[0] if arguments else Any) for item in items)
    except Mismatch as error:
        raise Mismatch(f"a list, each item {error}") from None


def _coerce_mapping(value: Any, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise Mismatch("a table")
    key_hint, item_hint = arguments or (Any, Any)
    try:
        return {_coerce(key, key_hint): _coerce(item, item_hint) for key, item in value.items()}
    except Mismatch as error:
        raise Mismatch(f"a table, each value {error}") from None


def _one_of(value: Any, choices: Mapping[str, Any]) -> Any:
    if isinstance(value, bool | int | str) and str(value) in choices:
        return choices[str(value)]
    raise Mismatch("one of " + ", ".join(repr(choice) for choice in choices))


def _holds_secret(hint: Any) -> bool:
    return hint is Secret or any(_holds_secret(part) for part in get_args(hint))
