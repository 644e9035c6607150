"""One report of a run of many processes: its ranks, its hosts and its attempts."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from carbonsdk import units
from carbonsdk.clock import utc
from carbonsdk.energy import across_devices, device_use, over_time
from carbonsdk.errors import JournalError
from carbonsdk.footprint import Timeline, carbon_use
from carbonsdk.journal.claims import Claim, Part, Span, claims, totals
from carbonsdk.journal.epochs import MOST_ROWS, carbon_sum, newest_epochs
from carbonsdk.journal.eras import by_era, running_s
from carbonsdk.journal.records import Use
from carbonsdk.journal.resting import above_idle
from carbonsdk.journal.tally import Tally
from carbonsdk.journal.union import length
from carbonsdk.model import CarbonUse, Device, EnergyUse
from carbonsdk.reports import AboveIdle, DeviceEnergy, RunReport, SpanTotal


def merge(parts: Sequence[Part]) -> RunReport:
    """Return the report of a whole run from those of its processes.

    A device that several processes watched (by host, backend and id) counts once; attempts add up. `duration_s` is the time
    in which any process ran; what lies between attempts is named among the warnings. Epochs of one number that ran side by
    side are one epoch; its spans are those of the lowest rank.
    """
    if not parts:
        raise JournalError("there is no record of this run")
    if len(parts) == 1:
        return _alone(parts[0])
    return _together(sorted(parts, key=lambda part: (part.assembly.run_info.rank, part.span)))


def _together(parts: Sequence[Part]) -> RunReport:
    """Return the report of several processes, the lowest rank first."""
    tallies = [part.assembly.tally for part in parts]
    found = claims(parts, tallies)
    devices = totals(found)
    start_ns, end_ns = min(part.span[0] for part in parts), max(part.span[1] for part in parts)
    newest = max(by_era(parts)[-1], key=lambda part: (part.span[0], -part.assembly.run_info.rank))
    lead, run = parts[0], newest.assembly.run_info
    epochs, left_out = newest_epochs(parts, tallies)
    return RunReport(
        run_id=run.run_id,
        name=run.name,
        host=lead.assembly.run_info.host,
        rank=lead.assembly.run_info.rank,
        state=_state(parts),
        start=utc(start_ns),
        end=utc(end_ns),
        duration_s=running_s(parts),
        energy=_total(devices.values()),
        epochs_energy=_epochs_energy(found, parts),
        devices=tuple(DeviceEnergy(device, energy) for device, energy in devices.values()),
        carbon=carbon_sum(_carbon(found, tallies, lambda tally: tally.timeline)),
        marginal=_marginal(found, tallies),
        epochs=epochs,
        epoch_count=round(length([stretch for part in parts for stretch in part.assembly.epoch_numbers])),
        epochs_planned=run.epochs_planned,
        spans=_spans(parts, tallies),
        selection=newest.assembly.selection,
        warnings=(*_shortened(left_out), *_warnings(parts)),
        pue=run.pue,
        pue_source=run.pue_source,
        attempts=_attempts(parts),
        record=lead.record,
        above_idle=_above_idle(found, tallies),
        scope=run.scope,
    )


class Spent(NamedTuple):
    """What several processes have used together, each device once; None where that is not known."""

    joules: float | None
    grams: float | None
    duration_s: float


def spent(parts: Sequence[Part]) -> Spent:
    """Return what `merge` would, of the totals alone."""
    tallies = [part.assembly.tally for part in parts]
    found = claims(parts, tallies)
    carbon = carbon_sum(_carbon(found, tallies, lambda tally: tally.timeline))
    return Spent(_total(totals(found).values()).joules, carbon.grams, running_s(parts))


def _alone(part: Part) -> RunReport:
    report = part.assembly.report(part.state, run_state=part.run_state, record=part.record)
    epochs, left_out = newest_epochs([part], [part.assembly.tally])
    return replace(report, epochs=epochs, warnings=(*_shortened(left_out), *report.warnings)) if left_out else report


def _shortened(left_out: int) -> tuple[str, ...]:
    if not left_out:
        return ()
    text = f"the oldest {left_out:,} of the epochs that a report holds are left out: with them it would have more than"
    return (f"{text} {MOST_ROWS:,} rows, or many times what the record says; `carbonsdk.runs.records()` reads them all",)


def _above_idle(found: Sequence[Claim], tallies: Sequence[Tally]) -> AboveIdle | None:
    all_simulated = all(claim.device.simulated for claim in found)
    counted = (claim for claim in found if all_simulated or not claim.device.simulated)
    return above_idle(tallies[claim.part].resting(claim.use, claim.seconds) for claim in counted)


def _total(energies: Iterable[tuple[Device, EnergyUse]]) -> EnergyUse:
    found = list(energies)
    all_simulated = all(device.simulated for device, _ in found)
    return across_devices([energy for device, energy in found if all_simulated or not device.simulated])


def _epochs_energy(found: Sequence[Claim], parts: Sequence[Part]) -> EnergyUse:
    """Add up the processes' epochs as their devices are claimed; a claim of a part counts that share of the epochs."""
    unions = [_by_key(part) for part in parts]
    by_device: dict[tuple[str, str, str], tuple[Device, list[tuple[EnergyUse, float]]]] = {}
    for claim in found:
        uses, duration_s = unions[claim.part]
        for use in uses.get(claim.device.key, ()):
            joules = None if use.joules is None else use.joules * claim.share
            noise_joules = use.noise_joules * claim.share
            energy = device_use(claim.device, joules, coverage=use.coverage, noise_joules=noise_joules, reason=use.reason)
            by_device.setdefault(claim.device.key, (claim.device, []))[1].append((energy, duration_s * claim.share))
    return _total((device, over_time(energies)) for device, energies in by_device.values())


