"""Power profiles in files and settings.

JSON is one object; of a device, `watts` (constant) or `profile` is needed, the rest may be left out::

    {"devices": [
      {"kind": "cpu", "name": "Xeon Gold 6248R", "watts": 120},
      {"kind": "gpu", "name": "A100", "id": "gpu-0", "profile": [[0, 60], [1.5, 400]], "shape": "linear", "repeat": true}
    ]}

`profile` lists seconds and watts. `shape` is `linear` (straight lines between them, the default) or `steps` (each holds until
the next). `repeat` starts again at the last point's time. CSV has a line a point, in the columns `seconds`, `kind`, `name` and
`watts`, joined by straight lines.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from carbonsdk import files
from carbonsdk.backends.replay import ReplaySettings
from carbonsdk.backends.replay.profile import Profile
from carbonsdk.plugin import DeviceKind, SettingsError

_MOST_BYTES = 64 << 20
_KEYS = {"kind", "name", "id", "watts", "profile", "shape", "repeat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One device to replay; `constant` says that its power is one given figure."""

    kind: DeviceKind
    profile: Profile
    name: str | None = None
    id: str | None = None
    constant: bool = False


def recorded(settings: ReplaySettings) -> tuple[Recorded, ...]:
    """Return every device that the settings name, each with an id; raise SettingsError."""
    found = [] if settings.path is None else load(Path(settings.path))
    found += [_device(item, where="devices") for item in settings.devices]
    found += [
        Recorded(kind=_kind(kind, where="watts"), profile=Profile.constant(_watts(watts, where="watts")), constant=True)
        for kind, watts in _pairs(settings.watts)
    ]
    if not found:
        raise SettingsError("replay has nothing to replay: give it path=, watts= (`cpu=65,gpu=250`) or devices=")
    return _with_ids(found)


def load(path: Path) -> list[Recorded]:
    """Return the devices of a JSON or CSV file; raise SettingsError."""
    try:
        text = files.content(path, most_bytes=_MOST_BYTES).decode("utf-8-sig")  # spreadsheets begin with a byte order mark
    except (OSError, ValueError) as error:
        raise SettingsError(f"replay: cannot read {path}: {error}") from error
    if path.suffix.lower() == ".csv":
        return _from_csv(text, where=str(path))
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"replay: {path} is not JSON: {error}") from error
    devices = content.get("devices") if isinstance(content, dict) else None
    if not isinstance(devices, list):
        raise SettingsError(f'replay: {path} has no list of devices: {{"devices": [{{"kind": "cpu", "watts": 65}}]}}')
    return [_device(item, where=str(path)) for item in devices]


def _from_csv(text: str, *, where: str) -> list[Recorded]:
    points: dict[tuple[str, str], list[Sequence[Any]]] = {}
    try:
        rows = csv.DictReader(text.splitlines())
        missing = {"seconds", "kind", "name", "watts"} - set(rows.fieldnames or ())
        if missing:
            raise SettingsError(f"replay: {where} lacks the column {', '.join(sorted(missing))}")
        for row in rows:
            points.setdefault((row["kind"], row["name"]), []).append((row["seconds"], row["watts"]))
    except csv.Error as error:
        raise SettingsError(f"replay: {where} is not CSV: {error}") from error
    return [_device({"kind": kind, "name": name, "profile": trace}, where=where) for (kind, name), trace in points.items()]


def _device(item: Any, *, where: str) -> Recorded:
    if not isinstance(item, Mapping):
        raise SettingsError(f"replay: {where}: a device is an object, not {item!r}")
    unknown = set(item) - _KEYS
    if unknown:
        raise SettingsError(
            f"replay: {where}: unknown key {', '.join(sorted(map(str, unknown)))}; known are {', '.join(sorted(_KEYS))}"
        )
    if ("watts" in item) == ("profile" in item):
        raise SettingsError(f"replay: {where}: a device has either watts or a profile: {dict(item)!r}")
    constant = "watts" in item
    profile = Profile.constant(_watts(item["watts"], where=where)) if constant else _profile(item, where=where)
    name, ident = (None if item.get(key) is None else str(item[key]) for key in ("name", "id"))
    return Recorded(kind=_kind(item.get("kind", "other"), where=where), profile=profile, name=name, id=ident, constant=constant)


def _profile(item: Mapping[str, Any], *, where: str) -> Profile:
    shape = item.get("shape", "linear")
    if shape not in ("linear", "steps"):
        raise SettingsError(f"replay: {where}: shape {shape!r} is neither linear nor steps")
    try:
        points = [(float(seconds), _watts(watts, where=where)) for seconds, watts in item["profile"]]
        if shape == "steps":
            return Profile.steps(points, repeat_s=points[-1][0] if item.get("repeat") else None)
        return Profile.trace(points, repeat=bool(item.get("repeat")))
    except SettingsError:
        raise
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise SettingsError(f"replay: {where}: a profile lists [seconds, watts] in order of time: {error}") from error


def _pairs(watts: Mapping[str, float] | str) -> Iterable[tuple[str, Any]]:
    if isinstance(watts, Mapping):
        return watts.items()
    pairs = [part.partition("=") for part in watts.split(",") if part.strip()]
    return [(kind.strip(), value) for kind, _, value in pairs]


def _kind(text: Any, *, where: str) -> DeviceKind:
    try:
        return DeviceKind(str(text).lower())
    except ValueError:
        raise SettingsError(f"replay: {where}: kind {text!r} is none of {', '.join(DeviceKind)}") from None


def _watts(value: Any, *, where: str) -> float:
    try:
        watts = float(value)
    except (TypeError, ValueError, OverflowError):
        watts = -1.0
    if not 0 <= watts < float("inf"):
        raise SettingsError(f"replay: {where}: watts are a number from 0 up, not {value!r}")
    return watts


def _with_ids(devices: Iterable[Recorded]) -> tuple[Recorded, ...]:
    """Give each device that has no id its kind and number (`gpu-1`); raise SettingsError for an id that is there twice."""
    numbers: Counter[DeviceKind] = Counter()
    named = []
    for device in devices:
        named.append(device if device.id else replace(device, id=f"{device.kind}-{numbers[device.kind]}"))
        numbers[device.kind] += 1
    twice = [ident for ident, count in Counter(device.id for device in named).items() if count > 1]
    if twice:
        raise SettingsError(f"replay: two devices have the id {twice[0]}")
    return tuple(named)
