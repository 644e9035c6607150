"""Carbon is the integral of the grid's intensity along the energy curve: ∫ I(t) dE."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from carbonsdk import units
from carbonsdk.footprint.held import Kinds
from carbonsdk.footprint.parts import Sums
from carbonsdk.footprint.timeline import Stretch, Timeline
from carbonsdk.model import CarbonUse

if TYPE_CHECKING:
    from numpy.typing import NDArray

Energy = Sequence[tuple[int, int, float]]
"""Pieces of an energy curve: (start_ns, end_ns, joules), Unix time, the joules spread evenly over the piece."""

__all__ = ["Energy", "Timeline", "carbon_use"]

_MANY = 65_536  # from here on numpy is worth its import and its memory


def carbon_use(energy: "Energy | NDArray[Any]", timeline: Timeline) -> CarbonUse:
    """Return the CO2eq of `energy` along `timeline`.

    Pieces may overlap and come in any order; one without length lies in its instant. Joules under no known intensity are
    left out of the grams, and `reason` says what share they are; `grams` is None where nothing at all is known. `energy`
    may be a numpy structured array of that shape.
    """
    if not len(energy):
        return CarbonUse(None, reason="no energy is known")
    if len(energy) > _MANY or hasattr(energy, "dtype"):
        return _many(_rows(energy), timeline)
    stretch = timeline.stretch(min(start for start, _, _ in energy), max(end for _, end, _ in energy) + 1)
    return _summary(stretch, _few(energy, stretch.cuts), timeline.kinds)


def _few(energy: "Energy | NDArray[Any]", cuts: Sequence[int]) -> Sequence[float]:
    """Add up the joules between each two cuts, exactly where there are several."""
    joules = array("d", bytes(8 * (len(cuts) + 1)))
    met = bytearray(len(joules))
    several: dict[int, list[float]] = {}
    for start_ns, end_ns, piece_joules in energy:
        for index, share in _shares(int(start_ns), int(end_ns), float(piece_joules), cuts=cuts):
            if met[index]:
                several.setdefault(index, [joules[index]]).append(share)
            else:
                met[index], joules[index] = 1, share
    for index, shares in several.items():
        joules[index] = math.fsum(shares)
    return joules


def _shares(start_ns: int, end_ns: int, joules: float, *, cuts: Sequence[int]) -> Iterable[tuple[int, float]]:
    first = bisect_right(cuts, start_ns)
    last = max(first, bisect_right(cuts, end_ns - 1))
    if first == last:
        return ((first, joules),)
    inner = cuts[first:last]
    watts_per_ns = joules / (end_ns - start_ns)
    shares = [watts_per_ns * (right - left) for left, right in pairwise((start_ns, *inner))]
    # The last share is the rest, so that the shares add up to the whole.
    return enumerate((*shares, joules - math.fsum(shares)), first)


def _many(rows: "NDArray[Any]", timeline: Timeline) -> CarbonUse:
    import numpy as np

    starts, ends, joules = (rows[name] for name in rows.dtype.names or ())
    stretch = timeline.stretch(int(starts.min()), int(ends.max()) + 1)
    cuts = stretch.cuts
    first = np.searchsorted(cuts, starts, side="right")
    last = np.maximum(first, np.searchsorted(cuts, ends - 1, side="right"))
    whole = first == last
    totals = np.bincount(first[whole], weights=joules[whole], minlength=len(cuts) + 1).tolist()
    for start_ns, end_ns, piece_joules in rows[~whole].tolist():
        for index, share in _shares(start_ns, end_ns, piece_joules, cuts=cuts):
            totals[index] += share
    return _summary(stretch, [float(total) for total in totals], timeline.kinds)


def _rows(energy: Any) -> "NDArray[Any]":
    import numpy as np

    if isinstance(energy, np.ndarray):
        return energy
    return np.fromiter(energy, dtype=[("start_ns", "i8"), ("end_ns", "i8"), ("joules", "f8")], count=len(energy))


def _summary(stretch: Stretch, joules: Sequence[float], kinds: Kinds) -> CarbonUse:
    sums = Sums()
    unknown: list[float] = []
    edges = pairwise((stretch.start_ns, *stretch.cuts, stretch.end_ns))
    for value, share, (start_ns, end_ns) in zip(stretch.held, joules, edges, strict=True):
        if value is None:
            unknown.append(share)
        else:
            sums.add(value, share, start_ns=start_ns, end_ns=end_ns)
    parts = sums.parts(kinds)
    missing_joules = math.fsum(unknown)
    known_joules = 0.0 if parts is None else math.fsum(parts.joules)
    if parts is None or (missing_joules and not known_joules):
        return CarbonUse(None, reason="no carbon intensity is known for this time")
    grams = math.fsum(map(units.grams, parts.joules, parts.grams_per_kwh))
    main = parts[max(range(len(parts)), key=parts.joules.__getitem__)][0]
    known_kwh = units.kwh(known_joules)
    mean = grams / known_kwh if known_kwh else (main.grams_per_kwh if len(parts) == 1 else None)
    return CarbonUse(grams, main, mean, parts.plain(), _missing(missing_joules, known_joules))


def _missing(missing_joules: float, known_joules: float) -> str | None:
    if not missing_joules:
        return None
    share = missing_joules / (missing_joules + known_joules)
    return f"{share:.1%} of the energy has no known carbon intensity and is not in the grams"
