"""Carbon is the integral of the grid's intensity along the energy curve: ∫ I(t) dE."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from carbonsdk import units
from carbonsdk.footprint.parts import parts_of, same_value
from carbonsdk.footprint.timeline import Held, Timeline, grams_per_kwh
from carbonsdk.model import CarbonUse

if TYPE_CHECKING:
    from numpy.typing import NDArray

Energy = Sequence[tuple[int, int, float]]
"""Pieces of an energy curve: (start_ns, end_ns, joules), Unix time, the joules spread evenly over the piece."""

__all__ = ["Energy", "Timeline", "carbon_use"]

_MANY = 65_536  # from here on numpy is worth its import and its memory
_Shares = float | list[float] | None


def carbon_use(energy: Energy, timeline: Timeline) -> CarbonUse:
    """Return the CO2eq of `energy` along `timeline`.

    Pieces may overlap and come in any order; one without length lies in its instant. Joules under no known intensity are
    left out of the grams, and `reason` says what share they are; `grams` is None where nothing at all is known. `energy`
    may be a numpy structured array of that shape.
    """
    if not len(energy):
        return CarbonUse(None, reason="no energy is known")
    if len(energy) > _MANY or hasattr(energy, "dtype"):
        return _many(_rows(energy), timeline)
    cuts, held = timeline.stretch(min(start for start, _, _ in energy), max(end for _, end, _ in energy) + 1)
    return _summary(timeline, held, _few(energy, cuts))


def _few(energy: Energy, cuts: Sequence[int]) -> list[float]:
    joules: list[_Shares] = [None] * (len(cuts) + 1)
    for start_ns, end_ns, piece_joules in energy:
        for index, share in _shares(int(start_ns), int(end_ns), float(piece_joules), cuts=cuts):
            joules[index] = _with(joules[index], share)
    return list(map(_sum, joules))


def _with(shares: _Shares, share: float) -> _Shares:
    """Collect what is to be added up exactly; mostly it is one share, and lists of one would be most of the memory."""
    if shares is None:
        return share
    if isinstance(shares, list):
        shares.append(share)
        return shares
    return [shares, share]


def _sum(shares: _Shares) -> float:
    return math.fsum(shares) if isinstance(shares, list) else shares or 0.0


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
    cuts, held = timeline.stretch(int(starts.min()), int(ends.max()) + 1)
    first = np.searchsorted(cuts, starts, side="right")
    last = np.maximum(first, np.searchsorted(cuts, ends - 1, side="right"))
    whole = first == last
    totals = np.bincount(first[whole], weights=joules[whole], minlength=len(cuts) + 1).tolist()
    for start_ns, end_ns, piece_joules in rows[~whole].tolist():
        for index, share in _shares(start_ns, end_ns, piece_joules, cuts=cuts):
            totals[index] += share
    return _summary(timeline, held, [float(total) for total in totals])


def _rows(energy: Any) -> "NDArray[Any]":
    import numpy as np

    if isinstance(energy, np.ndarray):
        return energy
    return np.fromiter(energy, dtype=[("start_ns", "i8"), ("end_ns", "i8"), ("joules", "f8")], count=len(energy))


def _summary(timeline: Timeline, held: Iterable[Held | None], joules: Sequence[float]) -> CarbonUse:
    known: dict[Held, Any] = {}
    unknown: list[float] = []
    for value, share in zip(held, joules, strict=True):
        if value is None:
            unknown.append(share)
        else:
            key = same_value(value)
            known[key] = _with(known.get(key), share)
    if not known:
        return CarbonUse(None, reason="no carbon intensity is known for this time")
    for key, shares in known.items():
        known[key] = _sum(shares)
    # A stretch in which nothing was used says nothing of the energy, unless there is no other.
    unused = [key for key, share in known.items() if not share]
    for key in unused[len(unused) == len(known) :]:
        del known[key]
    used: dict[Held, float] = known
    known_joules = math.fsum(used.values())
    missing_joules = math.fsum(unknown)
    if missing_joules and not known_joules:
        return CarbonUse(None, reason="no carbon intensity is known for this time")
    grams = math.fsum(units.grams(share, grams_per_kwh(value)) for value, share in used.items())
    main = timeline.kinds.value(max(used, key=used.__getitem__))
    known_kwh = units.kwh(known_joules)
    mean = grams / known_kwh if known_kwh else (main.grams_per_kwh if len(used) == 1 else None)
    return CarbonUse(grams, main, mean, parts_of(used, timeline.kinds), _missing(missing_joules, known_joules))


def _missing(missing_joules: float, known_joules: float) -> str | None:
    if not missing_joules:
        return None
    share = missing_joules / (missing_joules + known_joules)
    return f"{share:.1%} of the energy has no known carbon intensity and is not in the grams"
