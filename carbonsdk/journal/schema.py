"""The JSON Schema of the record, drawn from the records themselves."""

from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from carbonsdk.journal.codec import KINDS, SCHEMA
from carbonsdk.journal.described import FIELDS
from carbonsdk.journal.shapes import is_object, members

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one line of a journal."""
    shapes: dict[str, Any] = {}
    lines = {kind: _line(kind, cls, shapes) for kind, cls in KINDS.items()}
    return {
        "$schema": _DIALECT,
        "title": f"A line of a carbonsdk journal, schema {SCHEMA[0]}.{SCHEMA[1]}",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in lines],
        "$defs": {**lines, **dict(sorted(shapes.items()))},
    }


def described(cls: Any, field: str) -> str:
    """Return what a field means; raise KeyError for one that nobody has described."""
    return FIELDS[cls.__name__][field]


def _line(kind: str, cls: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    schema = _object(cls, shapes)
    extra: dict[str, Any] = {"kind": {"const": kind}}
    if kind == "run":
        extra["schema"] = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+$"}
    schema["properties"] = {**extra, **schema["properties"]}
    schema["required"] = [*extra, *schema["required"]]
    return schema


def _object(cls: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    properties = {name: {**_shape(hint, shapes), "description": described(cls, name)} for name, hint, _ in members(cls)}
    required = [name for name, _, is_required in members(cls) if is_required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _row(cls: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    columns = [{**_shape(hint, shapes), "title": name, "description": described(cls, name)} for name, hint, _ in members(cls)]
    least = sum(is_required for *_, is_required in members(cls))
    return {"type": "array", "prefixItems": columns, "items": False, "minItems": least}


def _shape(hint: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        inner = _shape(next(one for one in arguments if one is not NoneType), shapes)
        return {"anyOf": [inner, {"type": "null"}]}
    if origin in (tuple, frozenset):
        return {"type": "array", "items": _shape(arguments[0], shapes)}
    if hint in SCALARS:
        return dict(SCALARS[hint])
    if issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    if hint.__name__ not in shapes:
        shapes[hint.__name__] = {}
        shapes[hint.__name__] = _object(hint, shapes) if is_object(hint) else _row(hint, shapes)
    return {"$ref": f"#/$defs/{hint.__name__}"}
