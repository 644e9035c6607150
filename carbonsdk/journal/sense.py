"""What can be true of a run: a damaged or hostile journal may say anything, and a faulty sensor too."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from carbonsdk.journal.codec import NO_NUMBER
from carbonsdk.journal.records import DeviceFound, EpochEnded, SlotClosed, SpanUse, StateNoted, Use
from carbonsdk.model import CarbonIntensity, Device
from carbonsdk.reports import Baseline

_MOST = 1e18  # joules, grams: more than any country uses in a day
_MOST_DEVICES = 4096
_MOST_ALIASES = 16
LONGEST_TEXT = 300

Spanned = TypeVar("Spanned", EpochEnded, StateNoted)


def sensible(record: Spanned, *, devices: int) -> Spanned:
    """Return an epoch or a state with uses of known devices alone, in its spans too."""
    uses = sensible_uses(record.uses, devices=devices)
    spans = tuple(SpanUse(*span[:3], sensible_uses(span.uses, devices=devices)) for span in record.spans)
    return record if uses is record.uses and not spans else record._replace(uses=uses, spans=spans)


def sensible_uses(uses: tuple[Use, ...], *, devices: int) -> tuple[Use, ...]:
    """Leave out the uses of devices that no record tells of, and a device's second use; what cannot be is unknown."""
    if len(uses) <= devices and all(0 <= use.device < devices and _is_plausible(use) for use in uses):
        return uses
    first = {use.device: use for use in reversed(uses) if 0 <= use.device < devices}
    ordered = (first[device] for device in sorted(first))
    return tuple(use if _is_plausible(use) else Use(use.device, 0.0, None, 0.0, 0.0, NO_NUMBER) for use in ordered)


def sensible_slot(slot: SlotClosed) -> SlotClosed:
    """Return a slot whose impossible values are unknown."""
    return SlotClosed(
        slot.at_ns, tuple(one if one is not None and abs(one) < _MOST else None for one in slot.cumulative_joules)
    )


def sensible_joules(values: Iterable[float | None]) -> list[float]:
    """Return the values that are known and possible."""
    return [joules for joules in values if joules is not None and 0 <= joules < _MOST]


def sensible_text(device: Device) -> Device:
    """Return a device whose texts are of a bounded length: every epoch's report says them again."""
    sensor = device.sensor
    texts = (device.id, device.name, device.backend, device.host, sensor.method, sensor.note or "", *device.aliases)
    if max(map(len, texts)) <= LONGEST_TEXT and len(device.aliases) <= _MOST_ALIASES:
        return device
    return replace(
        device,
        id=_cut(device.id),
        name=_cut(device.name),
        backend=_cut(device.backend),
        host=_cut(device.host),
        aliases=frozenset(_cut(alias) for alias in sorted(device.aliases)[:_MOST_ALIASES]),
        sensor=replace(sensor, method=_cut(sensor.method), note=None if sensor.note is None else _cut(sensor.note)),
    )


def sensible_intensities(values: Iterable[CarbonIntensity]) -> list[CarbonIntensity]:
    """Return those of the carbon intensities that are possible at all, with texts of a bounded length."""
    return [_shortened(value) for value in values if 0 <= value.grams_per_kwh < _MOST]


def is_sensible_device(record: DeviceFound, *, devices: int) -> bool:
    """Return whether a device is the next one, or one that is known already."""
    return 0 <= record.device_index <= devices < _MOST_DEVICES and 0 <= record.device.sensor.bias < _MOST


def is_sensible_baseline(baseline: Baseline) -> bool:
    """Return whether an idle power is possible at all."""
    return 0 <= baseline.watts < _MOST


def _shortened(value: CarbonIntensity) -> CarbonIntensity:
    if max(len(value.zone), len(value.source), len(value.note or "")) <= LONGEST_TEXT:
        return value
    note = None if value.note is None else _cut(value.note)
    return replace(value, zone=_cut(value.zone), source=_cut(value.source), note=note)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _is_plausible(use: Use) -> bool:
    """Return whether sums of such numbers stay numbers; NaN is not plausible either."""
    _, start_joules, joules, coverage, noise_joules, _ = use
    return abs(start_joules) < _MOST and abs(joules or 0.0) < _MOST and abs(noise_joules) < _MOST and 0 <= coverage <= 2
