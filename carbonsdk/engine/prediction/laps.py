"""What a forecast is made from: the epochs that ended, as pieces of the run's own curve of energy against time."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Lap(NamedTuple):
    """One epoch that ended: seconds and cumulative joules since the run's start, at both of its edges.

    Joules are None where they are unknown. `whole` is False for an epoch that broke off: what it used counts, but it is no
    measure of the others.
    """

    start_s: float
    end_s: float
    start_joules: float | None
    end_joules: float | None
    whole: bool = True


class Course(NamedTuple):
    """One quantity, joules or seconds, along the run: epochs, the gaps between them, and the total so far.

    A gap is negative where epochs overlap, so that everything still adds up. `missing` epochs lie between the others with
    an unknown amount, `trailing` ones behind the last known.
    """

    epochs: tuple[float, ...]
    whole: tuple[float, ...]
    gaps: tuple[float, ...]
    used: float
    missing: int = 0
    trailing: int = 0

    @property
    def used_by_epochs(self) -> float:
        """Return the amount of the union of the known epochs."""
        return sum(self.epochs) + sum(min(0.0, gap) for gap in self.gaps)


def seconds_along(laps: Sequence[Lap]) -> Course | None:
    """Return the course of time."""
    return _course([(lap.start_s, lap.end_s) for lap in laps], laps)


def joules_along(laps: Sequence[Lap]) -> Course | None:
    """Return the course of energy."""
    return _course([(lap.start_joules, lap.end_joules) for lap in laps], laps)


def _course(edges: Sequence[tuple[float | None, float | None]], laps: Sequence[Lap]) -> Course | None:
    """Return None where no epoch is known. An epoch that ends before it starts is as good as unknown."""
    known: list[tuple[int, float, float]] = []
    for place, (start, end) in enumerate(edges):
        if start is not None and end is not None and end >= start:
            known.append((place, start, end))
    if not known:
        return None
    epochs = tuple(end - start for _, start, end in known)
    trailing = len(edges) - 1 - known[-1][0]
    return Course(
        epochs=epochs,
        whole=tuple(amount for amount, (place, _, _) in zip(epochs, known, strict=True) if laps[place].whole) or epochs,
        gaps=tuple(after[1] - before[2] for before, after in pairwise(known) if after[0] == before[0] + 1),
        used=max(0.0, *(end for _, _, end in known)),
        missing=len(edges) - len(known) - trailing,
        trailing=trailing,
    )
