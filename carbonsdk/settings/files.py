"""The files that hold settings: which they are, and what each sets."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from carbonsdk.errors import SettingsError
from carbonsdk.files import content, harmless
from carbonsdk.options import FileText, nearest
from carbonsdk.settings.sources import CALL_ONLY, CONFIG_VARIABLE, GROUPS, WRITABLE, Entry, Key

FILE_NAME = "carbonsdk.toml"
_MOST_BYTES = 1 << 20
_MOST_PARTS = 100


def files(environ: Mapping[str, str], directory: Path) -> Iterator[Path]:
    """Yield the files that hold settings, the weakest first: the user's own, then the project's.

    The project's is the one that `CARBONSDK_CONFIG` names, else the nearest `carbonsdk.toml`, or `pyproject.toml` with a
    table `[tool.carbonsdk]`, in the directory or above it. The search ends at the home directory or at the root.
    """
    home = Path(environ["HOME"]) if environ.get("HOME") else None
    # XDG on every system: platformdirs would say the same on Linux, for 20 ms of imports.
    base = environ.get("XDG_CONFIG_HOME") or (home and home / ".config")
    if base and _is_file(own := Path(base) / "carbonsdk" / FILE_NAME):
        yield own
    if named := environ.get(CONFIG_VARIABLE):
        yield _named(named)
        return
    for folder in (directory, *directory.parents):
        if _is_file(candidate := folder / FILE_NAME):
            yield candidate
            return
        # Most projects have a pyproject.toml that says nothing of us; tomllib would cost 10 ms to find that out.
        candidate = folder / "pyproject.toml"
        if _is_file(candidate) and b"tool.carbonsdk" in _bytes_of(candidate):
            yield candidate
            return
        if folder == home:
            return


def _named(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SettingsError(f"{CONFIG_VARIABLE}={text!r}: {error}") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that this user may not enter holds no settings of theirs
        return False


def _bytes_of(path: Path) -> bytes:
    try:
        return content(path, most_bytes=_MOST_BYTES)
    except OSError:  # somebody else's project
        return b""


def from_file(path: Path) -> Iterator[tuple[Key, Entry]]:
    """Yield what a file sets; raise SettingsError where it is not TOML or has an unknown key."""
    text, table = _parsed(path)
    prefix: Key = ()
    if path.name == "pyproject.toml":
        prefix = ("tool", "carbonsdk")
        tool = table.get("tool")
        table = tool.get("carbonsdk", {}) if isinstance(tool, Mapping) else {}
    if not isinstance(table, Mapping):
        raise SettingsError(f"{path}: [tool.carbonsdk] must be a table, not {table!r}")
    lines = _lines(text)
    for key, written, value in _flat(table):
        line = lines.get((*prefix, *written))
        where = str(path) if line is None else f"{path}:{line}"
        if key[0] in CALL_ONLY:
            raise SettingsError(f"{where}: {key[0]} can be given in a call only")
        if key[0] not in WRITABLE and key[0] not in GROUPS:
            raise SettingsError(f"{where}: unknown setting {key[0]!r}{nearest(key[0], [*WRITABLE, *GROUPS])}")
        if len(key) == 2 and key[0] in GROUPS:
            raise SettingsError(f"{where}: [{key[0]}] holds 'use' and a table for each plugin, so {key[1]!r} must be a table")
        yield tuple(map(harmless, key)), Entry(_placed(value, path.parent), where)


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[Key, Key, Any]]:
    """Yield (the setting, the keys it is written under, the value)."""
    for name, value in table.items():
        if not isinstance(value, Mapping) or name not in {*GROUPS, "api_keys"}:
            yield (name,), (name,), value
            continue
        for inner, held in value.items():
            if inner == "use" and (selecting := GROUPS.get(name)):
                yield (selecting,), (name, inner), held
            elif (name, inner) == ("intensity", "own"):
                yield ("intensity",), (name, inner), held
            elif name in GROUPS and isinstance(held, Mapping):
                for option, each in held.items():
                    yield (name, inner, option), (name, inner, option), each
            else:
                yield (name, inner), (name, inner), held


def _parsed(path: Path) -> tuple[str, Mapping[str, Any]]:
    import tomllib

    try:
        text = content(path, most_bytes=_MOST_BYTES).decode()
        _check_keys(text)
        return text, tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # ValueError: also a name with a NUL, and a number of thousands of digits
        raise SettingsError(f"{path}: not valid TOML: {error}") from error


def _check_keys(text: str) -> None:
    """Refuse a key of very many parts, on which tomllib spends the square of their number: an hour for a megabyte."""
    for piece in re.split(r"[,\n=\[\]{}]", text):
        if piece.count(".") > _MOST_PARTS and sum(map(bool, map(str.strip, piece.split(".")))) > _MOST_PARTS:
            raise ValueError(f"a key of more than {_MOST_PARTS} parts")


def _placed(value: Any, directory: Path) -> Any:
    match value:
        case str():
            return FileText(harmless(value), directory)
        case list():
            return [_placed(each, directory) for each in value]
        case dict():
            return {harmless(key): _placed(each, directory) for key, each in value.items()}
        case _:
            return value


def _lines(text: str) -> dict[Key, int]:
    """Return the line of each key, as far as a plain look finds it: tomllib keeps no positions."""
    found: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.partition("#")[0].strip()
        if bare.startswith("["):
            table = _dotted(bare.strip("[] "))
            found.setdefault(table, number)
        elif "=" in bare:
            found.setdefault((*table, *_dotted(bare.partition("=")[0])), number)
    return found


def _dotted(written: str) -> Key:
    return tuple(part.strip().strip("\"'") for part in written.split("."))
