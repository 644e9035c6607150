"""Replay power traces and made-up runs; compare the forecast with the mean of the first epochs times their number.

    python benchmarks/prediction.py TRACE_OR_FOLDER... [--generated 1200] [--seed 1] [--json]

A trace is a JSON object: `power` [[second, watts], ...], `epochs` [[start, stop], ...] and `run_stop_s`. A last epoch that
broke off (under half of the median length) is left aside, and the run then ends where that epoch began.
"""

import argparse
import json
import sys
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

from generated_runs import generated

from carbonsdk.engine.prediction.laps import Lap
from carbonsdk.engine.prediction.whole import forecast

PREFIXES = (1, 2, 3, 5, 10)


@dataclass(frozen=True, slots=True)
class Replay:
    """A finished run: its epochs, and what it came to."""

    name: str
    group: str
    laps: Sequence[Lap]
    run_s: float
    run_joules: float

    @property
    def epochs_joules(self) -> float:
        """Return the energy of the epochs alone."""
        return sum((lap.end_joules or 0.0) - (lap.start_joules or 0.0) for lap in self.laps)


@dataclass(frozen=True, slots=True)
class Score:
    """One forecast against the truth. Errors are shares of the truth; `width` is the wider half of the interval."""

    name: str
    group: str
    seen: int
    run: float
    run_by_mean: float
    epochs: float
    epochs_by_mean: float
    duration: float
    width: float
    held: bool
    held_epochs: bool
    held_duration: bool
    milliseconds: float


class Curve:
    """Cumulative joules of sampled power: a trapezoid between samples, the nearest sample beyond them."""

    def __init__(self, power: Sequence[tuple[float, float]]) -> None:
        self.power = [tuple(sample) for sample in power]
        steps = (((t1 - t0) * (w0 + w1) / 2) for (t0, w0), (t1, w1) in zip(self.power, self.power[1:], strict=False))
        self.joules = [0.0, *accumulate(steps)]

    def at(self, second: float) -> float:
        """Return the joules from the first sample to `second`."""
        place = bisect_right(self.power, (second, float("inf"))) - 1
        if place < 0:
            first = self.power[0]
            return (second - first[0]) * first[1]
        (t0, w0) = self.power[place]
        if place == len(self.power) - 1:
            return self.joules[place] + (second - t0) * w0
        (t1, w1) = self.power[place + 1]
        watts = w0 + (w1 - w0) * (second - t0) / (t1 - t0)
        return self.joules[place] + (second - t0) * (w0 + watts) / 2


def trace(path: Path) -> Replay:
    written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    curve, epochs, stop_s = Curve(written["power"]), list(written["epochs"]), float(written["run_stop_s"])
    if epochs[-1][1] - epochs[-1][0] < 0.5 * median(stop - start for start, stop in epochs):
        stop_s = epochs.pop()[0]
    zero = curve.at(0.0)
    laps = [Lap(start, stop, curve.at(start) - zero, curve.at(stop) - zero) for start, stop in epochs]
    return Replay(path.stem, written.get("benchmark", "traces"), laps, stop_s, curve.at(stop_s) - zero)


def made_up(count: int, *, seed: int) -> Iterable[Replay]:
    for number, (kind, held_out, run) in enumerate(generated(count, seed=seed)):
        edges, run_s, run_joules = run.edges()
        laps = [Lap(*edge) for edge in edges]
        yield Replay(f"{kind} {number}", f"{'held out' if held_out else 'design'}: {kind}", laps, run_s, run_joules)


