"""Carbon intensity while a run goes on: found off the caller's thread, kept up to date, never in the way."""

import threading
from collections.abc import Callable, Iterable, Sequence

from carbonsdk import units
from carbonsdk.clock import Clock
from carbonsdk.engine.feed.own import AHEAD_NS, OwnFigures
from carbonsdk.engine.feed.plan import FeedPlan
from carbonsdk.engine.feed.service import LONGEST_WAIT_S, Candidate, Service, serving, told
from carbonsdk.engine.feed.track import Outlook, Track
from carbonsdk.engine.guard import Guard
from carbonsdk.errors import Offline
from carbonsdk.footprint import Timeline
from carbonsdk.model import CarbonIntensity, Signal, Zone

__all__ = ["Candidate", "FeedPlan", "IntensityFeed"]

NOWHERE = Zone(key="WORLD", found_by="nobody")
GRACE_S = 0.5  # the training starts first: importing an HTTP client beside it would slow it down
BEGINNING_S = 0.2  # what it takes to begin
_ASTRAY_S = 300.0  # between two tries of a round that itself went wrong
_MOST_WARNINGS = 200  # an error's text may differ each time


class IntensityFeed:
    """A timeline that fills itself.

    `start` takes in the user's figures of the next days and the table's average (where the zone is not known yet, that of a
    guess from files, else the world's) in the caller's thread, a few file reads at most; the rest happens in a daemon thread.
    `on_found` hears of every value that comes in, `on_warning` of every trouble once; both may be called in either thread.
    Nothing here raises.
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
        self.stuck: str | None = None
        self._plan = plan
        self._clock = clock
        self._on_found = on_found
        self._on_warning = on_warning
        self._warned: set[str] = set()
        self._own = OwnFigures(plan.own)
        self._fetchers = tuple(plan.fetchers)
        self._incoming: list[Candidate] = []
        self._services: dict[str, Service | None] = {}
        self._tracks: tuple[Track, ...] | None = None
        self._horizon_ns = 0
        self._start_ns = self._now_ns()
        self._doing = "waiting"
        self._rounds = 0
        self._in_round = False
        self._begun = False
        self._hasty = False
        self._started = False
        self._stopping = False
        self._lock = threading.RLock()  # taken by itself, as what a signal's handler raises can break off a condition's `with`
        self._wake = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, and have a thread look for what `begin` leaves open."""
        looking = self.begin()
        with self._lock:
            self._started = True
            if looking or self._incoming:
                self._launch()

    def prefer(self, candidate: Candidate) -> None:
        """Ask this fetcher before all others from now on, in place of one of its name; a figure of the user's own stands.

        May be called from any thread, and blocks for nothing.
        """
        if self._given_for_good:
            return
        with self._lock:
            self._incoming.append(candidate)
            if self._started and self._thread is None and not self._stopping:
                self._launch()
            self._wake.notify_all()

    def begin(self) -> bool:
        """Take in what needs no network; return whether there is anything else to look for."""
        self._start_ns = self._now_ns()
        # Until the locators that take longer have answered, which a short run does not see, a guess is better than the world.
        self._take_base(self.zone or self._told_by(each for each in self._plan.locators if each.inline) or NOWHERE)
        self._take_own()
        if self._plan.own and self._own.last_end_ns <= self._start_ns:
            self._warn("own", "the values given as intensity are all of the past: the grid's figures are used instead")
        if self._given_for_good:
            return False
        if self.zone is None or not all(candidate.inline for candidate in self._fetchers):
            return True
        self._say_if_unknown(self.zone)
        return self._own.due_ns is not None

    def step(self) -> float | None:
        """Do one round of what is due now; return the seconds until the next, None if nothing will be.

        The thread calls this; who has begun without a thread may.
        """
        self._admit()
        self._take_own()
        if self._tracks is None:
            if self.zone is None:
                self.zone = self._located()
                if self.zone is not NOWHERE:
                    self._take_base(self.zone)
            self._tracks = self._tracked(self.zone)
        hasty, self._hasty = self._hasty, False
        for track in self._tracks:
            if hasty:
                track.hasten()
            track.look_until(self._horizon_ns)
        dues = [track.step(self._now_ns()) for track in self._tracks if not self._stopping]
        known = [due for due in (*dues, self._own.due_ns) if due is not None]
        return max(0.0, units.seconds(min(known) - self._now_ns())) if known else None

    def forecast_until(self, unix_ns: int) -> None:
        """Have the future fetched until then, as far as a service forecasts it, and kept up to date."""
        self._horizon_ns = max(self._horizon_ns, unix_ns)
        self._nudge()

    def settle(self, deadline_s: float) -> bool:
        """Fetch the hours past once more; wait `deadline_s` at most, and return whether it was done by then."""
        if self._thread is None or not self._thread.is_alive():
            return self._thread is None
        with self._lock:
            if not self._begun and deadline_s < BEGINNING_S:
                return False  # too short a run to begin asking: importing an HTTP client alone would take that long
            # A round that is under way may be past the settling already, so the one after it counts.
            enough = self._rounds + (2 if self._in_round else 1)
            self._hasty = True
            self._wake.notify_all()
            return self._wake.wait_for(lambda: self._rounds >= enough, deadline_s)

    def stop(self, deadline_s: float = 0.2) -> None:
        """End the thread, and the request it may be in; wait `deadline_s` at most, and say in `stuck` what it hangs in."""
        with self._lock:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is None:
            return
        if self._plan.cut is not None:
            self._plan.cut()
        self._thread.join(deadline_s)
        if self._thread.is_alive():
            self.stuck = f"the thread {self._thread.name}, {self._doing}"

    @property
    def _given_for_good(self) -> bool:
        return any(value.start is None and value.end is None for value in self._plan.own)

    def _launch(self) -> None:
        self._thread = threading.Thread(target=self._run, name="carbonsdk-intensity", daemon=True)
        self._thread.start()

    def _admit(self) -> None:
        """Take in the fetchers that came during the run; the tracks are laid anew, so that they see to the hours past too."""
        with self._lock:
            incoming, self._incoming = self._incoming, []
        for candidate in incoming:
            self._fetchers = (candidate, *(each for each in self._fetchers if each.name != candidate.name))
            self._services.pop(candidate.name, None)
            self._tracks = None

    def _run(self) -> None:
        with self._lock:
            self._wake.wait_for(lambda: self._stopping or self._hasty, GRACE_S)
            self._begun = True
        while not self._stopping:
            with self._lock:
                self._in_round = True
            wait_s: float | None = _ASTRAY_S
            with Guard("intensity feed", lambda what, error: self._warn(what, f"{what}: {told(error)}")):
                due_s = self.step()
                # A wait stands still while a laptop sleeps, and the time that it is for does not.
                wait_s = None if due_s is None else min(due_s, LONGEST_WAIT_S)
            with self._lock:
                self._rounds += 1
                self._in_round = False
                self._wake.notify_all()
                self._wake.wait_for(lambda: self._stopping or self._hasty or self._incoming or self._nudged(), wait_s)

    def _nudge(self) -> None:
        with self._lock:
            self._wake.notify_all()

    def _nudged(self) -> bool:
        return any(track.horizon_ns < self._horizon_ns for track in self._tracks or ())

    def _now_ns(self) -> int:
        return self._clock.wall_ns(self._clock.monotonic_ns())

    def _located(self) -> Zone:
        """Return the zone that the first locator to know one names, or nowhere."""
        zone = self._told_by(self._plan.locators)
        self._doing = "waiting"
        if zone is not None:
            return zone
        self._warn("nowhere", "where this machine stands is not known: name it, as zone='DK-DK1' or --zone DK-DK1")
        return NOWHERE

    def _told_by(self, locators: Iterable[Candidate]) -> Zone | None:
        for candidate in locators:
            if self._stopping:
                break
            self._doing = f"locating by {candidate.name}"
            with Guard(f"locator {candidate.name}", self._on_fault):
                zone = candidate.make("locate").locate()
                if isinstance(zone, Zone):
                    return zone
        return None

    def _tracked(self, zone: Zone) -> tuple[Track, ...]:
        services: list[Service] = []
        for candidate in self._fetchers:
            if candidate.inline or self._stopping:
                continue
            if candidate.name not in self._services:
                self._doing = f"opening {candidate.name}"
                self._services[candidate.name] = None
                with Guard(candidate.name, self._on_fault):
                    self._services[candidate.name] = serving(candidate, zone)
            service = self._services[candidate.name]
            services += [] if service is None else [service]
        self._doing = "waiting"
        marginal = [service for service in services if service.signal is Signal.MARGINAL]
        if len(marginal) == len(services) and not self._stopping:
            self._say_if_unknown(zone)
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
            warn=self._warn,
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

    def _say_if_unknown(self, zone: Zone) -> None:
        """Warn where only the world's average is left for a zone that has a name: it may be misspelt."""
        used = self.timeline.at(self._now_ns())
        if used is not None and not used.own and used.zone == NOWHERE.key != zone.label:
            hint = (used.note or "").rpartition("; ")[2]
            how = hint if hint.startswith("did you mean") else "zones are named like DE or DK-DK1"
            told = f"{used.grams_per_kwh:g} gCO2eq/kWh of the world are used"
            self._warn("unknown zone", f"no figures are known for the zone {zone.label!r} ({how}): {told}")

    def _take(self, values: Iterable[CarbonIntensity], zone: Zone | None = None) -> None:
        taken = tuple(values)
        self.timeline.add(taken)
        if taken:
            self._on_found(zone or self.zone or NOWHERE, taken)

    def _take_own(self) -> None:
        self._take(self._own.take(self._start_ns, max(self._now_ns() + AHEAD_NS, self._horizon_ns)))

    def _now_doing(self, what: str) -> None:
        self._doing = what

    def _on_fault(self, what: str, error: BaseException) -> None:
        if not isinstance(error, Offline):
            self._warn(f"{what} {told(error)}", f"carbon intensity: {what}: {told(error)}")

    def _warn(self, key: str, text: str) -> None:
        # What the end of the feed breaks off is no trouble worth telling.
        if key not in self._warned and len(self._warned) < _MOST_WARNINGS and not self._stopping:
            self._warned.add(key)
            self._on_warning(text)
