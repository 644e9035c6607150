"""What a feed does, round by round: find the zone, lay an average under everything, ask the services."""

from collections.abc import Callable, Iterable, Sequence

from carbonsdk import units
from carbonsdk.clock import Clock
from carbonsdk.engine.feed.own import AHEAD_NS, OwnFigures
from carbonsdk.engine.feed.plan import FeedPlan
from carbonsdk.engine.feed.service import Candidate, Service, serving, shown, unserved
from carbonsdk.engine.feed.track import Outlook, Track
from carbonsdk.engine.guard import Guard
from carbonsdk.errors import Offline
from carbonsdk.footprint import Timeline
from carbonsdk.model import CarbonIntensity, Signal, Zone

NOWHERE = Zone(key="WORLD", found_by="nobody")
_MOST_WARNINGS = 200  # an error's text may differ each time


class Updater:
    """Keeps a timeline of average intensities up to date, and one of marginal ones where a service has them.

    Used by one thread at a time; `stopping` and `horizon_ns` may be set by any. What a locator or a fetcher raises goes no
    further than a warning. Times are Unix nanoseconds.
    """

    def __init__(
        self,
        plan: FeedPlan,
        *,
        clock: Clock,
        on_found: Callable[[Zone, tuple[CarbonIntensity, ...]], None],
        on_warning: Callable[[str], None],
    ) -> None:
        self.timeline = Timeline()
        self.marginal: Timeline | None = None
        self.zone = plan.zone
        self.doing = "waiting"
        self.stopping = False
        self.horizon_ns = 0
        self._plan = plan
        self._clock = clock
        self._on_found = on_found
        self._on_warning = on_warning
        self._warned: set[str] = set()
        self._own = OwnFigures(plan.own)
        self._fetchers = tuple(plan.fetchers)
        self._services: dict[str, Service | None] = {}
        self._tracks: tuple[Track, ...] | None = None
        self._start_ns = self._now_ns()

    @property
    def has_constant(self) -> bool:
        """Return whether one of the user's own figures holds at all times, so that nobody has to be asked."""
        return any(value.start is None and value.end is None for value in self._plan.own)

    @property
    def lags(self) -> bool:
        """Return whether the horizon has moved since the last round."""
        return any(track.horizon_ns < self.horizon_ns for track in self._tracks or ())

    def begin(self) -> bool:
        """Take in what needs no network; return whether there is anything else to look for."""
        self._start_ns = self._now_ns()
        # Until the locators that take longer have answered, which a short run does not see, a guess is better than the world.
        self._take_base(self.zone or self._told_by(each for each in self._plan.locators if each.inline) or NOWHERE)
        self._take_own()
        if self._plan.own and self._own.last_end_ns <= self._start_ns:
            self.warn("own", "the values given as intensity are all of the past: the grid's figures are used instead")
        if self.has_constant:
            return False
        if self.zone is None or not all(candidate.inline for candidate in self._fetchers):
            return True
        self._warn_if_unknown(self.zone)
        return self._own.due_ns is not None

    def prefer(self, candidate: Candidate) -> None:
        """Ask this fetcher before all others from now on, in place of one of its name, about the hours past too."""
        self._fetchers = (candidate, *(each for each in self._fetchers if each.name != candidate.name))
        self._services.pop(candidate.name, None)
        self._tracks = None  # new ones see to the hours past

    def step(self, *, hasty: bool) -> float | None:
        """Do what is due now, and with `hasty` the hours past, due or not; return the seconds until more is, None for never."""
        self._take_own()
        if self._tracks is None:
            if self.zone is None:
                self.zone = self._located()
                if self.zone is not NOWHERE:
                    self._take_base(self.zone)
            self._tracks = self._tracked(self.zone)
        for track in self._tracks:
            if hasty:
                track.hasten()
            track.look_until(self.horizon_ns)
        dues = [track.step(self._now_ns()) for track in self._tracks if not self.stopping]
        known = [due for due in (*dues, self._own.due_ns) if due is not None]
        return max(0.0, units.seconds(min(known) - self._now_ns())) if known else None

    def warn(self, key: str, text: str) -> None:
        """Give a warning, unless one of this key was given before."""
        # What the end of the feed breaks off is no trouble worth telling.
        if key not in self._warned and len(self._warned) < _MOST_WARNINGS and not self.stopping:
            self._warned.add(key)
            self._on_warning(text)

    def _now_ns(self) -> int:
        return self._clock.wall_ns(self._clock.monotonic_ns())

    def _located(self) -> Zone:
        """Return the zone that the first locator to know one names, or nowhere."""
        zone = self._told_by(self._plan.locators)
        self.doing = "waiting"
        if zone is not None:
            return zone
        self.warn("nowhere", "where this machine stands is not known: name it, as zone='DK-DK1' or --zone DK-DK1")
        return NOWHERE

    def _told_by(self, locators: Iterable[Candidate]) -> Zone | None:
        for candidate in locators:
            if self.stopping:
                break
            self.doing = f"locating by {candidate.name}"
            with Guard(f"locator {candidate.name}", self._on_fault):
                zone = candidate.make("locate").locate()
                if isinstance(zone, Zone):
                    return zone
        return None

    def _tracked(self, zone: Zone) -> tuple[Track, ...]:
        services: list[Service] = []
        for candidate in self._fetchers:
            if candidate.inline or self.stopping:
                continue
            if candidate.name not in self._services:
                self.doing = f"opening {candidate.name}"
                self._services[candidate.name] = None
                with Guard(candidate.name, self._on_fault):
                    self._services[candidate.name] = serving(candidate, zone)
            service = self._services[candidate.name]
            services += [] if service is None else [service]
        self.doing = "waiting"
        marginal = [service for service in services if service.signal is Signal.MARGINAL]
        if len(marginal) == len(services) and not self.stopping:
            self._warn_if_unknown(zone)
        if not services and self._fetchers and self.timeline.at(self._now_ns()) is None:
            self.warn("unserved", unserved(self._fetchers, zone))
        tracks = [self._track(self.timeline, [service for service in services if service not in marginal], zone)]
        if marginal:
            self.marginal = self.marginal or Timeline(signal=Signal.MARGINAL)
            tracks.append(self._track(self.marginal, marginal, zone))
        return tuple(tracks)

    def _track(self, timeline: Timeline, services: Sequence[Service], zone: Zone) -> Track:
        outlook = Outlook(
            zone=zone,
            start_ns=self._start_ns,
            basis=self._plan.basis,
            found=lambda values: self._on_found(zone, tuple(values)),
            warn=self.warn,
            doing=self._now_doing,
        )
        return Track(timeline, services, outlook)

    def _take_base(self, zone: Zone) -> None:
        """Take in the average from the first table that has one."""
        for candidate in self._fetchers:
            if candidate.inline:
                with Guard(candidate.name, self._on_fault):
                    fetcher = candidate.make("current")
                    if fetcher.covers(zone):
                        self._take([fetcher.current(zone)], zone)
                        return

    def _warn_if_unknown(self, zone: Zone) -> None:
        """Warn where only the world's average is left for a zone that has a name: it may be misspelt."""
        used = self.timeline.at(self._now_ns())
        if used is not None and not used.own and used.zone == NOWHERE.key != zone.label:
            hints = [part for part in (used.note or "").split("; ") if part.startswith(("did you mean", "it takes"))]
            how = hints[0] if hints else "zones are named like DE or DK-DK1"
            told = f"{used.grams_per_kwh:g} gCO2eq/kWh of the world are used"
            self.warn("unknown zone", f"no figures are known for the zone {zone.label!r} ({how}): {told}")

    def _take(self, values: Iterable[CarbonIntensity], zone: Zone | None = None) -> None:
        taken = tuple(values)
        self.timeline.add(taken)
        if taken:
            self._on_found(zone or self.zone or NOWHERE, taken)

    def _take_own(self) -> None:
        self._take(self._own.take(self._start_ns, max(self._now_ns() + AHEAD_NS, self.horizon_ns)))

    def _now_doing(self, what: str) -> None:
        self.doing = what

    def _on_fault(self, what: str, error: BaseException) -> None:
        if not isinstance(error, Offline):
            self.warn(f"{what} {shown(error)}", f"carbon intensity: {what}: {shown(error)}")
