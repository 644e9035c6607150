"""The thread that keeps carbon intensities up to date during a run."""

import threading
from collections.abc import Callable

from carbonsdk.clock import Clock
from carbonsdk.engine.feed.plan import FeedPlan
from carbonsdk.engine.feed.service import LONGEST_WAIT_S, Candidate, shown
from carbonsdk.engine.feed.updater import Updater
from carbonsdk.engine.guard import Guard
from carbonsdk.footprint import Timeline
from carbonsdk.model import CarbonIntensity, Zone

GRACE_S = 0.5  # the training starts first: importing an HTTP client beside it would slow it down
BEGINNING_S = 0.2  # what it takes to begin
_ASTRAY_S = 300.0  # between two tries of a round that itself went wrong


class IntensityFeed:
    """A timeline of carbon intensities that a thread keeps up to date.

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
        self.stuck: str | None = None
        self._cut = plan.cut
        self._updater = Updater(plan, clock=clock, on_found=on_found, on_warning=on_warning)
        self.timeline = self._updater.timeline
        self._incoming: list[Candidate] = []
        self._rounds = 0
        self._in_round = False
        self._begun = False
        self._hasty = False
        self._started = False
        self._lock = threading.RLock()  # taken by itself, as what a signal's handler raises can break off a condition's `with`
        self._wake = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    @property
    def zone(self) -> Zone | None:
        """Return where the machine stands, or None while that is looked for."""
        return self._updater.zone

    @property
    def marginal(self) -> Timeline | None:
        """Return the timeline of marginal intensities, or None while no service has any."""
        return self._updater.marginal

    def start(self) -> None:
        """Begin, and have a thread look for what `begin` leaves open."""
        looking = self.begin()
        with self._lock:
            self._started = True
            if looking or self._incoming:
                self._launch()

    def begin(self) -> bool:
        """Take in what needs no network; return whether there is anything else to look for."""
        return self._updater.begin()

    def prefer(self, candidate: Candidate) -> None:
        """Ask this fetcher before all others from now on, in place of one of its name; a figure of the user's own stands.

        May be called from any thread, and blocks for nothing.
        """
        if self._updater.has_constant:
            return
        with self._lock:
            self._incoming.append(candidate)
            if self._started and self._thread is None and not self._updater.stopping:
                self._launch()
            self._wake.notify_all()

    def step(self) -> float | None:
        """Do one round of what is due now; return the seconds until the next, None if nothing will be.

        The thread calls this; who has begun without a thread may.
        """
        with self._lock:
            self._in_round = True
            incoming, self._incoming = self._incoming, []
            hasty, self._hasty = self._hasty, False
        try:
            for candidate in incoming:
                self._updater.prefer(candidate)
            return self._updater.step(hasty=hasty)
        finally:
            with self._lock:
                self._rounds += 1
                self._in_round = False
                self._wake.notify_all()

    def forecast_until(self, unix_ns: int) -> None:
        """Have the future fetched until then, as far as a service forecasts it, and kept up to date."""
        with self._lock:
            self._updater.horizon_ns = max(self._updater.horizon_ns, unix_ns)
            self._wake.notify_all()

    def settle(self, deadline_s: float) -> bool:
        """Fetch the hours past once more; wait `deadline_s` at most, and return whether it was done by then."""
        if self._thread is None or not self._thread.is_alive():
            return self._thread is None
        with self._lock:
            if not self._begun and deadline_s < BEGINNING_S:
                return False  # too short a run to begin asking: importing an HTTP client alone would take that long
            # A round that is under way began without knowing of this, so the one after it counts.
            enough = self._rounds + (2 if self._in_round else 1)
            self._hasty = True
            self._wake.notify_all()
            return self._wake.wait_for(lambda: self._rounds >= enough, deadline_s)

    def stop(self, deadline_s: float = 0.2) -> None:
        """End the thread, and the request it may be in; wait `deadline_s` at most, and say in `stuck` what it hangs in."""
        with self._lock:
            self._updater.stopping = True
            self._wake.notify_all()
        if self._thread is None:
            return
        if self._cut is not None:
            self._cut()
        self._thread.join(deadline_s)
        if self._thread.is_alive():
            self.stuck = f"the thread {self._thread.name}, {self._updater.doing}"

    def _launch(self) -> None:
        self._thread = threading.Thread(target=self._run, name="carbonsdk-intensity", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        updater = self._updater
        with self._lock:
            self._wake.wait_for(lambda: updater.stopping or self._hasty, GRACE_S)
            self._begun = True
        while not updater.stopping:
            wait_s: float | None = _ASTRAY_S
            with Guard("intensity feed", lambda what, error: updater.warn(what, f"{what}: {shown(error)}")):
                due_s = self.step()
                # A wait stands still while a laptop sleeps, and the time that it is for does not.
                wait_s = None if due_s is None else min(due_s, LONGEST_WAIT_S)
            with self._lock:
                self._wake.wait_for(lambda: updater.stopping or self._hasty or self._incoming or updater.lags, wait_s)
