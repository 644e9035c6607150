"""Keeping one timeline up to date: what holds now, what the past turned out to be, what is forecast."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from carbonsdk import units
from carbonsdk.clock import unix_ns, utc
from carbonsdk.engine.feed.service import Service, checked, labelled, shown
from carbonsdk.errors import BadAnswer, Offline
from carbonsdk.footprint import Timeline
from carbonsdk.interfaces import SupportsForecast, SupportsHistory
from carbonsdk.model import Basis, CarbonIntensity, Zone

_MINUTE_NS = 60 * units.NS_PER_S
_HOUR_NS = 60 * _MINUTE_NS
_SOONEST_NS = 5 * _MINUTE_NS
_LAG_NS = 30 * units.NS_PER_S  # services publish a little after the slot has begun
_SETTLING_NS = 5 * _MINUTE_NS
_CARRIED_NS = 2 * _HOUR_NS  # so long the last live value is a better guess than an annual average
_HOPELESS_NS = 48 * _HOUR_NS  # what a service has not settled after two days is left as it is


class Outlook(NamedTuple):
    """What a track works for: a zone, since when, the basis asked for, and the callbacks for values, warnings and progress."""

    zone: Zone
    start_ns: int
    basis: Basis | None
    found: Callable[[Iterable[CarbonIntensity]], None]
    warn: Callable[[str, str], None]
    doing: Callable[[str], None]


class Track:
    """One timeline and the services that feed it, the preferred first. Used by one thread; times are Unix nanoseconds."""

    def __init__(self, timeline: Timeline, services: Sequence[Service], outlook: Outlook) -> None:
        self.timeline = timeline
        self._services = services
        self._outlook = outlook
        self._refresh_ns: int | None = 0
        self._settled_ns = outlook.start_ns // _HOUR_NS * _HOUR_NS
        self._settle_ns = self._next_settling_ns(outlook.start_ns)
        self._forecast_ns: int | None = None
        self.horizon_ns = 0

    def step(self, now_ns: int) -> int | None:
        """Do what is due; return when something is next."""
        if _is_due(self._refresh_ns, now_ns):
            self._refresh(now_ns)
        if _is_due(self._settle_ns, now_ns):
            self._settle(now_ns)
        if _is_due(self._forecast_ns, now_ns):
            self._look_ahead(now_ns)
        # The record has it all; here a month of 5-minute values would be gone through every 5 minutes.
        self.timeline.forget_before(now_ns - _HOPELESS_NS)
        dues = [due for due in (self._refresh_ns, self._settle_ns, self._forecast_ns) if due is not None]
        return min(dues, default=None)

    def hasten(self) -> None:
        """Have the past fetched at the next step, due or not."""
        self._settle_ns = 0

    def look_until(self, horizon_ns: int) -> None:
        """Have the future until `horizon_ns` fetched at the next step, and kept up to date."""
        if horizon_ns > self.horizon_ns:
            self.horizon_ns, self._forecast_ns = horizon_ns, 0

    def _refresh(self, now_ns: int) -> None:
        failures: list[tuple[Service, BaseException]] = []
        asked = self._services
        for place, service in enumerate(self._services):
            if not service.may_be_asked(now_ns):
                continue
            better = next((each.name for each in self._services[:place] if each.due_ns is not None), None)
            answer = self._ask(service, partial(service.fetcher.current, self._outlook.zone), now_ns, instead_of=better)
            if isinstance(answer, BaseException):
                failures.append((service, answer))
                continue
            self._schedule(service, answer[-1], now_ns)
            asked = self._services[: place + 1]
            self._fill(service, service.due_ns or now_ns)
            break
        # Those below the one that answered are not needed until it fails.
        self._refresh_ns = min((each.due_ns for each in asked if each.due_ns is not None), default=None)
        if failures:
            until_ns = max(self._refresh_ns or 0, now_ns + _SOONEST_NS)
            # In whole steps: a service that fails every second must not put a value on record each time.
            self._fill(failures[0][0], until_ns + -until_ns % _SOONEST_NS)
        for service, error in failures:
            self._warn(service, error, now_ns)

    def _schedule(self, service: Service, newest: CarbonIntensity, now_ns: int) -> None:
        """Ask again when the next value should be out; until then, and a little longer, carry the newest on."""
        end_ns = now_ns + _HOUR_NS if newest.end is None else unix_ns(newest.end)
        service.due_ns = min(max(end_ns + _LAG_NS, now_ns + _SOONEST_NS), now_ns + _HOUR_NS)
        until_ns = min(service.due_ns + _HOUR_NS, end_ns + _CARRIED_NS)
        if newest.end is not None and max(end_ns, now_ns) < until_ns:
            carried = _fallback(newest, f"the newest that was known, of until {newest.end:%H:%M} UTC")
            self._add([replace(carried, start=newest.end, end=utc(until_ns), estimated=True, settled=False)])

    def _settle(self, now_ns: int) -> None:
        """Fetch the hours past once more, from the first service that knows them."""
        self._settle_ns = self._next_settling_ns(now_ns)
        start, end = utc(self._settled_ns), utc(now_ns)
        for service in self._services:
            fetcher = service.fetcher
            if not isinstance(fetcher, SupportsHistory) or service.is_resting(now_ns) or start >= end:
                continue
            answer = self._ask(service, partial(fetcher.history, self._outlook.zone, start=start, end=end), now_ns, extra=True)
            if isinstance(answer, BaseException):
                self._warn(service, answer, now_ns)
                continue
            ends = [unix_ns(value.end) for value in answer if value.settled and value.end is not None]
            self._settled_ns = max([self._settled_ns, now_ns - _HOPELESS_NS, *ends])
            return

    def _next_settling_ns(self, now_ns: int) -> int | None:
        """Return a little after the next full hour, or None where no service knows the past."""
        if not any(isinstance(service.fetcher, SupportsHistory) for service in self._services):
            return None
        return now_ns // _HOUR_NS * _HOUR_NS + _HOUR_NS + _SETTLING_NS

    def _look_ahead(self, now_ns: int) -> None:
        self._forecast_ns = None
        start, end = utc(now_ns), utc(self.horizon_ns)
        for service in self._services:
            fetcher = service.fetcher
            if not isinstance(fetcher, SupportsForecast) or service.due_ns is None or start >= end:
                continue
            self._forecast_ns = now_ns + _HOUR_NS
            if service.is_resting(now_ns):
                continue
            answer = self._ask(service, partial(fetcher.forecast, self._outlook.zone, start=start, end=end), now_ns, extra=True)
            if not isinstance(answer, BaseException):
                return
            self._warn(service, answer, now_ns)

    def _ask(
        self, service: Service, call: Callable[[], object], now_ns: int, *, instead_of: str | None = None, extra: bool = False
    ) -> Sequence[CarbonIntensity] | BaseException:
        """Ask and take in; return what was taken in, or why nothing was."""

        def take() -> Sequence[CarbonIntensity]:
            values = [self._labelled(value, instead_of) for value in checked(call(), self.timeline.signal)]
            self._add(values)
            return values

        self._outlook.doing(f"asking {service.name}")
        answer = service.ask(take, now_ns, extra=extra)
        self._outlook.doing("waiting")
        return answer

    def _add(self, values: Sequence[CarbonIntensity]) -> None:
        if not values:
            return
        try:
            self.timeline.add(values)
        except ValueError as error:
            raise BadAnswer(str(error)) from None
        self._outlook.found(values)

    def _labelled(self, value: CarbonIntensity, instead_of: str | None) -> CarbonIntensity:
        value = labelled(value, self._outlook.zone, self._outlook.basis)
        return _fallback(value, f"{instead_of} had none") if instead_of else value

    def _fill(self, service: Service, until_ns: int) -> None:
        """Label the average that lies under the gaps which a service leaves."""
        self._add(
            [
                replace(_fallback(value, f"{service.name} had none"), start=utc(start_ns), end=utc(end_ns), estimated=True)
                # The run began a moment before its feed.
                for start_ns, end_ns, value in self.timeline.pieces(self._outlook.start_ns - _MINUTE_NS, until_ns)
                if value is not None and not value.own and value.end is None
            ]
        )

    def _warn(self, service: Service, error: BaseException, now_ns: int) -> None:
        if isinstance(error, Offline):
            return
        used = self.timeline.at(now_ns)
        instead = "no intensity" if used is None else f"{used.grams_per_kwh:g} gCO2eq/kWh ({used.source})"
        self._outlook.warn(
            f"{service.name} {shown(error)}", f"carbon intensity: {service.name}: {shown(error)}; used: {instead}"
        )


def _is_due(due_ns: int | None, now_ns: int) -> bool:
    return due_ns is not None and due_ns <= now_ns


def _fallback(value: CarbonIntensity, why: str) -> CarbonIntensity:
    return replace(value, fallback=True, note=f"{value.note}; {why}" if value.note else why)
