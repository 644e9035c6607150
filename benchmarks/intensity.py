"""What carbon intensity costs a training: nothing that it would notice, however a service behaves.

    python benchmarks/intensity.py [--epochs 40] [--json]

With a service that never answers (and one that trickles, hangs up, or fails), the slowest of the tracker's construction, the
edges of its epochs and `stop()`; at most 0.25 s. With a healthy one, the time to integrate a month of energy at 1 Hz under a
year of 5-minute values; at most 1 s. Exits with 1 if a limit is passed. Needs no network: the services are on loopback.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from carbonsdk.clock import unix_ns
from carbonsdk.footprint import Timeline, carbon_use
from carbonsdk.model import CarbonIntensity
from carbonsdk.testing.http import Fault, LoopbackService, Reply

LIMIT_S = 0.25
INTEGRATION_LIMIT_S = 1.0
EPOCH_S = 0.05
YEAR = 365 * 24 * 12  # values of 5 minutes
MONTH_S = 30 * 24 * 3600
START = datetime(2026, 1, 1, tzinfo=UTC)

FAULTS = {
    "accepts and never answers": Fault.SILENCE,
    "trickles its body": Reply(b"{", fault=Fault.TRICKLE),
    "trickles its headers": Fault.TRICKLED_HEADERS,
    "hangs up": Fault.HANG_UP,
    "answers 500": Reply(b"", 500),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40, help="epochs a service (a twentieth of a second each)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args()
    first = against(Fault.SILENCE, 1, asked=False)
    faults = {name: against(fault, arguments.epochs) for name, fault in FAULTS.items()}
    measured: dict[str, Any] = {"first_of_the_process": first, "faults": faults, "healthy": integration()}
    runs = {"the first tracker": first, **faults}
    slow = [name for name, times in runs.items() if max(times.values()) > LIMIT_S]
    if measured["healthy"]["integrate_s"] > INTEGRATION_LIMIT_S:
        slow.append("the integration")
    print(json.dumps({**measured, "too_slow": slow}, indent=2) if arguments.json else table(measured, slow))
    sys.exit(1 if slow else 0)


def against(fault: Any, epochs: int, *, asked: bool = True) -> dict[str, float]:
    """Return the construction, slowest edge and stop of a tracker whose service behaves so; see that it was `asked`."""
    with LoopbackService() as service:
        service.on("*", fault)
        times = tracked(service.url, epochs)
        if asked and not service.asked:
            sys.exit("the service was not asked in time: give more --epochs")
        return times


def tracked(url: str, epochs: int) -> dict[str, float]:
    from carbonsdk import CarbonTracker

    with TemporaryDirectory(prefix="carbonsdk-bench-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        tracker, construction_s = timed(
            lambda: CarbonTracker(
                zone="DE",
                fetchers={"electricitymaps": {"base_url": url, "token": "none"}, "static": {}},
                sim_cpu="a simulated CPU",
                sim_cpu_tdp=100.0,
                state_dir=folder,
                verbose=0,
            )
        )
        edges_s = []
        for _ in range(epochs):
            epoch = tracker.epoch()
            edges_s.append(timed(epoch.__enter__)[1])
            time.sleep(EPOCH_S)
            edges_s.append(timed(partial(epoch.__exit__, None, None, None))[1])
        _, stop_s = timed(tracker.stop)
    return {"construction_s": construction_s, "slowest_edge_s": max(edges_s), "stop_s": stop_s}


def integration() -> dict[str, float]:
    """Return how long a year of values takes to lay out, and a month of energy to integrate under it; check the grams."""
    step = timedelta(minutes=5)
    values = [
        CarbonIntensity(
            grams_per_kwh=100.0 + index % 288,
            zone="DE",
            source="benchmark",
            start=START + index * step,
            end=START + (index + 1) * step,
        )
        for index in range(YEAR)
    ]
    timeline, layout_s = timed(lambda: Timeline(values))
    energy = np.zeros(MONTH_S, dtype=[("start_ns", "i8"), ("end_ns", "i8"), ("joules", "f8")])
    energy["start_ns"] = unix_ns(START) + np.arange(MONTH_S, dtype=np.int64) * 1_000_000_000
    energy["end_ns"] = energy["start_ns"] + 1_000_000_000
    energy["joules"] = 1_000.0
    use, integrate_s = timed(lambda: carbon_use(energy, timeline))
    # Each of the 288 values of a day holds for as long as the others: the mean is 100 + 287 / 2.
    expected_grams = MONTH_S * 1_000.0 / 3.6e6 * 243.5
    if use.grams is None or abs(use.grams - expected_grams) > 1e-6 * expected_grams:
        sys.exit(f"the integral is {use.grams} g, but should be {expected_grams} g")
    return {"layout_s": layout_s, "integrate_s": integrate_s}


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    outcome = call()
    return outcome, time.perf_counter() - began


def table(measured: dict[str, Any], slow: list[str]) -> str:
    lines = [f"{'a service that …':<28}{'construction':>14}{'slowest edge':>14}{'stop':>10}   (limit {LIMIT_S * 1000:.0f} ms)"]
    for name, times in {**measured["faults"], "(first, imports included)": measured["first_of_the_process"]}.items():
        figures = (times["construction_s"], times["slowest_edge_s"], times["stop_s"])
        construction, edge, stop = (f"{seconds * 1000:.1f} ms" for seconds in figures)
        lines.append(f"{name:<28}{construction:>14}{edge:>14}{stop:>10}")
    healthy = measured["healthy"]
    lines.append(
        f"a year of 5-minute values: laid out in {healthy['layout_s']:.2f} s; a month at 1 Hz integrated under it in "
        f"{healthy['integrate_s']:.2f} s (limit {INTEGRATION_LIMIT_S:g} s)"
    )
    return "\n".join([*lines, f"too slow: {', '.join(slow)}" if slow else "all within their limits"])


if __name__ == "__main__":
    main()
