"""Write the `co2_eq_emissions` block into a model card, and leave every other byte of it alone."""

import json
import logging
import os
import re
import tempfile
from collections import Counter
from pathlib import Path

from carbonsdk import files
from carbonsdk.counted import counted, simulated
from carbonsdk.events import Event, IntensityFound, RunFinished, RunInfo
from carbonsdk.figures import plain, source
from carbonsdk.model import DeviceKind
from carbonsdk.reports import RunReport
from carbonsdk.sinks.model_card import ModelCardSettings

NOWHERE = "WORLD"
_MOST_BYTES = 16 << 20
_BESIDE = frozenset({DeviceKind.MEMORY, DeviceKind.OTHER})
KEY = "co2_eq_emissions"
_EMPTY = re.compile(r"\A((?:[ \t]*(?:#[^\n]*)?\n)*)\{[ \t]*\}[ \t]*(?:\n|\Z)")
_FLOW = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*[\[{]")
_FENCE = re.compile(r"\A(\ufeff?---[ \t]*\n)(.*?)(^---[ \t]*(?:\n|\Z))", re.DOTALL | re.MULTILINE)
# The key, and all that belongs to it: indented lines, and blank lines before another indented one.
_BLOCK = re.compile(rf"^{KEY}[ \t]*:[^\n]*(?:\n|\Z)(?:(?:[ \t]*\n)*[ \t]+[^\n]*(?:\n|\Z))*", re.MULTILINE)


class ModelCard:
    """Updates one file when a run ends. Of a job of many processes, only rank 0 does."""

    def __init__(self, settings: ModelCardSettings, *, log: logging.Logger) -> None:
        self._settings = settings
        self._log = log
        self._zone: str | None = None

    def handle(self, event: Event) -> None:
        """Write the block at the end of the run."""
        match event:
            case IntensityFound(_, zone):
                self._zone = zone.key
            case RunFinished(run, report) if run.rank == 0:
                if report.co2eq_grams is None:
                    self._log.warning("%s is left as it is: the run's CO2eq is unknown", self._settings.path)
                else:
                    self._write(self._block(run, report, grams=report.co2eq_grams * report.pue))

    def close(self) -> None:
        """Do nothing: the file is open only while it is written."""

    def _block(self, run: RunInfo, report: RunReport, *, grams: float) -> str:
        zone = report.intensity.zone if report.intensity else self._zone
        zone = None if zone == NOWHERE else zone
        entries = {
            "source": _source(run, report),
            "training_type": self._settings.training_type,
            "geographical_location": self._settings.geographical_location or zone,
            "hardware_used": self._settings.hardware_used or _hardware(report),
        }
        # A JSON string is a YAML string in double quotes.
        quoted = [f"  {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in entries.items() if value]
        return "".join([f"{KEY}:\n", f"  emissions: {plain(grams)}\n", *quoted])

    def _write(self, block: str) -> None:
        path = Path(self._settings.path or "").resolve()
        before = files.content(path, most_bytes=_MOST_BYTES) if path.exists() else b""
        text = before.decode("utf-8")
        line_end = "\r\n" if "\r\n" in text else "\n"
        text = text.replace("\r\n", "\n")
        text = in_card(text, block) if path.suffix.lower() in {".md", ".markdown"} else in_yaml(text, block)
        _replace(path, text.replace("\n", line_end).encode())


def in_card(text: str, block: str) -> str:
    """Return a Markdown card with the block in its front matter, which is made where there is none."""
    fenced = _FENCE.match(text)
    if not fenced:
        return f"---\n{block}---\n{text}"
    opening, matter, closing = fenced.groups()
    return f"{opening}{in_yaml(matter, block)}{closing}{text[fenced.end() :]}"


def in_yaml(text: str, block: str) -> str:
    """Return YAML with the block in place of the one it has, or at the end.

    Raises ValueError for a mapping in braces, to which nothing can be appended; an empty one, as templates have it, goes.
    """
    text = _EMPTY.sub(r"\1", text)
    if _FLOW.match(text):
        raise ValueError("its metadata is a mapping in braces: write it a key a line")
    if _BLOCK.search(text):
        return _BLOCK.sub(lambda _: block, text, count=1)
    return f"{text}\n{block}" if text and not text.endswith("\n") else f"{text}{block}"


def _source(run: RunInfo, report: RunReport) -> str:
    intensity = report.intensity
    parts = [f"carbonsdk {run.version}", f"energy {report.energy.quality.value}"]
    if report.energy.partial:
        parts.append("incomplete")
    if simulated(report.devices):
        parts.append("simulated")
    if intensity:
        parts.append(f"grid intensity by {source(intensity)}")
    if report.pue != 1.0:
        parts.append(f"PUE of {report.pue:g} included")
    if run.world_size > 1:
        parts.append(f"rank 0 of {run.world_size} alone")
    return ", ".join(parts)


def _hardware(report: RunReport) -> str:
    """Name what computes: memory, fans and the like only where nothing else was measured."""
    devices = [each.device for each in counted(report.devices)]
    names = Counter(device.name for device in devices if device.kind not in _BESIDE) or Counter(each.name for each in devices)
    return ", ".join(f"{count} x {name}" for name, count in names.items())


def _replace(path: Path, content: bytes) -> None:
    """Put the new content in place in one step, so that a crash leaves the old card or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o644)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
