"""When to run: the start, in the forecast of the grid, with the lowest emissions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from carbonsdk import figures, units
from carbonsdk.clock import SystemClock, unix_ns, utc
from carbonsdk.engine.inquiry import Inquiry
from carbonsdk.errors import IntensityError, SettingsError
from carbonsdk.footprint.stretches import Stretches
from carbonsdk.model import CarbonIntensity, jsonable

HORIZON = timedelta(hours=72)  # farther than any service forecasts
_BRIDGED = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestStart:
    """The best time to start, under a power that is even over the run.

    `grams_per_kwh` is the mean intensity from `start` to `end`; `now_grams_per_kwh` that of a start at `asked_at`, None where
    the intensity of that time is not known. `known_until` is how far the forecast is known, up to the deadline; `sources` say
    who made it.
    """

    zone: str
    asked_at: datetime
    start: datetime
    end: datetime
    grams_per_kwh: float
    now_grams_per_kwh: float | None
    known_until: datetime
    sources: tuple[str, ...] = ()
    energy_kwh: float | None = None

    @property
    def is_now(self) -> bool:
        """Return whether no later start is better."""
        return self.start <= self.asked_at

    @property
    def wait_s(self) -> float:
        """Return how long to wait, in seconds."""
        return max(0.0, (self.start - self.asked_at).total_seconds())

    @property
    def saving(self) -> float | None:
        """Return the share of the emissions that waiting saves against starting now, or None where that is not known."""
        if not self.now_grams_per_kwh:
            return None if self.now_grams_per_kwh is None else 0.0
        return 1.0 - self.grams_per_kwh / self.now_grams_per_kwh

    @property
    def co2eq_grams(self) -> float | None:
        """Return what the run emits then, or None where its energy was not given."""
        return None if self.energy_kwh is None else self.energy_kwh * self.grams_per_kwh

    @property
    def saved_grams(self) -> float | None:
        """Return what waiting saves, or None where the energy or the intensity now is not known."""
        if self.energy_kwh is None or self.now_grams_per_kwh is None:
            return None
        return self.energy_kwh * (self.now_grams_per_kwh - self.grams_per_kwh)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON-able values, derived figures included."""
        derived = {name: getattr(self, name) for name in ("is_now", "wait_s", "saving", "co2eq_grams", "saved_grams")}
        return {**jsonable(self), **jsonable(derived)}


def best_start(
    duration: timedelta | float,
    zone: str | None = None,
    *,
    deadline: datetime | None = None,
    energy_kwh: float | None = None,
    **settings: Any,
) -> BestStart:
    """Return the best time to start a run of `duration` (a timedelta, or seconds) in a zone, to be over by `deadline`.

    `settings` are those of a tracker (`api_keys`, `fetchers`, `intensity`, `offline`, …); without a zone this machine's is
    looked for. Blocks while services are asked, each within its deadlines. Raise SettingsError for what makes no sense, and
    IntensityError where no forecast reaches far enough.
    """
    from carbonsdk.engine.planning.feed_planner import feed_plan
    from carbonsdk.settings import resolve

    clock = SystemClock()
    resolved = resolve({"zone": zone, **settings})
    return best_start_of(
        Inquiry(feed_plan(resolved, clock), clock=clock), Wish(duration, deadline=deadline, energy_kwh=energy_kwh)
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """A run that is to be: its length (a timedelta, or seconds), when it must be over, and its energy."""

    duration: timedelta | float
    deadline: datetime | None = None
    energy_kwh: float | None = None

    def __post_init__(self) -> None:
        if self.length <= timedelta():
            raise SettingsError(f"a run takes longer than {self.duration}")
        if self.deadline is not None and self.deadline.tzinfo is None:
            raise SettingsError(f"the deadline {self.deadline} has no time zone: pass an aware datetime")
        if self.energy_kwh is not None and not self.energy_kwh >= 0:
            raise SettingsError(f"an energy of {self.energy_kwh} kWh is not possible")

    @property
    def length(self) -> timedelta:
        """Return the duration."""
        return self.duration if isinstance(self.duration, timedelta) else timedelta(seconds=self.duration)


def best_start_of(inquiry: Inquiry, wish: Wish) -> BestStart:
    """Return the best start that the forecast of an inquiry's services allows; raise as `best_start` does."""
    asked_at = inquiry.now
    end = asked_at + HORIZON if wish.deadline is None else min(wish.deadline, asked_at + HORIZON)
    if wish.deadline is not None and asked_at + wish.length > wish.deadline:
        raise SettingsError(f"a run of {_told(wish.length)} that starts now is not over by {wish.deadline:%Y-%m-%d %H:%M %Z}")
    if asked_at + wish.length > end:
        raise IntensityError(f"nobody forecasts as far as a run of {_told(wish.length)} takes: {_told(HORIZON)} at the most")
    ahead = tuple(inquiry.forecast(asked_at, end))
    timeline = inquiry.known(*_bridged(inquiry.current(), ahead), *ahead)
    stretches = Stretches(timeline.pieces(unix_ns(asked_at), unix_ns(end)))
    found = stretches.best(units.nanoseconds(wish.length.total_seconds()))
    if found is None:
        raise IntensityError(_too_short(inquiry, stretches, wish))
    start_ns, mean = found
    start = asked_at if start_ns == unix_ns(asked_at) else utc(start_ns)
    return BestStart(
        zone=inquiry.zone.label,
        asked_at=asked_at,
        start=start,
        end=start + wish.length,
        grams_per_kwh=mean,
        now_grams_per_kwh=stretches.mean(unix_ns(asked_at), units.nanoseconds(wish.length.total_seconds())),
        known_until=utc(stretches.known_until_ns),
        sources=tuple(dict.fromkeys(value.source for _, _, value in stretches.pieces if value is not None)),
        energy_kwh=wish.energy_kwh,
    )


def _bridged(current: CarbonIntensity | None, ahead: Sequence[CarbonIntensity]) -> tuple[CarbonIntensity, ...]:
    """Return the newest live value, carried on to where the forecast begins if that is soon."""
    if current is None or current.end is None:
        return ()
    begins = min((value.start for value in ahead if value.start is not None), default=current.end)
    if current.end < begins <= current.end + _BRIDGED:
        carried = replace(current, start=current.end, end=begins, estimated=True, settled=False)
        return (current, carried)
    return (current,)


def _told(length: timedelta) -> str:
    return figures.duration(length.total_seconds())


def _too_short(inquiry: Inquiry, stretches: Stretches, wish: Wish) -> str:
    because = f" ({'; '.join(inquiry.complaints)})" if inquiry.complaints else ""
    if not any(value is not None and value.forecast for _, _, value in stretches.pieces):
        return f"nobody forecasts the carbon intensity of {inquiry.zone.label}{because}: see `carbonsdk plugins` for who could"
    until = utc(stretches.known_until_ns)
    reach = f"the forecast for {inquiry.zone.label} reaches to {until:%Y-%m-%d %H:%M} UTC"
    return f"{reach}, too short for {_told(wish.length)}{because}"