def _by_key(part: Part) -> tuple[dict[tuple[str, str, str], list[Use]], float]:
    """Return the uses over the union of a process's epochs by what tells their devices apart, and its length in seconds."""
    uses, duration_s = part.assembly.epoch_uses()
    devices = part.assembly.devices
    by_key: dict[tuple[str, str, str], list[Use]] = {}
    for use in uses:
        by_key.setdefault(devices[use.device].key, []).append(use)
    return by_key, duration_s


def _carbon(
    found: Sequence[Claim], tallies: Sequence[Tally], timeline_of: Callable[[Tally], Timeline | None]
) -> list[CarbonUse]:
    """Integrate each process's claims under the intensities that it knew; none at all leave its energy without grams."""
    all_simulated = all(claim.device.simulated for claim in found)
    pieces: dict[int, list[tuple[int, int, float]]] = {}
    for claim in found:
        if all_simulated or not claim.device.simulated:
            pieces.setdefault(claim.part, []).extend(claim.energy)
    return [carbon_use(pieces[at], timeline_of(tallies[at]) or Timeline()) for at in sorted(pieces) if pieces[at]]


def _marginal(found: Sequence[Claim], tallies: Sequence[Tally]) -> CarbonUse | None:
    if all(tally.marginal is None for tally in tallies):
        return None
    return carbon_sum(_carbon(found, tallies, lambda tally: tally.marginal))


def _spans(parts: Sequence[Part], tallies: Sequence[Tally]) -> tuple[SpanTotal, ...]:
    """Add up the lowest rank's spans over its attempts."""
    rank = parts[0].assembly.run_info.rank
    by_name: dict[str, list[SpanTotal]] = {}
    for part, tally in zip(parts, tallies, strict=True):
        if part.assembly.run_info.rank == rank:
            for span in tally.spans(part.state.spans):
                by_name.setdefault(span.name, []).append(span)
    return tuple(
        SpanTotal(
            name=name,
            count=sum(span.count for span in spans),
            duration_s=math.fsum(span.duration_s for span in spans),
            energy=over_time([(span.energy, span.duration_s) for span in spans]),
        )
        for name, spans in by_name.items()
    )


def _state(parts: Sequence[Part]) -> str:
    """Return "running" if any process runs; else how the newest attempt of each rank ended, the worse of them."""
    in_order = (part for era in by_era(parts) for part in sorted(era, key=lambda part: part.span))
    newest = {part.assembly.run_info.rank: part.run_state for part in in_order}
    if any(part.run_state == "running" for part in parts):
        return "running"
    return "interrupted" if "interrupted" in newest.values() else "finished"


def _attempts(parts: Sequence[Part]) -> int:
    """Return how often the rank that was started most often was started."""
    most = max(part.assembly.run_info.attempt for part in parts)
    by_rank: dict[int, list[Span]] = {}
    for part in parts:
        by_rank.setdefault(part.assembly.run_info.rank, []).append(part.span)
    for spans in by_rank.values():
        reached_ns, count = -math.inf, 0
        for start_ns, end_ns in sorted(spans):
            count += start_ns >= reached_ns
            reached_ns = max(reached_ns, end_ns)
        most = max(most, count)
    return most


def _warnings(parts: Sequence[Part]) -> tuple[str, ...]:
    texts = dict.fromkeys(text for part in parts for text in part.assembly.warnings)
    found = by_era(parts)
    spans = [(min(part.span[0] for part in era), max(part.span[1] for part in era)) for era in found]
    lost_s = units.seconds(sum(end - start for start, end in spans)) - running_s(parts)
    lost = [f"{lost_s:,.0f} s between attempts, when nothing ran, are in no figure"] if lost_s >= 1 else []
    if len(found) > 1:
        lost.append("the clock was set back between attempts: how long nothing ran then is not known")
    return (*lost, *texts)
