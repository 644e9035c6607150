"""What the sampler costs at one tick a second, with eight GPUs and two sockets.

    python benchmarks/sampler_cost.py [--seconds 60] [--json]

A session runs in real time with nothing else in the process; its processor time is taken, all threads together: reading,
settling, the record on disk. Powercap files lie on disk and the driver is a library that the real pynvml loads, so that a
kernel's and a driver's own time comes on top (docs/hardware.md has that of a real board). The goal is 0.2 % of a core.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

from accuracy_rig import CPU, GPU, INFO

from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.backend import NvmlBackend
from carbonsdk.backends.rapl import RaplSettings
from carbonsdk.backends.rapl.backend import RaplBackend
from carbonsdk.clock import SystemClock
from carbonsdk.engine.feed import FeedPlan
from carbonsdk.engine.plan import BackendPlan, Plan
from carbonsdk.engine.session import Session
from carbonsdk.testing.nvml import FakeGpu, FakeNvml, build_library
from carbonsdk.testing.powercap import PowercapTree, server_zones
from carbonsdk.testing.profile import Profile

GPUS, SOCKETS, GOAL = 8, 2, 0.002
STARTING_S = 2.0  # opening costs once, and is not the sampler's
POWER = Profile.square(50.0, 400.0, 0.7)


def session(folder: Path) -> Session:
    """Return a session of this machine's own time, on eight simulated boards and two sockets with memory."""
    clock = SystemClock()
    tree = PowercapTree(folder / "sys", clock, zones=server_zones(POWER, memory=Profile.constant(30.0), sockets=SOCKETS))
    settings = RaplSettings(root=tree.root, interface="powercap")

    def rapl() -> RaplBackend:
        return RaplBackend(settings, log=logging.getLogger("accuracy"))

    def nvml() -> NvmlBackend:
        return NvmlBackend(NvmlSettings(), environ={})

    backends = (
        BackendPlan("rapl", rapl, 100, CPU, inline=True, named=False),
        BackendPlan("nvml", nvml, 90, GPU, inline=False, named=False),
    )
    return Session(Plan(info=INFO, backends=backends, intensity=FeedPlan(), record=folder / "record.jsonl"), clock)


def share_of_a_core(seconds: float) -> float:
    """Return the share of one core that a session takes while it only samples."""
    with tempfile.TemporaryDirectory(prefix="sampler-") as name:
        folder = Path(name)
        boards = [FakeGpu(uuid=f"GPU-{each}", bus_id=f"00000000:{each + 1:02x}:00.0", profile=POWER) for each in range(GPUS)]
        fake = FakeNvml(folder / "nvml", boards, real_time=True)
        with fake.loaded(build_library(folder / "library")):
            running = session(folder)
            running.start()
            running.hardware.await_all(30.0)
            time.sleep(STARTING_S)
            begun_s, used_s = time.monotonic(), time.process_time()
            time.sleep(seconds)
            share = (time.process_time() - used_s) / (time.monotonic() - begun_s)
            devices = len(running.ledger.accounts)
            running.stop()
        fake.close()
    if devices != GPUS + 2 * SOCKETS:
        raise RuntimeError(f"{devices} devices were measured, not {GPUS + 2 * SOCKETS}")
    return share


def main() -> int:
    """Measure, and print what a core has to give."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to look")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    share = share_of_a_core(asked.seconds)
    if asked.json:
        print(json.dumps({"gpus": GPUS, "sockets": SOCKETS, "share_of_a_core": share, "goal": GOAL, "kept": share <= GOAL}))
    else:
        verdict = "kept" if share <= GOAL else "MISSED"
        print(f"{GPUS} GPUs and {SOCKETS} sockets with memory at 1 Hz: {share:.3%} of a core (goal {GOAL:.1%}: {verdict})")
    return 0 if share <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
