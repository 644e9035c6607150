"""How JSON becomes the typed values of a record: strict readers, made once from the type hints of the values themselves."""

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from carbonsdk.errors import JournalError
from carbonsdk.files import harmless

Reader = Callable[[Any], Any]
_INT64 = 2**63


@cache
def reader(hint: Any) -> Reader:
    """Return the function that turns decoded JSON into a `hint`, or raises JournalError."""
    origin = get_origin(hint)
    if origin in (UnionType, Union):
        return _optional(hint)
    if origin is tuple:
        return _sequence(get_args(hint)[0], tuple)
    if origin is frozenset:
        return _sequence(get_args(hint)[0], frozenset)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if issubclass(hint, StrEnum):
        return _enum(hint)
    if is_dataclass(hint):
        return _object(hint)
    return _row(hint)


def members(cls: Any) -> list[tuple[str, Any, bool]]:
    """Return (name, type, is it required) of each field of a dataclass or named tuple."""
    hints = get_type_hints(cls)
    if is_dataclass(cls):
        return [(f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(cls)]
    return [(name, hints[name], name not in cls._field_defaults) for name in cls._fields]


def from_object(cls: Any) -> Reader:
    """Return the reader of a `cls` that is written as a JSON object; keys that it does not know are left alone."""
    readers = [(name, reader(hint)) for name, hint, _ in members(cls)]
    required = frozenset(name for name, _, is_required in members(cls) if is_required)

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            _refuse(value, f"an object ({cls.__name__})")
        if missing := required - value.keys():
            raise JournalError(f"{cls.__name__} lacks {', '.join(sorted(missing))}")
        given = {}
        for name, read_field in readers:
            if name in value:
                try:
                    given[name] = read_field(value[name])
                except JournalError as error:
                    raise JournalError(f"{name}: {error}") from None
        return cls(**given)

    return read


_object = from_object


def is_object(cls: Any) -> bool:
    """Return whether a type is written as a JSON object, not as an array."""
    return is_dataclass(cls)


def _row(cls: Any) -> Reader:
    """Read a named tuple that is written as an array; a newer minor version may have appended columns."""
    readers = tuple(reader(hint) for _, hint, _ in members(cls))
    least = sum(is_required for _, _, is_required in members(cls))

    def read(value: Any) -> Any:
        if type(value) is not list or len(value) < least:
            _refuse(value, f"an array of at least {least} ({cls.__name__})")
        return cls(*[read_column(item) for read_column, item in zip(readers, value, strict=False)])

    return read


def _sequence(item: Any, make: Callable[[Any], Any]) -> Reader:
    read_item = reader(item)

    def read(value: Any) -> Any:
        if type(value) is not list:
            _refuse(value, "an array")
        return make([read_item(one) for one in value])

    return read


def _optional(hint: Any) -> Reader:
    (inner,) = (arg for arg in get_args(hint) if arg is not NoneType)
    read_inner = reader(inner)
    return lambda value: None if value is None else read_inner(value)


def _enum(cls: type[StrEnum]) -> Reader:
    known = {member.value: member for member in cls}

    def read(value: Any) -> Any:
        if type(value) is not str or value not in known:
            _refuse(value, f"one of {', '.join(known)}")
        return known[value]

    return read


def _string(value: Any) -> str:
    return harmless(value) if type(value) is str else _refuse(value, "a string")


def _boolean(value: Any) -> bool:
    return value if type(value) is bool else _refuse(value, "true or false")


def _integer(value: Any) -> int:
    return value if type(value) is int and -_INT64 <= value < _INT64 else _refuse(value, "a 64-bit integer")


def _number(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    # A whole number is a float too, and 2**63 is more nanojoules than anything here will ever use.
    return float(value) if type(value) is int and -_INT64 <= value < _INT64 else _refuse(value, "a finite number")


def _moment(value: Any) -> datetime:
    if type(value) is not str:
        _refuse(value, "an ISO 8601 time")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        _refuse(value, "an ISO 8601 time")
    return moment if moment.tzinfo is not None else _refuse(value, "a time with its offset from UTC")


_SCALARS: dict[Any, Reader] = {str: _string, bool: _boolean, int: _integer, float: _number, datetime: _moment}


def _refuse(value: Any, wanted: str) -> NoReturn:
    shown = repr(value) if isinstance(value, str | int | float | bool | NoneType) else type(value).__name__
    raise JournalError(f"expected {wanted}, found {shown[:60]}")
