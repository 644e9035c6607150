"""The output log: the consumptions that carbontracker told its user."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from carbonsdk.carbontracker_logs.messages import Message, numbers, seconds
from carbonsdk.carbontracker_logs.standard import intensity
from carbonsdk.carbontracker_logs.values import LoggedUse

_CONSUMPTION = re.compile(r"(Actual|Predicted) consumption(?: for (\d{1,12}) epoch\(s\))?:\s*$", re.MULTILINE)
_EQUIVALENT = re.compile(r"\s*(\d+(?:\.\d+)?) (\S.*)")
_DECIMALS = re.compile(r"\s*\d{1,12}(?:\.(\d{0,300}))? ")


@dataclass(slots=True)
class OutputLog:
    """What the output log tells, gathered message by message."""

    actual: LoggedUse | None = None
    predicted: LoggedUse | None = None
    finished: bool = False
    grams_per_kwh: float | None = None
    location: str | None = None
    times: list[datetime] = field(default_factory=list)

    def take(self, messages: Iterable[Message]) -> None:
        """Take in the messages in order. Of several predictions the first counts, of several actual consumptions the last."""
        for message in messages:
            if message.at is not None:
                self.times = [*self.times[:1], message.at]
            self.finished = self.finished or "Finished monitoring." in message.text
            self.grams_per_kwh, self.location = intensity(message.text, (self.grams_per_kwh, self.location))
            if match := _CONSUMPTION.search(message.text):
                use = _use(message, match)
                if match[1] == "Actual":
                    self.actual = use
                else:
                    self.predicted = self.predicted or use


def _use(message: Message, heading: re.Match[str]) -> LoggedUse:
    figures: dict[str, str] = {}
    equivalents: dict[str, float] = {}
    for line in message.text[heading.end() :].split("\n"):
        name, colon, value = line.strip().partition(":")
        if colon and name in {"Time", "Energy", "CO2eq"}:
            figures[name] = value
        elif match := _EQUIVALENT.fullmatch(line):
            equivalents[match[2].strip()] = float(match[1])
    return LoggedUse(
        epochs=int(heading[2]) if heading[2] else None,
        duration_s=seconds(figures.get("Time", "")),
        kwh=_amount(figures.get("Energy", ""), "kWh"),
        grams=_amount(figures.get("CO2eq", ""), "g"),
        equivalents=equivalents,
        at=message.at,
        kwh_step=_step(figures.get("Energy", "")),
    )


def _step(text: str) -> float | None:
    """Return the unit of a number's last digit; None where it is none that was rounded to so many decimals."""
    match = _DECIMALS.match(text)
    return 10.0 ** -len(match[1] or "") if match else None


def _amount(text: str, unit: str) -> float | None:
    """Return the number before its unit; a value that lost its unit is torn."""
    number, found, _ = text.strip().partition(f" {unit}")
    values = numbers(number)
    value = values[0] if found and len(values) == 1 else None
    return value if value is not None and value >= 0 else None
