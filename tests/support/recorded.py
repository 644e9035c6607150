"""Sessions that leave a record, with sinks of the test's own; nothing ticks but when a test says so."""

import os

from support.sessions import info, own
from support.simulated import Simulated, device, offer

from carbonsdk.clock import utc
from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.plan import Plan, SinkPlan
from carbonsdk.engine.session import Session
from carbonsdk.model import Zone
from carbonsdk.runs import journal_path
from carbonsdk.testing.clock import FakeClock
from carbonsdk.testing.profile import Profile

GRAMS_PER_KWH = 360.0


class Sessions:
    """Makes sessions in a directory, on a clock that they share, and ends them all."""

    def __init__(self, place):
        self.place = place
        self.clock = FakeClock()
        self.made = []

    def make(self, *offers, sinks=(), clock=None, watts=None, who=None, **plan):
        """Start a session with these offers, or with one device that draws `watts`; `who` it is, where that matters."""
        clock = clock or self.clock
        if watts is not None:
            offers = (offer("rapl", Simulated(clock, {device(): Profile.constant(watts)})), *offers)
        run = info(**{"pid": os.getpid(), "start": utc(clock.wall_ns(clock.monotonic_ns())), **(who or {})})
        plan = {
            "backends": tuple(offers),
            "sinks": tuple(SinkPlan(name=name, make=make) for name, make in dict(sinks).items()),
            "intensity": FeedPlan(zone=Zone(key="DE"), own=(own(GRAMS_PER_KWH),)),
            "record": journal_path(run, self.place / "state"),
            **plan,
        }
        session = Session(Plan(info=run, **plan), clock, ticking=False)
        self.made.append(session)
        session.start()
        session.hardware.await_all(5)
        return session

    def tick(self, session, seconds=1.0):
        """Let time pass, and have everything done that is due."""
        session.tick(self.clock.advance(seconds))

    def end(self):
        """Stop them all."""
        for each in self.made:
            each.stop()
