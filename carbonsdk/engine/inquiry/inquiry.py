"""Asking for carbon intensities without a run: for commands, for the past, and for the best time to start."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from carbonsdk.clock import Clock, utc
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.feed.service import Service, checked, labelled, serving, shown, unserved
from carbonsdk.engine.guard import Guard
from carbonsdk.errors import ZoneUnknown
from carbonsdk.footprint import Timeline
from carbonsdk.interfaces import SupportsForecast, SupportsHistory
from carbonsdk.model import CarbonIntensity, Signal, Zone


class Inquiry:
    """Asks the services of a plan, the preferred first, until one answers. Each question blocks for its deadlines.

    `complaints` are what went wrong on the way, in words for people, each once. Nothing raises but for a zone that nobody
    finds.
    """

    def __init__(self, plan: FeedPlan, *, clock: Clock) -> None:
        self.complaints: list[str] = []
        self.own = tuple(plan.own)
        self._clock = clock
        self._basis = plan.basis
        self._tables = [candidate for candidate in plan.fetchers if candidate.inline]
        self.zone = plan.zone or self._located(plan.locators)
        self._services = list(self._serving(candidate for candidate in plan.fetchers if not candidate.inline))
        if not (self._services or self._tables or self.own) and plan.fetchers:
            self.complaints.append(unserved(plan.fetchers, self.zone))

    @property
    def now(self) -> datetime:
        """Return the clock's instant."""
        return utc(self._clock.wall_ns(self._clock.monotonic_ns()))

    def average(self) -> CarbonIntensity | None:
        """Return the lasting average that a table has of the zone, or None; needs no network."""
        for candidate in self._tables:
            service = self._made(candidate)
            found = () if service is None else self._ask(service, partial(service.fetcher.current, self.zone))
            if found:
                return found[0]
        return None

    def current(self, signal: Signal = Signal.AVERAGE) -> CarbonIntensity | None:
        """Return what the first service to answer says of now, or None."""
        for service in self._of(signal):
            found = self._ask(service, partial(service.fetcher.current, self.zone))
            if found:
                return found[-1]
        return None

    def history(self, start: datetime, end: datetime, signal: Signal = Signal.AVERAGE) -> Sequence[CarbonIntensity]:
        """Return what the first service that knows anything of [start, end) says of it."""
        for service in self._of(signal):
            fetcher = service.fetcher
            if isinstance(fetcher, SupportsHistory) and start < end:
                found = self._ask(service, partial(fetcher.history, self.zone, start=start, end=end))
                if found:
                    return found
        return ()

    def forecast(self, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return what the first service that forecasts anything of [start, end) says of it."""
        for service in self._of(Signal.AVERAGE):
            fetcher = service.fetcher
            if isinstance(fetcher, SupportsForecast) and start < end:
                found = self._ask(service, partial(fetcher.forecast, self.zone, start=start, end=end))
                if found:
                    return found
        return ()

    def past(self, start: datetime, end: datetime) -> tuple[CarbonIntensity, ...]:
        """Return all that can be had of the past: the table's averages for the gaps, and what services know of each signal."""
        marginal = self.history(start, end, Signal.MARGINAL)
        own = [each for each in self.own if not (each.end and each.end <= start) and not (each.start and each.start >= end)]
        return (*self._averages(start, end), *self.history(start, end), *marginal, *own)

    def _averages(self, start: datetime, end: datetime) -> Sequence[CarbonIntensity]:
        """Return the averages of the years from the first table that has them by year, else the lasting one."""
        for candidate in self._tables:
            service = self._made(candidate)
            if service is not None and isinstance(service.fetcher, SupportsHistory):
                found = self._ask(service, partial(service.fetcher.history, self.zone, start=start, end=end))
                if found:
                    return found
        average = self.average()
        return [average] if average else []

    def known(self, *values: CarbonIntensity | None) -> Timeline:
        """Return a timeline of the values that are not None, and of the user's own."""
        return Timeline([value for value in (*values, *self.own) if value is not None])

    def _of(self, signal: Signal) -> Iterable[Service]:
        return (service for service in self._services if service.signal is signal)

    def _serving(self, candidates: Iterable[Candidate]) -> Iterable[Service]:
        for candidate in candidates:
            service = self._made(candidate)
            if service is not None:
                yield service

    def _made(self, candidate: Candidate) -> Service | None:
        with Guard(candidate.name, self._complain):
            return serving(candidate, self.zone)
        return None

    def _ask(self, service: Service, call: Callable[[], object]) -> list[CarbonIntensity]:
        answer = service.ask(lambda: checked(call(), service.signal), 0)
        if isinstance(answer, BaseException):
            self._complain(service.name, answer)
            return []
        return [labelled(value, self.zone, self._basis) for value in answer]

    def _located(self, locators: Iterable[Candidate]) -> Zone:
        for candidate in locators:
            with Guard(f"locator {candidate.name}", self._complain):
                zone = candidate.make("locate").locate()
                if isinstance(zone, Zone):
                    return zone
        raise ZoneUnknown("where this machine stands is not known: name the zone, for example DK-DK1")

    def _complain(self, what: str, error: BaseException) -> None:
        text = f"{what}: {shown(error)}"
        if text not in self.complaints:
            self.complaints.append(text)
