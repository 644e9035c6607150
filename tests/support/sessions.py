"""Sessions on a fake clock: started without their sampler's help, and ticked by hand."""

from datetime import UTC, datetime
from itertools import count

from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.plan import Plan
from carbonsdk.engine.session import Session
from carbonsdk.events import RunInfo
from carbonsdk.model import CarbonIntensity, Zone
from carbonsdk.testing.clock import FakeClock

_numbers = count()


def info(**more):
    base = {
        "run_id": f"run-{next(_numbers)}",
        "name": None,
        "host": "here",
        "rank": 0,
        "world_size": 1,
        "pid": 1,
        "start": datetime(2026, 1, 5, 12, tzinfo=UTC),
        "command": "train.py",
        "version": "0",
        "epochs_planned": None,
    }
    return RunInfo(**{**base, **more})


def own(grams, start=None, end=None):
    return CarbonIntensity(grams_per_kwh=grams, zone="own", source="by hand", start=start, end=end, own=True)


class Run:
    """A session, its clock and its backends; `pass_time` moves the clock in steps, ticks, and lets drivers answer."""

    def __init__(self, *backends, intensities=None, record=None, interval_s=1.0, clock=None, **plan):
        from support.simulated import offer

        self.clock = clock or FakeClock()
        self.interval_s = interval_s
        offers = tuple(
            each if hasattr(each, "make") else offer(f"backend-{number}", each, named=True)
            for number, each in enumerate(backend(self.clock) if callable(backend) else backend for backend in backends)
        )
        feed = FeedPlan(zone=Zone(key="DE"), own=(own(100.0),) if intensities is None else tuple(intensities))
        self.session = Session(
            Plan(info=info(), backends=offers, intensity=feed, record=record, interval_s=interval_s, **plan), self.clock
        )
        self.session.start()
        self.session.hardware.await_named()

    def pass_time(self, seconds):
        left = seconds
        while left > 1e-9:
            step = min(left, self.interval_s)
            now_ns = self.clock.advance(step)
            self.session.tick(now_ns)
            for channel in self.session.hardware.channels:
                if channel.state == "ready":
                    channel.wait(now_ns, 5)
            left -= step

    def epoch(self, name=""):
        return self.session.epoch(name, None)

    def span(self, name):
        return self.session.span(name, None)
