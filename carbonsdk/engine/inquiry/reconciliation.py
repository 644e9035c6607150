"""Energy now, carbon later: intensities for a run that is over, attached to its record or tried on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from carbonsdk import runs
from carbonsdk.clock import utc
from carbonsdk.engine.inquiry import Inquiry
from carbonsdk.errors import IntensityError, JournalError
from carbonsdk.journal.claims import Part
from carbonsdk.journal.merging import merge
from carbonsdk.journal.records import IntensityKnown
from carbonsdk.journal.writer import JournalWriter
from carbonsdk.model import Zone
from carbonsdk.reports import RunReport

NOWHERE = "WORLD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """A run's figures at its time, as they were known until now, and with the intensities that were found now.

    `written` says that the record holds them; else they were tried on, or are no news to it.
    """

    zones: tuple[str, ...]
    original: RunReport
    before: RunReport
    after: RunReport
    written: bool
    complaints: tuple[str, ...] = ()


def reconcile(
    run: str,
    ask: Callable[[Zone], Inquiry],
    *,
    zone: Zone | None = None,
    directory: Path | None = None,
    write: bool = True,
) -> Reconciliation:
    """Find intensities for every process of a run, in its own zone or in `zone`, and attach them to its records.

    Nothing is taken out of a record: the figures of the time can be had as before (`runs.load(…, reconciled=False)`).
    Blocks while services are asked. Raise JournalError where there is no such run or its record cannot be added to, and
    IntensityError where its place is not known, or nothing is known of it.
    """
    original, before = (runs.load(run, directory, reconciled=reconciled) for reconciled in (False, True))
    parts = runs.parts(run, directory)
    inquiries = _Inquiries(ask, zone)
    found = [(part, inquiries.of(part)) for part in parts]
    if not any(record.values for _, record in found):
        raise IntensityError(_nothing(inquiries))
    for part, record in found:
        part.assembly.add(record)
    after = merge(parts)
    write = write and (after.carbon, after.marginal) != (before.carbon, before.marginal)
    if write:
        for part, record in found:
            _append(part, record)
    return Reconciliation(
        zones=tuple(dict.fromkeys(record.zone.label for _, record in found)),
        original=original,
        before=before,
        after=after,
        written=write,
        complaints=inquiries.complaints,
    )


class _Inquiries:
    """One inquiry a zone, for the processes of a run."""

    def __init__(self, ask: Callable[[Zone], Inquiry], zone: Zone | None) -> None:
        self._ask = ask
        self._zone = zone
        self._made: dict[str, Inquiry] = {}

    def of(self, part: Part) -> IntensityKnown:
        """Return the record for one process of the run, over the time that it ran."""
        zone = self._zone or part.assembly.zone
        if zone is None or zone.label == NOWHERE:
            raise IntensityError("the record does not say where the run was: name the place with --zone")
        if zone.label not in self._made:
            self._made[zone.label] = self._ask(zone)
        inquiry = self._made[zone.label]
        start_ns, end_ns = part.span
        values = inquiry.past(utc(start_ns), max(utc(end_ns), utc(start_ns + 1_000)))
        if values and all(value.zone == NOWHERE and not value.own for value in values):
            raise IntensityError(f"nothing is known of the zone {zone.label!r}: name it as Electricity Maps does, DE or DK-DK1")
        return IntensityKnown(zone, values, replaces=_name(inquiry.now))

    @property
    def complaints(self) -> tuple[str, ...]:
        """Return what went wrong on the way."""
        return tuple(dict.fromkeys(text for inquiry in self._made.values() for text in inquiry.complaints))


def _name(now: datetime) -> str:
    return f"reconciled {now:%Y-%m-%dT%H:%M:%SZ}"


def _append(part: Part, record: IntensityKnown) -> None:
    problems: list[str] = []
    if part.record is None:
        raise JournalError("this part of the run has no record that could be added to")
    writer = JournalWriter(Path(part.record), on_problem=problems.append)
    writer.write(record)
    writer.close()
    if problems:
        raise JournalError("; ".join(problems))


def _nothing(inquiries: _Inquiries) -> str:
    because = f" ({'; '.join(inquiries.complaints)})" if inquiries.complaints else ""
    return f"no carbon intensity is known for the time and place of this run{because}"
