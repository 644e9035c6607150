"""The standard log: devices, epochs with durations and powers, intensity, and how it ended.

Formats differ between releases: 1.x writes a list of powers (`[50.1 60.2]`, over several lines where it is long), 2.x the
mean over the devices as one number; 2.4 writes gCO2eq where earlier ones write gCO2.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from carbonsdk.carbontracker_logs.messages import Message, numbers, seconds
from carbonsdk.carbontracker_logs.values import LoggedEpoch

Powers = dict[str, tuple[float | None, ...]]

_VERSION = re.compile(r"(carbontracker|carbonsdk) version ([\w.+-]+)")
_PUE = re.compile(r"PUE coefficient of (\d{1,3}(?:\.\d{1,6})?)")
_FOUND = "The following components were found:"
_COMPONENT = re.compile(r"(\w{1,40}) with device\(s\) ")
_EPOCH = re.compile(r"Epoch (\d{1,12}):\s*$")
_POWER = re.compile(r"Average power usage \(W\) for (\w{1,40}): (.*)", re.DOTALL)
_EACH_POWER = re.compile(r"Power of each device \(W\) of (\w{1,40}): (.*)", re.DOTALL)
_CORRECTION = re.compile(r"Correction of epoch (\d{1,12}), power \(W\) of (\w{1,40}): (.*)", re.DOTALL)
_INTENSITY = re.compile(
    r"Average carbon intensity during training was (\d+(?:\.\d+)?) gCO2(?:eq)?/kWh(?: at detected location: ([^\n]+?))?\.\s*$"
)
_FETCHED = re.compile(r"Carbon intensities \(gCO2(?:eq)?/kWh\) fetched every [^\n]{1,40}? at detected location:? ([^\n]+?): \[")
_NOWHERE = frozenset({"undetected", "unknown", "none"})
_STOPPED = "Training was interrupted before all"
_ENDED = ("Monitoring thread ended", "Session ended by user")
_MOST_WATTS = 100_000.0
_MOST_COMPONENTS = 64
_MOST_DEVICES = 256  # of one component
_MOST_PROBLEMS = 1000


@dataclass(slots=True)
class _Open:
    number: int
    duration_s: float | None = None
    ended: datetime | None = None
    powers: Powers = field(default_factory=dict)


@dataclass(slots=True)
class StandardLog:
    """What the standard log tells, gathered message by message."""

    problems: list[str]
    program: str = "carbontracker"
    version: str | None = None
    pue: float | None = None
    devices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    averaged: set[str] = field(default_factory=set)
    early_stop: bool = False
    finished: bool = False
    grams_per_kwh: float | None = None
    location: str | None = None
    times: list[datetime] = field(default_factory=list)
    _epochs: dict[int, _Open] = field(default_factory=dict)
    _components: set[str] = field(default_factory=set)
    _next_number: int = 0
    _epoch: _Open | None = None

    def take(self, messages: Iterable[Message]) -> None:
        """Take in the messages in order."""
        for message in messages:
            if message.at is not None:
                self.times = [*self.times[:1], message.at]
            self._take(message)

    def epochs(self) -> tuple[LoggedEpoch, ...]:
        """Return the epochs that have ended, in order."""
        ended = []
        for each in self._epochs.values():
            if each.duration_s is None:
                self._note(f"epoch {each.number} has no duration and is left out")
            else:
                ended.append(LoggedEpoch(each.number, each.duration_s, each.powers, each.ended))
        return tuple(ended)

    def _take(self, message: Message) -> None:
        text = message.text
        if match := _EPOCH.match(text):
            # Monitoring that began again in one file counts on.
            number = int(match[1]) if int(match[1]) not in self._epochs else self._next_number
            self._next_number = max(self._next_number, number + 1)
            self._epoch = self._epochs[number] = _Open(number)
        elif text.startswith("Duration:"):
            self._duration(message)
        elif match := _POWER.match(text):
            self._power(match[1], match[2])
        elif match := _EACH_POWER.match(text):
            if self._epoch and self._knows(match[1].lower()):
                self._epoch.powers[match[1].lower()] = self._watts(match[2])
        elif match := _CORRECTION.match(text):
            if int(match[1]) in self._epochs and self._knows(match[2].lower()):
                self._epochs[int(match[1])].powers[match[2].lower()] = self._watts(match[3])
        else:
            self._about_the_run(text)

    def _about_the_run(self, text: str) -> None:
        if text.startswith(_FOUND):
            for name, devices in _components(text.removeprefix(_FOUND).replace("\n", " ")):
                if self._knows(name.lower()):
                    self.devices[name.lower()] = tuple(device.strip() for device in devices.split(", ")[:_MOST_DEVICES])
        elif match := _VERSION.match(text):
            self.program, self.version = match[1], match[2].rstrip(".,")
        elif match := _PUE.search(text):
            self.pue = float(match[1])
        elif text.startswith(_STOPPED):
            self.early_stop = True
        elif text.startswith(_ENDED):
            self.finished = True
        else:
            self._intensity(text)

    def _intensity(self, text: str) -> None:
        self.grams_per_kwh, self.location = intensity(text, (self.grams_per_kwh, self.location))

    def _duration(self, message: Message) -> None:
        if self._epoch is not None and self._epoch.duration_s is None:
            self._epoch.duration_s = seconds(message.text)
            self._epoch.ended = message.at

    def _power(self, component: str, text: str) -> None:
        component = component.lower()
        if self._epoch is None or not self._knows(component):
            return
        watts = self._watts(text)
        count = len(self.devices.get(component, ()))
        if count > 1 and len(watts) == 1 and "[" not in text and watts[0] is not None:
            # From 2.0 on, carbontracker flattens the readings of all devices and logs their mean.
            watts *= count
            self.averaged.add(component)
        self._epoch.powers[component] = watts

    def _knows(self, component: str) -> bool:
        """Return whether a component is one of those that are kept."""
        if len(self._components) < _MOST_COMPONENTS:
            self._components.add(component)
        return component in self._components

    def _watts(self, text: str) -> tuple[float | None, ...]:
        found = numbers(text)[:_MOST_DEVICES]
        odd = [watts for watts in found if watts is not None and not 0 <= watts <= _MOST_WATTS]
        if odd:
            self._note(f"{odd[0]:g} W is no power that a device has: left out")
        # carbontracker logs 0 where it was not allowed to read, or could not.
        absent = (0.0, *odd) if self.program == "carbontracker" else odd
        return tuple(None if watts is None or watts in absent or not math.isfinite(watts) else watts for watts in found)

    def _note(self, problem: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)


def _components(text: str) -> Iterator[tuple[str, str]]:
    """Yield each component with its devices, up to the full stop before the next one; without that it is torn."""
    headings = list(_COMPONENT.finditer(text))
    edges = [*(heading.start() for heading in headings), len(text)]
    for heading, end in zip(headings, edges[1:], strict=True):
        devices = text[heading.end() : end].rstrip()
        if devices.endswith("."):
            yield heading[1], devices[:-1]


def intensity(text: str, known: tuple[float | None, str | None]) -> tuple[float | None, str | None]:
    """Return mean intensity and location, as far as this message or those before it tell them."""
    grams_per_kwh, location = known
    place = None
    if match := _INTENSITY.search(text):
        grams_per_kwh, place = float(match[1]), match[2]
    elif match := _FETCHED.search(text):
        place = match[1]
    if place and place.strip().lower() not in _NOWHERE:
        location = place.strip()[:200]
    return grams_per_kwh, location


def named(devices: Mapping[str, tuple[str, ...]], epochs: Iterable[LoggedEpoch]) -> dict[str, tuple[str, ...]]:
    """Return a name for every device that has a power, also where the log names too few."""
    names = dict(devices)
    for epoch in epochs:
        for component, powers in epoch.powers.items():
            have = names.get(component, ())
            names[component] = (*have, *(f"{component} {number}" for number in range(len(have), len(powers))))
    return names