def score(replay: Replay, *, seen: int, level: float = 0.9) -> Score:
    total = len(replay.laps)
    start = time.perf_counter()
    said = forecast(replay.laps[:seen], epochs_total=total, level=level)
    spent = time.perf_counter() - start
    assert said is not None
    used = [(lap.end_joules or 0.0) - (lap.start_joules or 0.0) for lap in replay.laps[:seen]]
    mean = sum(used) / seen * total
    run, whole = said.energy_joules, replay.run_joules
    return Score(
        name=replay.name,
        group=replay.group,
        seen=seen,
        run=run.value / whole - 1,
        run_by_mean=mean / whole - 1,
        epochs=said.epochs_energy_joules.value / replay.epochs_joules - 1,
        epochs_by_mean=mean / replay.epochs_joules - 1,
        duration=said.duration_s.value / replay.run_s - 1,
        width=max(run.high - run.value, run.value - run.low) / run.value,
        held=run.low <= whole <= run.high,
        held_epochs=said.epochs_energy_joules.low <= replay.epochs_joules <= said.epochs_energy_joules.high,
        held_duration=said.duration_s.low <= replay.run_s <= said.duration_s.high,
        milliseconds=spent * 1000,
    )


def scores(replays: Iterable[Replay]) -> list[Score]:
    return [score(replay, seen=seen) for replay in replays for seen in PREFIXES if seen < len(replay.laps)]


def summary(found: Sequence[Score]) -> dict[str, float]:
    def middle(name: str) -> float:
        return 100 * float(median(abs(getattr(one, name)) for one in found))

    def share(name: str) -> float:
        return 100 * float(sum(getattr(one, name) for one in found)) / len(found)

    return {
        "runs": len(found),
        "run_error": middle("run"),
        "run_worst": max(abs(one.run) for one in found) * 100,
        "run_error_of_mean": middle("run_by_mean"),
        "epochs_error": middle("epochs"),
        "epochs_error_of_mean": middle("epochs_by_mean"),
        "duration_error": middle("duration"),
        "half_width": middle("width"),
        "widest": max(one.width for one in found) * 100,
        "held": share("held"),
        "held_epochs": share("held_epochs"),
        "held_duration": share("held_duration"),
        "milliseconds": max(one.milliseconds for one in found),
    }


def table(title: str, found: Sequence[Score]) -> None:
    print(f"\n{title}")
    print("         whole run: error %       epochs: error %     time     90 % interval: half-width %   holds the truth, %")
    print("seen runs  ours worst plain mean    ours plain mean   error      median  widest          run  epochs  time")
    by_seen = defaultdict(list)
    for one in found:
        by_seen[one.seen].append(one)
    for seen, some in sorted(by_seen.items()):
        s = summary(some)
        print(
            f"{seen:4d} {s['runs']:4.0f} {s['run_error']:5.2f} {s['run_worst']:5.1f} {s['run_error_of_mean']:10.2f}"
            f"   {s['epochs_error']:5.2f} {s['epochs_error_of_mean']:10.2f}   {s['duration_error']:5.2f}"
            f"      {s['half_width']:6.2f}  {s['widest']:6.1f}"
            f"       {s['held']:6.1f}  {s['held_epochs']:6.1f} {s['held_duration']:5.1f}"
        )


def files(arguments: Iterable[Path]) -> list[Path]:
    return [file for path in arguments for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="*", type=Path, help="trace files, or folders of them")
    parser.add_argument("--generated", type=int, default=1200, help="how many made-up runs (0: none)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print every score as JSON")
    parser.add_argument("--by-kind", action="store_true", help="a table for each family of traces and kind of run")
    chosen = parser.parse_args()
    measured = scores(trace(path) for path in files(chosen.traces))
    invented = scores(made_up(chosen.generated, seed=chosen.seed))
    if chosen.json:
        json.dump({"traces": [asdict(one) for one in measured], "generated": [asdict(one) for one in invented]}, sys.stdout)
        return 0
    for title, found in (("Traces", measured), ("Made-up runs", invented)):
        if found:
            table(title, found)
        halves = ("design", "held out") if found is invented else ()
        for half in halves:
            table(f"{title}, {half}", [one for one in found if one.group.startswith(half)])
        if chosen.by_kind:
            for group in dict.fromkeys(one.group for one in found):
                table(f"{title}, {group}", [one for one in found if one.group == group])
    return 0


if __name__ == "__main__":
    sys.exit(main())
