"""Prometheus' text format: what a metric is called and means, and its samples."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name, kind and meaning: the same in every file, or the exporter refuses all but one."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str


Labels = dict[str, str]


def written(metric: Metric, samples: Iterable[tuple[Labels, float]]) -> str:
    """Return the lines of a metric, or none where it has no sample."""
    lines = [f"{metric.name}{{{_labels(labels)}}} {value!r}\n" for labels, value in samples]
    if not lines:
        return ""
    return "".join([f"# HELP {metric.name} {metric.meaning}\n", f"# TYPE {metric.name} {metric.kind}\n", *lines])


def _labels(labels: Labels) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
