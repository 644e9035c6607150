"""Two hundred threads with a span each millisecond: none is lost, and the work hardly slows.

    python benchmarks/overload.py [--seconds 60] [--threads 200] [--json]

The threads share the interpreter; each item of work is a millisecond of pure Python. Of four turns of 0.1 s each they work
through three with spans and through one without: a shared machine's speed changes by more than a span costs, and so it falls
on both alike. Compared is the processor time of an item, all that of the tracker's own threads put on the items with spans.
The items without spans, dealt out in two halves, tell how much of a difference means nothing. Goals: every span counted, at
most 2 % slower.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

import carbonsdk as ct

GOAL = 0.02
TURN_NS = 100_000_000
TURNS = 4  # the first of them without spans
SETTINGS: dict[str, Any] = {
    "backends": {"replay": {"watts": {"cpu": 100, "gpu": 300}}},
    "zone": "DE",
    "offline": True,
    "verbose": 0,
}


@dataclass(slots=True)
class Outcome:
    """What came of it: items with spans, spans counted, and how much slower such an item is.

    `share_of_threads` is the part of `slowdown` that the tracker's threads are; `resolution` is by how much the two halves of
    the items without spans differ.
    """

    items: int
    spans: int
    slowdown: float
    share_of_threads: float
    resolution: float
    items_per_s: float

    @property
    def passed(self) -> bool:
        """Return whether both goals are met."""
        return self.items == self.spans and self.slowdown <= GOAL


def work(rounds: int) -> str:
    """Count, multiply rows, sort and join, as interpreted programs do."""
    counts: dict[str, int] = {}
    rows = [[(3 * row + column) % 7 for column in range(8)] for row in range(8)]
    text = ""
    for number in range(rounds):
        key = f"k{number % 23}"
        counts[key] = counts.get(key, 0) + number
        product = sum([left * right for left, right in zip(rows[number % 8], rows[(number + 1) % 8], strict=True)])
        rows[number % 8][number % 5] = product % 7
        text = ",".join(sorted(counts))
    return text


def calibrated() -> int:
    """Return how many rounds of work take a millisecond here."""
    rounds = 100
    best = min(timed(rounds) for _ in range(50))
    return max(1, round(rounds * 0.001 / best))


def timed(rounds: int) -> float:
    """Return the seconds that so many rounds take."""
    begun = time.perf_counter()
    work(rounds)
    return time.perf_counter() - begun


class Worker(threading.Thread):
    """Does one item after the other until an instant, those of three turns in four in spans."""

    def __init__(self, tracker: ct.CarbonTracker, rounds: int, until_ns: int) -> None:
        super().__init__()
        self._tracker, self._rounds, self._until_ns = tracker, rounds, until_ns
        self.plain_ns: list[int] = []
        self.tracked_ns: list[int] = []
        self.all_ns = 0

    def run(self) -> None:
        """Work, and keep the processor time of each item."""
        span, rounds = self._tracker.span, self._rounds
        while (now_ns := time.monotonic_ns()) < self._until_ns:
            tracked = now_ns // TURN_NS % TURNS
            begun_ns = time.thread_time_ns()
            if tracked:
                with span("step"):
                    work(rounds)
            else:
                work(rounds)
            (self.tracked_ns if tracked else self.plain_ns).append(time.thread_time_ns() - begun_ns)
        self.all_ns = time.thread_time_ns()


def overload(seconds: float, threads: int) -> Outcome:
    """Have so many threads work for so many seconds."""
    rounds = calibrated()
    with tempfile.TemporaryDirectory(prefix="overload-") as place:
        tracker = ct.CarbonTracker(**SETTINGS, state_dir=place)
        tracker.await_devices()
        until_ns = time.monotonic_ns() + round(seconds * 1e9)
        workers = [Worker(tracker, rounds, until_ns) for _ in range(threads)]
        process_ns, main_ns = time.process_time_ns(), time.thread_time_ns()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        main_ns = time.thread_time_ns() - main_ns
        others_ns = time.process_time_ns() - process_ns - main_ns - sum(worker.all_ns for worker in workers)
        spans = sum(span.count for span in tracker.stop().spans)
    plain = [took_ns for worker in workers for took_ns in worker.plain_ns]
    tracked = [took_ns for worker in workers for took_ns in worker.tracked_ns]
    item_ns = statistics.fmean(plain)
    share_of_threads = others_ns / len(tracked) / item_ns
    return Outcome(
        items=len(tracked),
        spans=spans,
        slowdown=statistics.fmean(tracked) / item_ns - 1 + share_of_threads,
        share_of_threads=share_of_threads,
        resolution=abs(statistics.fmean(plain[::2]) - statistics.fmean(plain[1::2])) / item_ns,
        items_per_s=(len(plain) + len(tracked)) / seconds,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    outcome = overload(given.seconds, given.threads)
    if given.json:
        print(json.dumps({**asdict(outcome), "passed": outcome.passed}))
        return 0 if outcome.passed else 1
    print(f"{given.threads} threads, {outcome.items_per_s:.0f} items of work a second, {outcome.items} in spans")
    print(f"spans     {outcome.spans} counted, {outcome.items - outcome.spans} lost (goal: none)")
    print(
        f"slowdown  {outcome.slowdown:+.1%} (goal: at most {GOAL:.0%}), by the tracker's threads {outcome.share_of_threads:.1%}"
    )
    print(f"          two halves of the items without spans differ by {outcome.resolution:.1%}")
    print("passed" if outcome.passed else "FAILED")
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    sys.exit(main())
