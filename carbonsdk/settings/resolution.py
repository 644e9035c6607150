"""Put together what the call, the environment and the files say, and check it."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from carbonsdk.errors import SettingsError
from carbonsdk.options import fit
from carbonsdk.pue import pue
from carbonsdk.secret import Secret
from carbonsdk.settings.fields import PLUGIN_GROUPS, Settings
from carbonsdk.settings.files import files, from_file
from carbonsdk.settings.sources import FIELDS, Entry, Key, from_call, from_environment, spelled_out

_COMPONENTS = frozenset({"all", "cpu", "gpu", "cpu,gpu", "gpu,cpu"})


class Resolved(NamedTuple):
    """Settings that hold, where each came from ("call", "variable CARBONSDK_…", "path:line"), and what to warn of.

    What is not in `sources` is a default. Plugins' settings are there as "backends.rapl.root".
    """

    settings: Settings
    sources: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def resolve(call: Mapping[str, Any], *, environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Resolved:
    """Return the settings in force for a call, made in `directory`; raise SettingsError for what is unknown or wrong.

    `environ` and `directory` are the process's own unless given.
    """
    environ = os.environ if environ is None else environ
    warnings: list[str] = []
    entries: dict[Key, Entry] = {}
    for path in files(environ, directory or _current_directory()):
        entries.update(spelled_out(from_file(path)))
    entries.update(spelled_out(from_environment(environ, warnings)))
    entries.update(spelled_out(from_call(call)))
    values: dict[str, Any] = {"api_keys": {}, "options": {group: {} for group in PLUGIN_GROUPS}}
    for key, entry in entries.items():
        match key:
            case (name,):
                values[name] = _checked(name, entry)
            case ("api_keys", service):
                values["api_keys"][service] = fit(entry.value, Secret, where=_where(f"api_keys.{service}", entry))
            case (group, plugin, option):
                values["options"][group].setdefault(plugin, {})[option] = entry.value
    sources = {".".join(key): entry.where for key, entry in entries.items()}
    settings = Settings(**values)
    _check_together(settings, sources)
    return Resolved(settings, sources, tuple(warnings))


def parsed(name: str, text: str, *, where: str) -> Any:
    """Return the value of the setting `name` that a command line's `text` means."""
    return _checked(name, Entry(text, where))


def _checked(name: str, entry: Entry) -> Any:
    where = _where(name, entry)
    declared = FIELDS[name]
    # carbontracker takes verbose=True and False, and people give them.
    given = int(entry.value) if name == "verbose" and isinstance(entry.value, bool) else entry.value
    value = fit(given, declared.type, where=where)
    match name:
        case "components":
            value = value.replace(" ", "").lower()
            if value not in _COMPONENTS:
                raise SettingsError(f"{where} must be one of 'all', 'cpu', 'gpu' or 'gpu,cpu', not {value!r}")
        case "pue" if isinstance(value, str):
            value = _number_or_name(value, where)
        case "sync" if not callable(value):
            raise SettingsError(f"{where} must be a callable, not {value!r}")
        case "on_budget" if not callable(value) and value not in ("warn", "raise"):
            raise SettingsError(f"{where} must be 'warn', 'raise' or a callable, not {value!r}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(value, declared.metadata, where)
    return value


def _number_or_name(text: str, where: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        pue(text)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None
    return text


def _check_range(number: float, metadata: Mapping[str, Any], where: str) -> None:
    at_least, above, at_most = metadata["at_least"], metadata["above"], metadata["at_most"]
    if not -math.inf < number < math.inf:
        raise SettingsError(f"{where} must be finite, not {number}")
    if at_least is not None and number < at_least:
        raise SettingsError(f"{where} must be at least {at_least}, not {number}")
    if above is not None and number <= above:
        raise SettingsError(f"{where} must be above {above}, not {number}")
    if at_most is not None and number > at_most:
        raise SettingsError(f"{where} must be at most {at_most}, not {number}")


def _check_together(settings: Settings, sources: Mapping[str, str]) -> None:
    monitored = settings.monitor_epochs
    if monitored == 0 or (monitored != -1 and monitored < settings.epochs_before_pred):
        where = sources.get("monitor_epochs") or sources.get("epochs_before_pred", "default")
        raise SettingsError(
            f"monitor_epochs ({where}): {monitored} must be -1 (all epochs), or at least 1 and epochs_before_pred"
            f" ({settings.epochs_before_pred})"
        )
    if settings.sim_cpu is not None and settings.sim_cpu_tdp is None:
        raise SettingsError(f"sim_cpu ({sources['sim_cpu']}): give sim_cpu_tdp, its watts at full load, too")
    if settings.sim_gpu is not None and settings.sim_gpu_watts is None:
        raise SettingsError(f"sim_gpu ({sources['sim_gpu']}): give sim_gpu_watts, its watts at full load, too")


def _where(name: str, entry: Entry) -> str:
    return name if entry.where == "call" else f"{name} ({entry.where})"


def _current_directory() -> Path:
    try:
        return Path.cwd()
    except OSError:  # the working directory has been deleted: no file of it can hold settings
        return Path("/")
