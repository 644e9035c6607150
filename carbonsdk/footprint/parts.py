"""The intensities that an energy use fell under: a month of them is thousands, and most reports are never asked for them."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from carbonsdk.footprint.timeline import Held, Kinds
from carbonsdk.model import CarbonIntensity

Part = tuple[CarbonIntensity, float]

_FEW = 16
_ORDER_BYTES = 8


def same_value(held: Held) -> Held:
    """Return a held value without when it was added: what is equal otherwise is one value, given again."""
    return held[:-_ORDER_BYTES] + bytes(_ORDER_BYTES)


def parts_of(joules: Mapping[Held, float], kinds: Kinds) -> Sequence[Part]:
    """Return intensities with the joules under each, in the order given."""
    parts = Parts(joules, kinds)
    return tuple(parts) if len(parts) <= _FEW else parts


class Parts(Sequence[Part]):
    """Intensities and joules, each pair made when it is asked for."""

    __slots__ = ("_held", "_joules", "_kinds")

    def __init__(self, joules: Mapping[Held, float], kinds: Kinds) -> None:
        self._held = b"".join(joules)
        self._joules = array("d", joules.values())
        self._kinds = kinds

    def __len__(self) -> int:
        return len(self._joules)

    def __iter__(self) -> Iterator[Part]:
        return map(self._part, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Part: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Part, ...]: ...
    def __getitem__(self, index: int | slice) -> Part | tuple[Part, ...]:
        places = range(len(self))[index]
        return self._part(places) if isinstance(places, int) else tuple(map(self._part, places))

    def _part(self, place: int) -> Part:
        size = len(self._held) // len(self._joules)
        return self._kinds.value(self._held[place * size : (place + 1) * size]), self._joules[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<{len(self)} intensities>"

    def __reduce__(self) -> Any:
        return (tuple, (list(self),))
