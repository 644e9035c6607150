"""Look at a real NVIDIA GPU: how long each call takes that carbonsdk makes, and how counter and power sensor agree.

    python benchmarks/nvml_probe.py [--seconds 10] [--json FILE]

Without torch only the idle phase is measured. The GPU is the first one that CUDA shows to this process.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.backend import NvmlBackend
from carbonsdk.backends.nvml.driver import load_pynvml
from carbonsdk.model import CounterReading

FIELDS = {"instant": 186, "average": 185}
MATRIX = 8192


def microseconds(call: Callable[[], object], times: int) -> dict[str, Any]:
    """Return the median, 95th percentile and maximum of a call's time, or why it does not answer."""
    taken = []
    for _ in range(times):
        before = time.perf_counter_ns()
        try:
            call()
        except Exception as error:  # noqa: BLE001 - what fails is a finding
            return {"error": str(error)}
        taken.append((time.perf_counter_ns() - before) / 1000)
    taken.sort()
    return {"median": statistics.median(taken), "p95": taken[int(0.95 * (len(taken) - 1))], "max": taken[-1]}


def latencies(nvml: Any, handle: Any, backend: NvmlBackend, device: Any) -> dict[str, dict[str, Any]]:
    """Time every call that the backend makes, and its own reading."""

    def restart() -> None:
        nvml.nvmlInit()
        nvml.nvmlShutdown()

    calls: dict[str, tuple[Callable[[], object], int]] = {
        "backend.read": (lambda: backend.read(device), 500),
        "nvmlDeviceGetTotalEnergyConsumption": (lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle), 500),
        "nvmlDeviceGetPowerUsage": (lambda: nvml.nvmlDeviceGetPowerUsage(handle), 500),
        "nvmlDeviceGetFieldValues instant": (lambda: nvml.nvmlDeviceGetFieldValues(handle, [(186, 0)]), 500),
        "nvmlDeviceGetFieldValues average": (lambda: nvml.nvmlDeviceGetFieldValues(handle, [(185, 0)]), 500),
        "nvmlDeviceGetHandleByIndex": (lambda: nvml.nvmlDeviceGetHandleByIndex(0), 100),
        "nvmlDeviceGetComputeRunningProcesses": (lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle), 50),
        "nvmlDeviceGetGraphicsRunningProcesses": (lambda: nvml.nvmlDeviceGetGraphicsRunningProcesses(handle), 50),
        "nvmlDeviceGetProcessUtilization": (lambda: backend.process_shares(device), 50),
        "nvmlInit and nvmlShutdown, nested": (restart, 20),
    }
    return {name: microseconds(call, times) for name, (call, times) in calls.items()}


def steps(read: Callable[[], float], seconds: float) -> dict[str, Any]:
    """Return how often a value changes when it is read without pause."""
    changes: list[float] = []
    last, end = read(), time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        if (value := read()) != last:
            last = value
            changes.append(now)
    gaps_ms = sorted(1000 * (b - a) for a, b in pairwise(changes))
    if not gaps_ms:
        return {"changes": len(changes)}
    return {"changes": len(changes), "median_ms": statistics.median(gaps_ms), "min_ms": gaps_ms[0], "max_ms": gaps_ms[-1]}


def field_watts(nvml: Any, handle: Any, field: int) -> float | None:
    """Return a power field, or None where the board has none."""
    value = nvml.nvmlDeviceGetFieldValues(handle, [(field, 0)])[0]
    return value.value.uiVal / 1000 if value.nvmlReturn == nvml.NVML_SUCCESS else None


def agreement(nvml: Any, handle: Any, backend: NvmlBackend, device: Any, seconds: float) -> dict[str, Any]:
    """Return the joules by the counter and by each power field, integrated by trapezoids every 10 ms."""
    joules = dict.fromkeys(FIELDS, 0.0)
    before = {name: field_watts(nvml, handle, field) for name, field in FIELDS.items()}
    start = last = time.perf_counter()
    first = backend.read(device)
    while last - start < seconds:
        time.sleep(0.01)
        now = time.perf_counter()
        for name, field in FIELDS.items():
            watts, old = field_watts(nvml, handle, field), before[name]
            if watts is not None and old is not None:
                joules[name] += (watts + old) / 2 * (now - last)
            before[name] = watts
        last = now
    final = backend.read(device)
    found: dict[str, Any] = {"seconds": last - start}
    if isinstance(first, CounterReading) and isinstance(final, CounterReading):
        found["counter_joules"] = final.joules - first.joules
    for name, energy in joules.items():
        if before[name] is not None:
            found[f"{name}_joules"] = energy
            if counted := found.get("counter_joules"):
                found[f"{name}_off_percent"] = 100 * (energy / counted - 1)
    return found


