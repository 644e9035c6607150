"""The grid's intensity in the hours ahead, as a forecast of CO2eq wants it."""

from collections.abc import Sequence
from dataclasses import replace

from carbonsdk.footprint.timeline import Piece
from carbonsdk.model import CarbonIntensity
from carbonsdk.reports import Estimate


def expected(pieces: Sequence[Piece]) -> Estimate | None:
    """Return the mean intensity over pieces of the future, and what it may turn out as; None where one is unknown.

    A user's own figure is taken at its word. A service's forecast is given ±15 %, any other figure, which says nothing of the
    hours ahead, ±30 %: assumptions of ours, wide enough for the day's swing of most grids.
    """
    if not pieces or any(value is None for _, _, value in pieces):
        return None
    total = sum(end - start for start, end, _ in pieces)
    mean = low = high = 0.0
    for start, end, value in pieces:
        assert value is not None  # noqa: S101 - seen to above
        grams = value.grams_per_kwh * (end - start) / total
        doubt = 0.0 if value.own else 0.15 if value.forecast else 0.3
        mean, low, high = mean + grams, low + grams * (1 - doubt), high + grams * (1 + doubt)
    return Estimate(mean, low, high)


def carried_on(pieces: Sequence[Piece], *, now: CarbonIntensity | None) -> list[Piece]:
    """Return the pieces with what goes on where only an average of years is known of them.

    That is the mean of the service's forecast, where it ends before the run does, else the newest intensity that is of its
    very time, `now` if the pieces have none.
    """
    live = [value for value in (now, *(value for _, _, value in pieces)) if value is not None and _of_its_time(value)]
    foreseen = [piece for piece in pieces if piece[2] is not None and piece[2].forecast]
    if not live:
        return list(pieces)
    mean = expected(foreseen)
    grams_per_kwh = live[-1].grams_per_kwh if mean is None else mean.value
    filler = replace(live[-1], grams_per_kwh=grams_per_kwh, forecast=False, own=False)
    return [
        (start, end, value if value is not None and (value.own or _of_its_time(value)) else filler)
        for start, end, value in pieces
    ]


def _of_its_time(value: CarbonIntensity) -> bool:
    return value.year is None and value.start is not None and value.end is not None
