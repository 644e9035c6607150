"""Two hundred threads with a span each millisecond: none is lost, and the work hardly slows.

    python benchmarks/overload.py [--seconds 10] [--threads 200] [--json]

The threads share the interpreter; each item of work is a millisecond of pure Python. Rounds with and without spans alternate,
so that what else the machine does falls on both alike; the slowdown is that of the processor time an item takes. Goals:
every span counted, at most 2 % slower.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import carbonsdk as ct

GOAL = 0.02
ROUND_S = 1.0


@dataclass(slots=True)
class Outcome:
    """What came of it: items of work, spans counted, and the median slowdown of pairs of rounds."""

    items: int
    spans: int
    slowdown: float
    spread: float
    items_per_s: float

    @property
    def passed(self) -> bool:
        """Return whether both goals are met."""
        return self.items == self.spans and self.slowdown <= GOAL


def calibrated() -> int:
    """Return how many turns of the loop take a millisecond here."""
    turns = 10_000
    best = min(timed(turns) for _ in range(20))
    return round(turns * 0.001 / best)


def timed(turns: int) -> float:
    """Return the seconds that so many turns take."""
    begun = time.perf_counter()
    work(turns)
    return time.perf_counter() - begun


def work(turns: int) -> int:
    """Keep the interpreter busy."""
    total = 0
    for number in range(turns):
        total += number & 3
    return total


def one_round(tracker: ct.CarbonTracker | None, *, threads: int, turns: int) -> tuple[int, float]:
    """Return how many items all threads did in a round, and the processor time that each took."""
    until = time.monotonic() + ROUND_S
    done = [0] * threads
    together = threading.Barrier(threads + 1)

    def train(number: int) -> None:
        together.wait()
        while time.monotonic() < until:
            with nullcontext() if tracker is None else tracker.span("step"):
                work(turns)
            done[number] += 1

    running = [threading.Thread(target=train, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    begun = time.process_time()
    until = time.monotonic() + ROUND_S
    together.wait()
    for thread in running:
        thread.join()
    items = sum(done)
    return items, (time.process_time() - begun) / items


def overload(seconds: float, threads: int) -> Outcome:
    """Run rounds in pairs, so many seconds each way."""
    turns = calibrated()
    settings = {"backends": {"replay": {"watts": {"cpu": 100, "gpu": 300}}}, "zone": "DE", "offline": True, "verbose": 0}
    slowdowns, items, spans = [], 0, 0
    with tempfile.TemporaryDirectory(prefix="overload-") as place:
        for number in range(max(1, round(seconds / ROUND_S))):
            cost = {}
            for tracked in (False, True) if number % 2 else (True, False):
                if not tracked:
                    _, cost[tracked] = one_round(None, threads=threads, turns=turns)
                    continue
                tracker = ct.CarbonTracker(**settings, state_dir=place)
                tracker.await_devices()
                done, cost[tracked] = one_round(tracker, threads=threads, turns=turns)
                items += done
                spans += sum(span.count for span in tracker.stop().spans)
            slowdowns.append(cost[True] / cost[False] - 1)
    return Outcome(
        items=items,
        spans=spans,
        slowdown=statistics.median(slowdowns),
        spread=statistics.pstdev(slowdowns),
        items_per_s=items / (len(slowdowns) * ROUND_S),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    outcome = overload(given.seconds, given.threads)
    if given.json:
        print(json.dumps({**asdict(outcome), "passed": outcome.passed}))
        return 0 if outcome.passed else 1
    print(f"{outcome.items} items of work in {given.threads} threads, {outcome.items_per_s:.0f} a second")
    print(f"spans     {outcome.spans} counted, {outcome.items - outcome.spans} lost (goal: none)")
    print(f"slowdown  {outcome.slowdown:+.1%}, rounds spread by {outcome.spread:.1%} (goal: at most {GOAL:.0%})")
    print("passed" if outcome.passed else "FAILED")
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    sys.exit(main())