@contextmanager
def load(work: Callable[[threading.Event], None] | None) -> Iterator[None]:
    """Run a load in a thread, with a second's start before the block."""
    stop = threading.Event()
    thread = threading.Thread(target=work or threading.Event.wait, args=(stop,), daemon=True)
    thread.start()
    time.sleep(1.0 if work else 0.0)
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def loads() -> dict[str, Callable[[threading.Event], None] | None]:
    """Return the phases: idle, and with torch on a GPU a steady matrix product and bursts of it."""
    phases: dict[str, Callable[[threading.Event], None] | None] = {"idle": None}
    try:
        import torch
    except ImportError:
        return phases
    if not torch.cuda.is_available():
        return phases
    matrix = torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.float16)

    def multiply(until: Callable[[], bool]) -> None:
        while not until():
            torch.mm(matrix, matrix)
            torch.cuda.synchronize()

    def bursts(half_s: float) -> Callable[[threading.Event], None]:
        def work(stop: threading.Event) -> None:
            while not stop.is_set():
                end = time.perf_counter() + half_s
                multiply(lambda: time.perf_counter() >= end)  # noqa: B023 - called at once
                stop.wait(half_s)

        return work

    phases["matmul"] = lambda stop: multiply(stop.is_set)
    for half_s in (0.05, 0.1, 0.5):
        phases[f"bursts of {1000 * half_s:.0f} ms"] = bursts(half_s)
    return phases


def probe(seconds: float) -> dict[str, Any]:
    """Return all findings about the first visible GPU."""
    nvml = load_pynvml()
    backend = NvmlBackend(NvmlSettings(), environ=os.environ)
    before = time.perf_counter()
    device = backend.open()[0]
    opened_ms = 1000 * (time.perf_counter() - before)
    try:
        handle = nvml.nvmlDeviceGetHandleByUUID(device.id.encode())
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": device.name,
            "driver": nvml.nvmlSystemGetDriverVersion(),
            "sensor": {name: str(getattr(device.sensor, name)) for name in ("method", "quality", "bias", "max_watts", "note")},
            "open_ms": opened_ms,
            "latency_us": latencies(nvml, handle, backend, device),
            "counter_steps": steps(lambda: _amount(backend.read(device)), min(seconds, 3.0)),
            "instant_steps": steps(lambda: field_watts(nvml, handle, 186) or 0.0, min(seconds, 3.0)),
            "agreement": _phases(nvml, handle, backend, device, seconds),
        }
    finally:
        backend.close()


def _amount(reading: Any) -> float:
    return float(reading.joules if isinstance(reading, CounterReading) else reading.watts)


def _phases(nvml: Any, handle: Any, backend: NvmlBackend, device: Any, seconds: float) -> dict[str, Any]:
    found = {}
    for name, work in loads().items():
        with load(work):
            found[name] = agreement(nvml, handle, backend, device, seconds)
    return found


def show(findings: dict[str, Any]) -> None:
    """Print the findings as tables."""
    print(f"{findings['model']}, driver {findings['driver']}, {findings['at']}: {findings['sensor']['method']}")
    print(
        f"opened in {findings['open_ms']:.1f} ms; max {findings['sensor']['max_watts']} W; note: {findings['sensor']['note']}"
    )
    for name, row in findings["latency_us"].items():
        figures = row.get("error") or "  ".join(f"{key} {value:8.1f}" for key, value in row.items())
        print(f"  {name:42} {figures} us")
    for name in ("counter_steps", "instant_steps"):
        print(f"  {name:42} " + "  ".join(f"{key} {value:.1f}" for key, value in findings[name].items()))
    for name, row in findings["agreement"].items():
        print(f"  {name:20} " + "  ".join(f"{key} {value:.2f}" for key, value in row.items()))


def main() -> int:
    """Probe, print, and write the findings where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each phase")
    parser.add_argument("--json", type=Path, help="file to write the findings to")
    arguments = parser.parse_args()
    findings = probe(arguments.seconds)
    show(findings)
    if arguments.json:
        arguments.json.write_text(json.dumps(findings, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
