"""The idle power of this machine's devices, as `carbonsdk baseline` has measured it."""

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from carbonsdk import files
from carbonsdk.errors import CarbonSDKError
from carbonsdk.model import Device, jsonable
from carbonsdk.reports import Baseline
from carbonsdk.runs import state_directory

__all__ = ["Baseline", "Baselines", "baseline_path", "keep", "load", "prepare"]

_SCHEMA = 1
_MOST_BYTES = 4 << 20
Key = tuple[str, str, str]


class Baselines:
    """Idle powers by host, backend and device."""

    def __init__(self, known: Iterable[tuple[Key, Baseline]] = (), *, problem: str | None = None) -> None:
        self._known = dict(known)
        self.problem = problem

    def of(self, device: Device) -> Baseline | None:
        """Return the idle power of a device, or None where none was measured. A simulated device has none."""
        return None if device.simulated else self._known.get(device.key)

    def items(self) -> Iterable[tuple[Key, Baseline]]:
        """Return all that is known."""
        return self._known.items()


def baseline_path(directory: Path | str | None = None) -> Path:
    """Return the file that idle powers are kept in."""
    return state_directory(directory) / "baselines.json"


def load(directory: Path | str | None = None) -> Baselines:
    """Return what was measured; what cannot be read is told of in `problem`, and leaves nothing."""
    path = baseline_path(directory)
    try:
        content = json.loads(files.content(path, most_bytes=_MOST_BYTES))
    except FileNotFoundError:
        return Baselines()
    except (OSError, ValueError, RecursionError) as error:
        return Baselines(problem=f"{path} cannot be read ({error}): measure again with `carbonsdk baseline`")
    try:
        if content["schema"] != _SCHEMA:
            return Baselines(problem=f"{path} was written by another version of carbonsdk: measure again")
        return Baselines(_entry(written) for written in content["devices"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return Baselines(problem=f"{path} holds no idle powers ({type(error).__name__}: {error}): measure again")


def keep(measured: Iterable[tuple[Device, Baseline]], directory: Path | str | None = None) -> Path:
    """Put measured idle powers in the place of earlier ones of the same devices; return the file. Raise CarbonSDKError."""
    path = prepare(directory)
    known = {**dict(load(directory).items()), **{device.key: baseline for device, baseline in measured}}
    rows = [
        {"host": host, "backend": backend, "id": ident, **jsonable(baseline)}
        for (host, backend, ident), baseline in sorted(known.items(), key=lambda item: item[0])
    ]
    try:
        _replace(path, json.dumps({"schema": _SCHEMA, "devices": rows}, indent=2) + "\n")
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def prepare(directory: Path | str | None = None) -> Path:
    """Make the folder that idle powers are kept in, and return their file; raise CarbonSDKError where it cannot be written."""
    path = baseline_path(directory)
    try:
        files.private_directory(path.parent)
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> CarbonSDKError:
    return CarbonSDKError(f"{path} cannot be written: {error.strerror or error}; choose another place with state_dir")


def _entry(written: Any) -> tuple[Key, Baseline]:
    measured_at = datetime.fromisoformat(written["measured_at"])
    watts, seconds = float(written["watts"]), float(written["seconds"])
    if not 0 <= watts < float("inf") or measured_at.tzinfo is None:
        raise ValueError(f"{written['watts']!r} W, measured {written['measured_at']!r}")
    key = (str(written["host"]), str(written["backend"]), str(written["id"]))
    return key, Baseline(watts=watts, seconds=seconds, measured_at=measured_at, busy=bool(written.get("busy", False)))


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole: a reader sees the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
