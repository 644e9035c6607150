"""What carbonsdk costs the program that it measures: import, start, memory, edges, spans, stop.

    python benchmarks/overhead.py [--json] [--quick]

Each figure is the best of several fresh processes, beside the bare interpreter's in the same run; bytecode is cached, as
installing a package leaves it. RAPL is a simulated powercap tree of two sockets, so that the reads are real file reads; the
network is a socket on loopback that never answers.

Of an epoch's cost the backend's own reads are taken off, and nothing else: what becomes of a reading is carbonsdk's work. Where
epochs follow each other closely, most edges need no reading. The second figure is the most that an epoch can cost: both its
edges read all four domains, and eight readings are taken in. The goal is not held against that one, and may be missed by it.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HEAVY = ("structlog", "numpy", "requests", "rich", "click", "pynvml")

_CLOCK = "import time; began = time.perf_counter()"
_IMPORT = f"{_CLOCK}; from carbonsdk import CarbonTracker, track_epoch; imported = time.perf_counter()"
_TELL = "import json; print(json.dumps(found))"

IMPORT = f"{_IMPORT}; found = imported - began; {_TELL}"

FIRST_EPOCH = f"""
{_IMPORT}
import sys
tracker = CarbonTracker(verbose=0, state_dir=STATE)
with tracker.epoch():
    running = time.perf_counter()
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
import psutil
found = {{"first_epoch": running - imported, "loaded": loaded, "rss": psutil.Process().memory_info().rss}}
tracker.stop()
{_TELL}
"""

BARE = f"import psutil; found = psutil.Process().memory_info().rss; {_TELL}"

EDGES = f"""
{_IMPORT}
import gc, statistics, threading, psutil
from carbonsdk.host import PluginHost

def trackers(n, **more):
    times = []
    for _ in range(n):
        began = time.perf_counter()
        tracker = CarbonTracker(verbose=0, state_dir=STATE, **more)
        times.append(time.perf_counter() - began)
        with tracker.epoch():
            pass
        stopping = time.perf_counter()
        tracker.stop()
        stops.append(time.perf_counter() - stopping)
    return times

def scan():
    import importlib.metadata
    began = time.perf_counter()
    list(importlib.metadata.entry_points(group="carbonsdk"))
    return time.perf_counter() - began

stops = []
trackers(1, **SILENT)
constructed = trackers(5, **SILENT)
scans = [scan() for _ in range(5)]

def rapl(**more):
    tracker = CarbonTracker(verbose=0, state_dir=STATE, zone="DE", backends={{"rapl": {{"root": ROOT}}}}, **more)
    channel = next(each for each in tracker._session.hardware.channels if each.source)
    return tracker, channel.source, [answer.device for answer in channel.answers]

def per_call(act, n, rounds=7):
    best = 1e9
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(n):
            act()
        best = min(best, (time.perf_counter() - began) / n)
    return best

def edges(tracker, source, devices):
    def read():
        for device in devices:
            source.backend.read(device)

    def epochs(n):
        for _ in range(n):
            with tracker.epoch():
                pass

    gc.collect()
    epochs(200)
    reads, found = per_call(read, 500), []
    for _ in range(7):
        before, began = source.reads, time.perf_counter()
        epochs(500)
        found.append((time.perf_counter() - began - (source.reads - before) * reads) / 500)
    return reads, min(found)

always, *measured = rapl(edge_reads="always")
reads, edge_read = edges(always, *measured)
always.stop()
tracker, *measured = rapl()
_, edge = edges(tracker, *measured)

def spans(n):
    began = time.perf_counter()
    with tracker.epoch():
        for _ in range(n):
            with tracker.span("batch"):
                pass
    return (time.perf_counter() - began) / n

