"""The epochs of a run of many processes: those of one number that ran side by side are one."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import accumulate

from carbonsdk import units
from carbonsdk.clock import utc
from carbonsdk.energy import across_devices, device_use
from carbonsdk.journal.claims import Part
from carbonsdk.journal.records import EpochEnded, Use
from carbonsdk.journal.resting import above_idle
from carbonsdk.journal.shelf import NEWEST
from carbonsdk.journal.tally import EpochReports, Tally
from carbonsdk.model import CarbonIntensity, CarbonUse
from carbonsdk.reports import AboveIdle, DeviceEnergy, EpochReport

Seen = tuple[int, EpochEnded]
"""Which process, and its epoch."""

MOST_ROWS = 500_000
"""What the epochs of a report have together: devices, spans and intensities. As a dict that is half a gigabyte."""

_FEW_ROWS = 50_000
_SIDE_BY_SIDE = 8  # threads that each have an epoch open all the time
_Chosen = tuple[int, EpochEnded, Use]
_UNKNOWN_TO_ONE = CarbonUse(None, reason="one process knew no marginal intensity")


def newest_epochs(parts: Sequence[Part], tallies: Sequence[Tally]) -> tuple[EpochReports, int]:
    """Return the newest 10,000 epochs of all processes, in order of time, and how many of these were too much.

    `parts` come lowest rank first. A record can say little that makes a report long: thousands of epochs side by side, each
    under thousands of intensities. So only the newest are kept where all would be more than MOST_ROWS, or much more than there
    is in the records.
    """
    if len(parts) == 1:
        shelf, tally = parts[0].assembly.epochs, tallies[0]
        sizes = [(1 + uses + spans, tally.detail(start, end, uses)) for start, end, uses, spans in shelf.sizes()]
        left_out = len(shelf) - _fitting(sizes, tallies)
        shelf.keep(len(shelf) - left_out)
        return EpochReports(shelf, tally.epoch), left_out
    groups = _groups(parts)
    kept = _fitting([_size(group, tallies) for group in reversed(groups)], tallies)
    return EpochReports(groups[len(groups) - kept :], partial(_merged, tallies=tallies)), len(groups) - kept


def _fitting(sizes: Sequence[tuple[int, int]], tallies: Sequence[Tally]) -> int:
    """Return how many of the first epochs together are not too much, of which each has rows and detail beyond; at least one."""
    told = sum(rows for rows, _ in sizes) + _SIDE_BY_SIDE * sum(tally.told for tally in tallies)
    most = min(MOST_ROWS, _FEW_ROWS + told)
    sums = accumulate(rows + detail for rows, detail in sizes)
    return max(min(1, len(sizes)), sum(size <= most for size in sums))


def _size(group: Sequence[Seen], tallies: Sequence[Tally]) -> tuple[int, int]:
    rows = sum(1 + len(epoch.uses) + len(epoch.spans) for _, epoch in group)
    return rows, sum(tallies[at].detail(epoch.start_ns, epoch.end_ns, len(epoch.uses)) for at, epoch in group)


def _groups(parts: Sequence[Part]) -> list[list[Seen]]:
    """Return the newest 10,000 epochs, each as its processes saw it."""
    by_number: dict[int, list[Seen]] = {}
    for at, part in enumerate(parts):
        for epoch in part.assembly.epochs:
            by_number.setdefault(epoch.number, []).append((at, epoch))
    groups = [group for seen in by_number.values() for group in _side_by_side(seen)]
    groups.sort(key=lambda group: (max(epoch.end_ns for _, epoch in group), group[0][1].number))
    return groups[-NEWEST:]


def carbon_sum(uses: Sequence[CarbonUse]) -> CarbonUse:
    """Add up CO2eq; where some is unknown the reason is kept."""
    known = [use for use in uses if use.grams is not None]
    reason = "; ".join(dict.fromkeys(use.reason for use in uses if use.reason)) or None
    if not known:
        return CarbonUse(None, reason=reason or "no energy is known")
    parts: dict[CarbonIntensity, list[float]] = {}
    for use in known:
        for intensity, joules in use.parts:
            parts.setdefault(intensity, []).append(joules)
    sums = tuple((intensity, math.fsum(joules)) for intensity, joules in parts.items())
    grams = math.fsum(use.grams for use in known if use.grams is not None)
    joules = math.fsum(share for _, share in sums)
    main = max(sums, key=lambda part: part[1])[0] if sums else None
    mean = grams / units.kwh(joules) if joules else known[0].grams_per_kwh
    return CarbonUse(grams, main, mean, sums, reason)


def _side_by_side(seen: Sequence[Seen]) -> list[list[Seen]]:
    """Split the epochs of one number into groups that share time; one that was done again later stands alone."""
    groups: list[list[Seen]] = []
    reached_ns = 0
    together: set[int] = set()
    for at, epoch in sorted(seen, key=lambda one: one[1].start_ns):
        if groups and epoch.start_ns < reached_ns and at not in together:
            groups[-1].append((at, epoch))
            together.add(at)
            reached_ns = max(reached_ns, epoch.end_ns)
        else:
            groups.append([(at, epoch)])
            together = {at}
            reached_ns = epoch.end_ns
    return groups


def _merged(group: Sequence[Seen], tallies: Sequence[Tally]) -> EpochReport:
    if len(group) == 1:
        return tallies[group[0][0]].epoch(group[0][1])
    by_rank = sorted(group, key=lambda one: one[0])
    lead = by_rank[0][1]
    start_ns, end_ns = min(epoch.start_ns for _, epoch in group), max(epoch.end_ns for _, epoch in group)
    reasons = dict.fromkeys(epoch.reason for _, epoch in by_rank if epoch.reason)
    chosen = _chosen(by_rank, tallies)
    devices = tuple(_device_energy(tallies[at], use) for at, _, use in chosen)
    simulated = all(one.device.simulated for one in devices)
    return EpochReport(
        number=lead.number,
        name=lead.name,
        start=utc(start_ns),
        end=utc(end_ns),
        duration_s=units.seconds(end_ns - start_ns),
        energy=across_devices([one.energy for one in devices if simulated or not one.device.simulated]),
        devices=devices,
        carbon=carbon_sum(_carbon(chosen, tallies, simulated=simulated)),
        marginal=_marginal(chosen, tallies, simulated=simulated),
        spans=tallies[by_rank[0][0]].spans(lead.spans),
        failed=any(epoch.failed for _, epoch in group),
        partial=any(epoch.partial for _, epoch in group),
        provisional=any(epoch.provisional for _, epoch in group),
        reason="; ".join(reasons) or None,
        above_idle=_above_idle(chosen, tallies, simulated=simulated),
    )


def _chosen(group: Sequence[Seen], tallies: Sequence[Tally]) -> list[_Chosen]:
    """Choose for each device the process whose epoch saw it longest."""
    best: dict[tuple[str, str, str], tuple[int, EpochEnded, Use]] = {}
    for at, epoch in group:
        for use in epoch.uses:
            key = tallies[at].devices[use.device].key
            if key not in best or _worth(epoch, use) > _worth(*best[key][1:]):
                best[key] = (at, epoch, use)
    return list(best.values())


def _worth(epoch: EpochEnded, use: Use) -> tuple[bool, int]:
    return (use.joules is not None, epoch.end_ns - epoch.start_ns)


def _above_idle(chosen: Sequence[_Chosen], tallies: Sequence[Tally], *, simulated: bool) -> AboveIdle | None:
    return above_idle(
        tallies[at].resting(use, units.seconds(epoch.end_ns - epoch.start_ns))
        for at, epoch, use in chosen
        if simulated or not tallies[at].devices[use.device].simulated
    )


def _device_energy(tally: Tally, use: Use) -> DeviceEnergy:
    device = tally.devices[use.device]
    return DeviceEnergy(
        device, device_use(device, use.joules, coverage=use.coverage, noise_joules=use.noise_joules, reason=use.reason)
    )


def _carbon(chosen: Sequence[_Chosen], tallies: Sequence[Tally], *, simulated: bool) -> list[CarbonUse]:
    by_process = _by_process(chosen, tallies, simulated=simulated)
    return [tallies[at].carbon(epoch.start_ns, epoch.end_ns, uses) for at, epoch, uses in by_process]


def _marginal(chosen: Sequence[_Chosen], tallies: Sequence[Tally], *, simulated: bool) -> CarbonUse | None:
    by_process = _by_process(chosen, tallies, simulated=simulated)
    found = [tallies[at].marginal_carbon(epoch.start_ns, epoch.end_ns, uses) for at, epoch, uses in by_process]
    known = [use for use in found if use is not None]
    if not known:
        return None
    lacking = [_UNKNOWN_TO_ONE] if len(known) < len(found) else []
    return carbon_sum([*known, *lacking])


def _by_process(
    chosen: Sequence[_Chosen], tallies: Sequence[Tally], *, simulated: bool
) -> list[tuple[int, EpochEnded, list[Use]]]:
    found: dict[int, tuple[EpochEnded, list[Use]]] = {}
    for at, epoch, use in chosen:
        if simulated or not tallies[at].devices[use.device].simulated:
            found.setdefault(at, (epoch, []))[1].append(use)
    return [(at, epoch, uses) for at, (epoch, uses) in sorted(found.items())]
