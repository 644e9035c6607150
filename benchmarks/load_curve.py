"""Fit CPU power to load, and judge the fit on machines that it has not seen.

Run `python benchmarks/load_curve.py` (`--json` for machines). It fits the two constants of
`carbonsdk.backends.cpu_load.curve` to the measurements in the package, leaves each machine out in turn, and prints the error
there beside that of two cubics: one fitted to the same rows, and the fixed one that another tool uses. It fails where
the package's constants are not the fitted ones.
"""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from carbonsdk.backends.cpu_load.curve import BIAS, EXPONENT, FULL_LOAD_SHARE, IDLE_LOAD, package_watts

COVERED = 0.9
STATED = 0.95
"""What an uncertainty means all over carbonsdk; `BIAS` has to hold so many of the rows left out."""
AT_WORK = 0.08
"""Below this load lie the six rows of machines at rest, which drew next to nothing by RAPL."""

SHARES = [round(0.40 + 0.02 * step, 2) for step in range(41)]
EXPONENTS = [round(0.50 + 0.05 * step, 2) for step in range(16)]

Curve = Callable[[float], float]
"""Power as a share of TDP, by load."""


@dataclass(frozen=True)
class Row:
    """One measurement; `share` is package power over TDP, of all sockets."""

    machine: str
    load: float
    share: float
    tdp_watts: float


def main() -> int:
    rows = measurements()
    fitted = fit(rows)
    fits = {"ours": fit_curve, "cubic, fitted": fit_cubic, "cubic, fixed": lambda _: fixed_cubic}
    result: dict[str, Any] = {
        "rows": len(rows),
        "fitted": {"share": fitted[0], "exponent": fitted[1]},
        "in_the_package": {"share": FULL_LOAD_SHARE, "exponent": EXPONENT, "bias": BIAS},
        "half_width_all_rows": round(half_width(rows, curve(*fitted)), 3),
        "left_out": {name: left_out(rows, one) for name, one in fits.items()},
        "held_by_bias": {
            "all_rows": held(relative_errors(rows, curve(FULL_LOAD_SHARE, EXPONENT))),
            "machines_left_out": held(errors_left_out(rows)),
            "machines_left_out,_at_work": held(errors_left_out(rows, from_load=AT_WORK)),
        },
    }
    if "--json" in sys.argv:
        print(json.dumps(result, indent=2))
    else:
        show(result, rows)
    stale = fitted != (FULL_LOAD_SHARE, EXPONENT) or result["left_out"]["ours"][f"± that holds {STATED:.0%}"] > BIAS
    return int(stale)


def measurements() -> list[Row]:
    text = files("carbonsdk.backends.cpu_load").joinpath("data/load_vs_power.csv").read_text(encoding="utf-8")
    return [
        Row(row["model"], float(row["load"]), float(row["package_watts"]) / float(row["tdp_watts"]), float(row["tdp_watts"]))
        for row in csv.DictReader(text.splitlines())
    ]


def curve(share: float, exponent: float) -> Curve:
    return lambda load: share * max(load, IDLE_LOAD) ** exponent


def fixed_cubic(load: float) -> float:
    return 0.1 + 0.9 * load**3


def fit(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the constants about whose curve the narrowest interval holds `COVERED` of the rows."""
    grid = ((share, exponent) for share in SHARES for exponent in EXPONENTS)
    return min(grid, key=lambda constants: half_width(rows, curve(*constants)))


def fit_curve(rows: Sequence[Row]) -> Curve:
    return curve(*fit(rows))


def fit_cubic(rows: Sequence[Row]) -> Curve:
    """Return the least-squares cubic, kept above 0."""
    coefficients = np.polyfit([row.load for row in rows], [row.share for row in rows], 3)
    return lambda load: max(float(np.polyval(coefficients, load)), 0.001)


def half_width(rows: Sequence[Row], one: Curve) -> float:
    """Return the relative half-width of the interval about the estimate that holds `COVERED` of the rows."""
    return covering(relative_errors(rows, one))


def relative_errors(rows: Sequence[Row], one: Curve) -> list[float]:
    return [abs(row.share - one(row.load)) / one(row.load) for row in rows]


def held(errors: Sequence[float]) -> dict[str, float]:
    """Return how many rows `BIAS` holds, and the half-widths that would hold so many per cent of them."""
    widths = {f"± that holds {portion:.0%}": round(covering(errors, portion), 3) for portion in (COVERED, STATED)}
    return {"held": sum(error <= BIAS for error in errors), "rows": len(errors), **widths}


def covering(errors: Sequence[float], portion: float = COVERED) -> float:
    return sorted(errors)[math.ceil(portion * len(errors)) - 1]


def without_each(rows: Sequence[Row], fitting: Callable[[Sequence[Row]], Curve]) -> Iterator[tuple[str, list[Row], Curve]]:
    """Yield each machine with its rows and the curve that is fitted to the others."""
    for machine in dict.fromkeys(row.machine for row in rows):
        own = [row for row in rows if row.machine == machine]
        yield machine, own, fitting([row for row in rows if row.machine != machine])


def errors_left_out(rows: Sequence[Row], *, from_load: float = 0.0) -> list[float]:
    return [
        error
        for _, own, one in without_each(rows, fit_curve)
        for error in relative_errors([row for row in own if row.load >= from_load], one)
    ]


def left_out(rows: Sequence[Row], fitting: Callable[[Sequence[Row]], Curve]) -> dict[str, float]:
    """Return the errors on each machine of a curve fitted without it."""
    relative, watts, total, by_machine = [], 0.0, 0.0, {}
    for machine, own, one in without_each(rows, fitting):
        relative += relative_errors(own, one)
        off = sum(abs(row.share - one(row.load)) * row.tdp_watts for row in own)
        drawn = sum(row.share * row.tdp_watts for row in own)
        by_machine[machine] = round(off / drawn, 3)
        watts, total = watts + off, total + drawn
    widths = {f"± that holds {portion:.0%}": round(covering(relative, portion), 3) for portion in (COVERED, STATED)}
    return {"error": round(watts / total, 3), **widths, **by_machine}


def show(result: dict[str, Any], rows: Sequence[Row]) -> None:
    share, exponent = result["fitted"].values()
    print(f"{result['rows']} rows of {len({row.machine for row in rows})} machines: {share:g} × TDP × load^{exponent:g}")
    print(f"interval that holds {COVERED:.0%} of all rows: ±{result['half_width_all_rows']:.0%} of the estimate")
    print(f"in the package: {result['in_the_package']}; at full load of a 100 W chip {package_watts(1.0, 100.0):.1f} W\n")
    print("each machine left out of the fit; error = Σ|estimate - measured| / Σ measured\n")
    names = list(result["left_out"])
    print(f"{'':48}" + "".join(f"{name:>16}" for name in names))
    for key in result["left_out"][names[0]]:
        print(f"{key:48}" + "".join(f"{result['left_out'][name][key]:>16.1%}" for name in names))
    print(f"\nrows within ±{BIAS:.0%}, which carbonsdk states")
    for what, told in result["held_by_bias"].items():
        widths = ", ".join(f"{name} ±{value:.0%}" for name, value in told.items() if name.startswith("±"))
        print(f"{what.replace('_', ' '):48}{told['held']:>8} of {told['rows']}; {widths.replace('± that', 'that which')}")


if __name__ == "__main__":
    sys.exit(main())
