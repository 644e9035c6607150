"""Hold carbonsdk's figures against hardware whose energy is known exactly.

    python benchmarks/accuracy.py [--profiles 200] [--draws 20] [--only written|faults|phases|random] [--json|--markdown]

The hardware is simulated at its borders: powercap files on disk, and a C library that the real pynvml loads (which takes a C
compiler). Sensors are read, wraps told, steps interpolated and epochs reported by the code that runs in a training; only
time is moved by hand. The exit status is 1 where a goal is missed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict

from accuracy_cases import Score, measure, written
from accuracy_faults import FAULTS
from accuracy_loads import LOADS
from accuracy_phases import Phases, phases
from accuracy_random import SETUPS, Coverage, judge

Line = Callable[[list[str], list[int]], str]

PEERS = (
    "zeus 0.16: +0.1 % on steady load, +0.6 % on bursts, +2 to +5 % on epochs of 80 ms (single ones 25 % and more)",
    "zeus 0.16 where psys exists: +54 %; it ends the training when a GPU is lost",
    "codecarbon 3.3: -3 %",
    "carbontracker 2.4: -36 to -86 %",
)
"""As given by others who measured them the same way; not measured by this script."""


def main() -> int:
    """Play what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--profiles", type=int, default=200, help="random profiles for each sensor")
    parser.add_argument("--draws", type=int, default=20, help="phases drawn for each counter")
    parser.add_argument("--only", choices=("written", "faults", "phases", "random"), help="one part alone")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--markdown", action="store_true", help="print the tables as docs/explanation/accuracy.md has them")
    asked = parser.parse_args()
    scores: list[Score] = []
    drawn: list[Phases] = []
    coverages: list[Coverage] = []
    if asked.only in (None, "written"):
        scores += [measure(case) for case in written()]
    if asked.only in (None, "faults"):
        scores += [fault() for fault in FAULTS]
    if asked.only in (None, "phases"):
        drawn += phases(asked.draws)
    if asked.only in (None, "random"):
        coverages += [judge(setup, load=load, profiles=asked.profiles) for load in LOADS for setup in SETUPS]
    if asked.json:
        rows = {"written": map(_record, scores), "phases": map(_record, drawn), "random": map(_record, coverages)}
        print(json.dumps({part: list(found) for part, found in rows.items()}, indent=1))
    else:
        show(scores, drawn, coverages, line=_marked if asked.markdown else _padded)
    return (
        0 if all([*(each.kept for each in scores), *(each.kept for each in drawn), *(each.kept for each in coverages)]) else 1
    )


def _record(found: Score | Phases | Coverage) -> dict[str, object]:
    return {**asdict(found), "kept": found.kept}


def show(scores: Iterable[Score], drawn: Iterable[Phases], coverages: Iterable[Coverage], *, line: Line) -> None:
    """Print the tables, and where the peers stand."""
    head = ["load", "epochs", "total", "worst", "beyond a step", "covered", "±", "goal", ""]
    table(line, head, [_written_row(each) for each in scores])
    table(
        line,
        ["counters at phases drawn", "step", "total, rms", "worst", "covered", "goal", ""],
        [_phase_row(each) for each in drawn],
    )
    head = ["random load", "sensor", "covered", "of all epochs", "unknown", "±", "error", "95th", "total, 95th", "95 % covered"]
    table(line, head, [_random_row(each) for each in coverages])
    print("Peers, as given:", *PEERS, sep="\n  ")


def _phase_row(phase: Phases) -> list[str]:
    figures = [f"{phase.step_s * 1e3:.0f} ms", f"{phase.rms:.3%}", f"{phase.worst:.2%}", f"{phase.covered:.1%}"]
    return [phase.case, *figures, _kept(phase.kept), phase.goal]


def _written_row(score: Score) -> list[str]:
    figures = [
        f"{score.total:+.3%}",
        f"{score.worst:.2%}",
        f"{score.beyond_step:.2%}",
        f"{score.covered:.0%}",
        f"{score.width:.2%}",
    ]
    return [score.case, str(score.epochs), *figures, _kept(score.kept), score.goal]


def _random_row(coverage: Coverage) -> list[str]:
    figures = [f"{coverage.covered:.1%}", f"{coverage.covered_of_all:.1%}", f"{coverage.unknown:.1%}", f"{coverage.width:.2%}"]
    errors = [f"{coverage.error:.2%}", f"{coverage.error_95:.1%}", f"{coverage.total_95:.2%}"]
    return [coverage.load, coverage.sensor, *figures, *errors, _kept(coverage.kept)]


def _kept(kept: bool) -> str:  # noqa: FBT001
    return "kept" if kept else "MISSED"


def table(line: Line, head: list[str], rows: list[list[str]]) -> None:
    """Print a table, if there is anything in it."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    print(line(head, widths))
    if line is _marked:
        print("|" + "---|" * len(head))
    print(*(line(row, widths) for row in rows), "", sep="\n")


def _padded(row: list[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _marked(row: list[str], _widths: list[int]) -> str:
    return f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.exit(main())
