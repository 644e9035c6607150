"""One value of a plain type, as settings give it: a string from a variable, a number from a file, anything from a call."""

import os
from collections.abc import Callable, Mapping
from math import isnan
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, Self

from carbonsdk.errors import SettingsError
from carbonsdk.files import content
from carbonsdk.secret import Secret

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_INT64 = 2**63  # what a record can hold
_MOST_SECRET_BYTES = 64 << 10


class FileText(str):  # noqa: SLOT000 - a str subclass has no slots for more
    """A text that stands in a settings file: no secret may be one, and a relative path starts at `directory`, the file's."""

    directory: Path

    def __new__(cls, text: str, directory: Path) -> Self:
        """Keep the directory beside the text."""
        made = super().__new__(cls, text)
        made.directory = directory
        return made


class Mismatch(Exception):
    """A value does not fit; the text is what would."""


def _bool(value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    return bool(expect(isinstance(value, bool), value, "true or false"))


def _int(value: Any) -> int:
    if isinstance(value, str):
        value = _read(int, value, "a whole number")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1e3, or what a division of batches made
    fits = not isinstance(value, bool) and isinstance(value, Integral) and abs(int(value)) < _INT64
    return int(expect(fits, value, "a whole number"))


def _float(value: Any) -> float:
    if isinstance(value, str):
        value = _read(float, value, "a number")
    try:
        fits = not isinstance(value, bool) and isinstance(value, Real) and not isnan(value)
        return float(expect(fits, value, "a number"))
    except OverflowError:
        raise Mismatch("a number of at most 308 digits") from None


def _str(value: Any) -> str:
    return str(expect(isinstance(value, str), value, "text"))


def _path(value: Any) -> Path:
    fits = isinstance(value, str | PathLike) and bool(str(value)) and "\0" not in str(value)
    try:
        path = Path(expect(fits, value, "a path")).expanduser()
    except RuntimeError:  # the home directory of nobody
        raise Mismatch("a path of a known home directory") from None
    if path == Path("-"):  # a standard stream, wherever it is written
        return path
    return (value.directory if isinstance(value, FileText) else _working_directory()) / path


def _working_directory() -> Path:
    # As it is now: a program may go elsewhere later, and what is written is to stay in one place.
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return Path()


def _secret(value: Any) -> Secret:
    match value:
        case Secret():
            return value
        case {"env": str(variable), **rest} if not rest:
            return _secret_of_variable(variable)
        case {"file": str(name), **rest} if not rest:
            return _secret_of_file(_path(name))
        case FileText() | Mapping():
            raise Mismatch('{env = "NAME"} or {file = "path"}, since a file never holds a secret itself')
        case _:
            return Secret(expect(isinstance(value, str), value, "text"))


def _secret_of_variable(name: str) -> Secret:
    if not (value := os.environ.get(name)):
        raise SettingsError(f"the environment variable {name}, which is to hold the secret, is not set")
    return Secret(value)


def _secret_of_file(path: Path) -> Secret:
    try:
        return Secret(content(path, most_bytes=_MOST_SECRET_BYTES).decode().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the secret cannot be read from {path} ({type(error).__name__})") from None


def _read(parse: Callable[[str], Any], text: str, wanted: str) -> Any:
    try:
        return parse(text.strip())
    except ValueError:
        raise Mismatch(wanted) from None


def expect(fits: bool, value: Any, wanted: str) -> Any:  # noqa: FBT001 - the outcome of a test
    """Return the value if it fits; else raise Mismatch with what is wanted."""
    if not fits:
        raise Mismatch(wanted)
    return value


READERS: Mapping[type, Callable[[Any], Any]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    Path: _path,
    Secret: _secret,
}
"""How to read a value as each of these types; each raises Mismatch where it does not fit."""
