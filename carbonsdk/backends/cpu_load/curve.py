"""From CPU load to package power: one curve, for a machine as for a part of it.

The curve is `share × TDP × load^exponent`. `benchmarks/load_curve.py` fits its two constants to 64 measurements of package
power (RAPL) against load on three machines (`data/load_vs_power.csv`), so that the narrowest interval about the curve holds
90 % of them. TDP alone says little about a machine: one left out of the fit lies as far off as `BIAS` says.
"""

FULL_LOAD_SHARE = 0.84
EXPONENT = 0.8
IDLE_LOAD = 0.01
"""Below this load the curve is flat: a powered package draws something, and the measurements say little of it."""

BIAS = 0.97
"""Half-width, relative to the estimate, of the interval that holds 95 % of the rows of machines left out of the fit."""


def package_watts(load: float, tdp_watts: float, *, idle_watts: float | None = None) -> float:
    """Return the power of packages with `tdp_watts` in all at `load`, from 0 to 1.

    It never falls as load rises, so a part of a machine's load never draws more than the machine. With `idle_watts`, measured
    on an idle machine, the curve starts there.
    """
    bounded = min(max(load, 0.0), 1.0)
    full_watts = FULL_LOAD_SHARE * tdp_watts
    if idle_watts is None:
        return float(full_watts * max(bounded, IDLE_LOAD) ** EXPONENT)
    return float(idle_watts + max(full_watts - idle_watts, 0.0) * bounded**EXPONENT)