spans(10_000)
process = psutil.Process()
memory, speed = [process.memory_info().rss], []
for _ in range(10):
    speed.append(spans(MANY // 10))
    memory.append(process.memory_info().rss)
threads_before = threading.active_count()
began = time.perf_counter()
tracker.stop()
stops.append(time.perf_counter() - began)
found = {{
    "constructed": min(constructed), "scan": min(scans), "read": reads, "edge": edge, "edge_read": edge_read,
    "span": min(speed),
    "span_drift": statistics.median(speed[5:]) / statistics.median(speed[:5]),
    "span_memory": memory[-1] - memory[1], "stop": max(stops), "best_stop": min(stops), "threads": threading.active_count() - 1,
}}
{_TELL}
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured, and what was promised."""

    name: str
    value: float
    unit: str
    goal: float

    @property
    def holds(self) -> bool:
        """Return whether the promise is kept."""
        return self.value <= self.goal


def environment(directory: Path) -> dict[str, str]:
    """Return this process's environment without carbonsdk's settings, and with bytecode cached as an installation has it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CARBONSDK_", "PYTHONDONTWRITE"))}
    return {**kept, "PYTHONPYCACHEPREFIX": str(directory / "bytecode")}


def run(code: str, directory: Path, **names: Any) -> Any:
    """Run code in a fresh interpreter, with names bound before it, and return the JSON that it prints last."""
    head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    command = [sys.executable, "-c", head + code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, check=False, env=environment(directory))
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def best(code: str, directory: Path, *, of: int, key: Callable[[Any], float] = float, **names: Any) -> Any:
    """Return the least of several runs."""
    return min((run(code, directory, **names) for _ in range(of)), key=key)


def wall(code: str, directory: Path, *, of: int) -> float:
    """Return the least wall time of whole processes in seconds."""
    import time

    times = []
    for _ in range(of):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=directory, check=True, capture_output=True, env=environment(directory))
        times.append(time.perf_counter() - began)
    return min(times)


def figures(directory: Path, *, tries: int, many: int) -> Iterator[Figure]:
    """Measure everything."""
    from carbonsdk.testing import FakeClock, PowercapTree, Profile, server_zones

    state = str(directory / "state")
    bare = wall("pass", directory, of=tries)
    importing = wall("from carbonsdk import CarbonTracker, track_epoch", directory, of=tries)
    yield Figure("import, above bare Python", (importing - bare) * 1e3, "ms", 60.0)
    first = best(FIRST_EPOCH, directory, of=tries, key=lambda found: found["first_epoch"], STATE=state)
    yield Figure("from import to the first epoch running", first["first_epoch"] * 1e3, "ms", 150.0)
    yield Figure(f"heavy modules loaded by then ({', '.join(first['loaded']) or 'none'})", len(first["loaded"]), "", 0.0)
    rss = run(BARE, directory)
    yield Figure("memory after start, above bare Python", (first["rss"] - rss) / 1e6, "MB", 45.0)

    root = directory / "sys"
    PowercapTree(root, FakeClock(), zones=server_zones(Profile.constant(100.0), memory=Profile.constant(10.0), sockets=2))
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections, and never a word
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        silent = {"options": {"locators": {"cloud": dict.fromkeys(("aws_url", "gcp_url", "azure_url"), url)}}}
        found = run(EDGES, directory, STATE=state, ROOT=str(root), SILENT=silent, MANY=many)
    yield Figure(
        "constructing a tracker, above the scan, silent network", (found["constructed"] - found["scan"]) * 1e3, "ms", 20.0
    )
    yield Figure("the scan of entry points alone", found["scan"] * 1e3, "ms", float("inf"))
    yield Figure("reading four RAPL domains", found["read"] * 1e6, "µs", float("inf"))
    yield Figure("an epoch's enter and exit, above its reads", found["edge"] * 1e6, "µs", 60.0)
    yield Figure("an epoch of which both edges read all, above its reads", found["edge_read"] * 1e6, "µs", float("inf"))
    yield Figure(f"a span, settling included ({many:,} of them)", found["span"] * 1e6, "µs", 10.0)
    yield Figure("second half of the spans against the first", found["span_drift"], "×", 1.1)
    yield Figure("memory that the last 90 % of the spans added", found["span_memory"] / 1e6, "MB", 5.0)
    yield Figure("stop(), slowest", found["stop"] * 1e3, "ms", 200.0)
    yield Figure("stop(), quickest", found["best_stop"] * 1e3, "ms", 5.0)
    yield Figure("threads left after it", found["threads"], "", 0.0)


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="fewer tries and spans: for a smoke test, not for figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = list(figures(Path(directory), tries=2 if arguments.quick else 9, many=20_000 if arguments.quick else 1_000_000))
    if arguments.json:
        print(
            json.dumps([{**asdict(each), "goal": None if each.goal == float("inf") else each.goal} for each in found], indent=2)
        )
        return
    for each in found:
        goal = "" if each.goal == float("inf") else f"at most {each.goal:g} {each.unit}".rstrip()
        mark = "  " if each.holds else "✗ "
        print(f"{mark}{each.name:58} {each.value:10.2f} {each.unit:3} {goal}")


if __name__ == "__main__":
    main()
