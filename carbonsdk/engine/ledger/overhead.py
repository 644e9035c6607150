"""What the sensors do not see: power supply, fans, boards, disks, by two figures that a meter at the socket has given.

`watts` are drawn at all times; `factor` is drawn on top of each watt of the other devices. The overhead is a device like
others, whose curve is theirs by that formula at every instant: epochs, spans and gaps add up as always.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat

from carbonsdk.engine.ledger.accounting import Stamped
from carbonsdk.engine.ledger.curve import Curve
from carbonsdk.engine.ledger.trace import Mark, Rise
from carbonsdk.model import Device, DeviceKind, Quality, Sensor
from carbonsdk.units import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """A fixed power, a factor of the other devices' power, and half the width of a 95 % interval, relative."""

    watts: float = 0.0
    factor: float = 0.0
    bias: float = 1.0

    def __bool__(self) -> bool:
        return self.watts > 0 or self.factor > 0

    def device(self, *, host: str, simulated: bool) -> Device:
        """Return the device that stands for it."""
        sensor = Sensor(
            method=f"{self.watts:g} W + {self.factor:.3g} × the other devices, as given",
            quality=Quality.ESTIMATED,
            bias=self.bias,
            note="calibrated by the user against a meter",
        )
        return Device(
            id="overhead",
            kind=DeviceKind.OTHER,
            name="Platform overhead",
            sensor=sensor,
            simulated=simulated,
            backend="overhead",
            host=host,
        )


class OverheadCurve:
    """The curve that follows from other curves. `others` are those, `marks` are theirs at an instant, knots made as needed."""

    leans = True
    wrap_s = None

    def __init__(
        self,
        overhead: Overhead,
        since_ns: int,
        *,
        others: Callable[[], Sequence[Curve]],
        marks: Callable[[int], Sequence[Mark]],
    ) -> None:
        self._overhead, self._since_ns = overhead, since_ns
        self._others, self._marks = others, marks

    @property
    def last_ns(self) -> int | None:
        """Return the newest instant that every one of the other curves knows of."""
        return min((at_ns for curve in self._others() if (at_ns := curve.last_ns) is not None), default=None)

    known_until_ns = last_ns

    def record(self, _current: Stamped) -> str | None:
        """Refuse: there is nothing to be read."""
        return "the overhead follows from other devices, and is not read"

    def mark(self, at_ns: int, **_options: object) -> Mark | None:
        """Return the curve at an instant, or None before it begins."""
        marks = self._marks(at_ns)
        if at_ns < self._since_ns or not marks:
            return None
        factor = self._overhead.factor
        return Mark(
            self._fixed(at_ns) + factor * math.fsum(mark.joules for mark in marks),
            at_ns - self._since_ns,
            factor * factor * math.fsum(mark.variance for mark in marks),
            factor * math.hypot(*(mark.edge_joules for mark in marks)),
            all(mark.settled for mark in marks),
            all(mark.firm for mark in marks),
        )

    def rises(self, intervals: Sequence[tuple[int, int]]) -> list[Rise]:
        """Return what the overhead rises by over each interval."""
        since_ns = self._since_ns
        within = [(max(start_ns, since_ns), max(end_ns, since_ns)) for start_ns, end_ns in intervals]
        others = [curve.rises(within) for curve in self._others()]
        rows = zip(*others, strict=True) if others else repeat(())
        return [self._rise(*interval, rises) for interval, rises in zip(within, rows, strict=False)]

    def _rise(self, start_ns: int, end_ns: int, rises: Sequence[Rise]) -> Rise:
        factor = self._overhead.factor
        return (
            self._fixed(start_ns) + factor * math.fsum(rise[0] for rise in rises),
            self._fixed(end_ns) - self._fixed(start_ns) + factor * math.fsum(rise[1] for rise in rises),
            end_ns - start_ns,
            factor * math.hypot(*(rise[3] for rise in rises)),
        )

    def most_joules(self, duration_ns: int) -> float:
        """Return what the overhead can have been in some time."""
        others = math.fsum(curve.most_joules(duration_ns) for curve in self._others())
        return self._overhead.watts * duration_ns / NS_PER_S + self._overhead.factor * others

    def forget_before(self, at_ns: int) -> None:
        """Do nothing: nothing is remembered here."""

    def _fixed(self, at_ns: int) -> float:
        return self._overhead.watts * (at_ns - self._since_ns) / NS_PER_S
