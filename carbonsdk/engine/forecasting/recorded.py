"""The forecast of a run that lies in its records, of one process or many."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from carbonsdk.engine.forecasting.grid_ahead import expected
from carbonsdk.engine.forecasting.lapbook import Before
from carbonsdk.engine.prediction.laps import Lap
from carbonsdk.engine.prediction.whole import forecast
from carbonsdk.journal.claims import Claim, Part, claims
from carbonsdk.journal.merging import merge
from carbonsdk.journal.records import EpochEnded
from carbonsdk.reports import Estimate, Forecast, RunReport
from carbonsdk.units import seconds

Shares = dict[int, float]
"""What of a device, by its index, a process speaks for."""


def recorded_forecast(parts: Sequence[Part], *, epochs_total: int) -> Forecast | None:
    """Forecast the run as one of `epochs_total` epochs, from its newest 10,000; None where no epoch has known energy.

    The time between attempts is left out, and of an epoch that was done again the newest counts. The grid's intensity is
    taken to stay what it was over the run.
    """
    report = merge(parts)
    laps = _laps(parts)
    before = _before(parts, laps, report)
    used = max((lap.end_joules for lap in laps if lap.end_joules is not None), default=None)
    total = report.energy.joules
    grams = report.co2eq_grams if not total or used is None else (report.co2eq_grams or 0.0) * min(1.0, used / total)
    made = forecast(
        laps,
        epochs_total=max(1, epochs_total - before.number),
        intensity=lambda _start_s, _end_s: _ahead(report),
        grams_so_far=None if report.co2eq_grams is None else grams,
    )
    return None if made is None else _outcome(before.added_to(made), report)


def _before(parts: Sequence[Part], laps: Sequence[Lap], report: RunReport) -> Before:
    """Return what the epochs that are on record in sums alone came to."""
    number = max(0, report.epoch_count - len(laps))
    if not number:
        return Before(0, 0.0, 0.0)
    longest: dict[int, float] = {}  # by attempt: its processes ran their epochs side by side
    for part in parts:
        attempt = part.assembly.run_info.attempt
        longest[attempt] = max(longest.get(attempt, 0.0), part.assembly.epoch_uses()[1])
    joules = (report.epochs_energy.joules or 0.0) - sum((lap.end_joules or 0.0) - (lap.start_joules or 0.0) for lap in laps)
    duration_s = sum(longest.values()) - sum(lap.end_s - lap.start_s for lap in laps)
    return Before(number, max(0.0, joules), max(0.0, duration_s))


def _outcome(made: Forecast, report: RunReport) -> Forecast:
    """Return the forecast, or what a run that is over came to, what followed its last epoch included."""
    if report.state != "finished" or made.epochs_seen < made.epochs_total:
        return made
    joules, grams = report.energy.joules, report.co2eq_grams
    return replace(
        made,
        energy_joules=made.energy_joules if joules is None else _certain(joules),
        duration_s=_certain(report.duration_s),
        co2eq_grams=made.co2eq_grams if grams is None else _certain(grams),
    )


def _certain(value: float) -> Estimate:
    return Estimate(value, value, value)


def _laps(parts: Sequence[Part]) -> list[Lap]:
    """Return the epochs by number, each with the energy of all processes that ran it."""
    found: dict[int, Lap] = {}
    shares = _shares(parts)
    base_s = base_joules = 0.0
    for attempt in sorted({part.assembly.run_info.attempt for part in parts}):
        mine = [(part, shares[at]) for at, part in enumerate(parts) if part.assembly.run_info.attempt == attempt]
        start_ns, end_ns = min(part.span[0] for part, _ in mine), max(part.span[1] for part, _ in mine)
        for number, seen in _by_number(mine).items():
            found[number] = _lap(seen, start_ns=start_ns, base_s=base_s, base_joules=base_joules)
        base_s += seconds(end_ns - start_ns)
        base_joules += sum(_joules(part, share) for part, share in mine)
    return sorted(found.values(), key=lambda lap: lap.start_s)


def _shares(parts: Sequence[Part]) -> list[Shares]:
    made: list[Claim] = claims(parts, [part.assembly.tally for part in parts])
    all_simulated = all(claim.device.simulated for claim in made)
    shares: list[Shares] = [{} for _ in parts]
    for claim in made:
        if all_simulated or not claim.device.simulated:
            shares[claim.part][claim.use.device] = claim.share
    return shares


def _by_number(mine: Sequence[tuple[Part, Shares]]) -> dict[int, list[tuple[EpochEnded, Shares]]]:
    found: dict[int, list[tuple[EpochEnded, Shares]]] = {}
    for part, share in mine:
        for epoch in part.assembly.epochs:
            found.setdefault(epoch.number, []).append((epoch, share))
    return found


def _lap(seen: Sequence[tuple[EpochEnded, Shares]], *, start_ns: int, base_s: float, base_joules: float) -> Lap:
    edges = list(_edges(seen))
    return Lap(
        base_s + seconds(min(epoch.start_ns for epoch, _ in seen) - start_ns),
        base_s + seconds(max(epoch.end_ns for epoch, _ in seen) - start_ns),
        base_joules + sum(start for start, _ in edges) if edges else None,
        base_joules + sum(end for _, end in edges) if edges else None,
        whole=not any(epoch.partial or epoch.failed for epoch, _ in seen),
    )


def _edges(seen: Sequence[tuple[EpochEnded, Shares]]) -> Iterator[tuple[float, float]]:
    """Yield the cumulative joules at both edges of every device that is counted and known."""
    for epoch, shares in seen:
        for use in epoch.uses:
            if use.joules is not None and use.device in shares:
                share = shares[use.device]
                yield use.start_joules * share, (use.start_joules + use.joules) * share


def _joules(part: Part, shares: Shares) -> float:
    uses = part.assembly.uses_of(part.state)
    return sum((use.joules or 0.0) * shares.get(use.device, 0.0) for use in uses)


def _ahead(report: RunReport) -> Estimate | None:
    value, mean = report.intensity, report.carbon.grams_per_kwh
    return None if value is None or mean is None else expected([(0, 1, replace(value, grams_per_kwh=mean))])
