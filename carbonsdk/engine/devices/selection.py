"""Choosing what to measure with, so that every device is measured by the best that answers, and none twice."""

from collections.abc import Callable, Iterable, Sequence

from carbonsdk.engine.devices.answer import Answer
from carbonsdk.engine.devices.channel import Channel
from carbonsdk.model import Device, DeviceKind
from carbonsdk.reports import Choice

# A machine has many of these, seen by several backends: each is told by its id. Of the others one backend sees all.
_TOLD_BY_ID = frozenset({DeviceKind.GPU, DeviceKind.OTHER})


class Selection:
    """What was chosen so far. Choices are final; a backend that answers late gets what is still unmeasured.

    `objection` may hold a device back, with a reason, until it has none any more.
    """

    def __init__(
        self, kinds: frozenset[DeviceKind], objection: Callable[[str, Device], str | None] = lambda _name, _device: None
    ) -> None:
        self._kinds = kinds
        self._not_yet = objection
        self._winner: dict[DeviceKind, str] = {}
        self._adopted: list[tuple[str, Device]] = []
        self._refused: dict[tuple[str, str], str] = {}

    def decide(self, channels: Sequence[Channel], *, patient: bool) -> list[tuple[Channel, Answer]]:
        """Return the answers to adopt now, from the channels that are ready.

        A kind of which a better backend may still answer is left alone if `patient`.
        """
        adopt: list[tuple[Channel, Answer]] = []
        for kind in DeviceKind:
            if kind not in self._kinds:
                continue
            contenders = _by_worth(channels, kind)
            best = contenders[0].plan.preference if contenders else None
            if not (patient and any(_may_beat(channel, kind, best) for channel in channels)):
                for channel in contenders:
                    adopt.extend(self._take(channel, kind))
        return adopt

    def _take(self, channel: Channel, kind: DeviceKind) -> Iterable[tuple[Channel, Answer]]:
        name = channel.plan.name
        for answer in channel.answers:
            device = answer.device
            if device.kind is not kind or (name, device.id) in self._refused or self._has(name, device):
                continue
            against = self._objection(name, device)
            if against is not None:
                self._refused[name, device.id] = against
                continue
            if self._not_yet(name, device) is not None:
                continue
            self._winner.setdefault(kind, name)
            self._adopted.append((name, device))
            yield channel, answer

    def _has(self, name: str, device: Device) -> bool:
        return any(owner == name and each.id == device.id for owner, each in self._adopted)

    def _objection(self, name: str, device: Device) -> str | None:
        for owner, other in self._adopted:
            if device.kind in other.sensor.contains:
                return f"{other.name} ({owner}) holds its energy already"
            if device.kind in _TOLD_BY_ID and owner != name and _same(device, other):
                return f"{owner} measures it already"
        winner = self._winner.get(device.kind)
        if device.kind not in _TOLD_BY_ID and winner not in (None, name):
            return f"{winner} measures the {device.kind} already"
        return None

    def choices(self, channels: Iterable[Channel]) -> tuple[Choice, ...]:
        """Return what was chosen and what was not, with reasons."""
        told = []
        for channel in channels:
            name = channel.plan.name
            held_back = self.held_back(channel)
            mine = [device.name for owner, device in self._adopted if owner == name]
            if mine:
                told.append(Choice(backend=name, chosen=True, reason=_because(channel) + _less(held_back), devices=tuple(mine)))
                continue
            refusals = [reason for (owner, _), reason in self._refused.items() if owner == name]
            refusals += held_back
            reason = channel.reason or "; ".join(dict.fromkeys(refusals)) or _silence(channel)
            told.append(Choice(backend=name, chosen=False, reason=reason))
        return tuple(told)

    def held_back(self, channel: Channel) -> list[str]:
        """Return the devices of a channel that are not measured yet, each with the reason."""
        name = channel.plan.name
        return [
            f"{answer.device.name}: {why}"
            for answer in (channel.answers if channel.state == "ready" else ())
            if answer.device.kind in self._kinds
            and not self._has(name, answer.device)
            and (name, answer.device.id) not in self._refused
            and (why := self._not_yet(name, answer.device)) is not None
        ]

    def superseded(self) -> list[tuple[str, Device]]:
        """Return adopted devices whose energy a later one holds as well: they must not be counted any more."""
        return [
            (name, device)
            for name, device in self._adopted
            if any(device.kind in other.sensor.contains and other is not device for _, other in self._adopted)
        ]


def _by_worth(channels: Iterable[Channel], kind: DeviceKind) -> list[Channel]:
    """Return the ready channels that offer a kind: counter before power sensor before estimate, then by preference."""

    def worth(channel: Channel) -> tuple[bool, int, int]:
        ranks = [answer.device.sensor.quality.rank for answer in channel.answers if answer.device.kind is kind]
        return (not channel.plan.named, min(ranks), -channel.plan.preference)

    ready = [channel for channel in channels if channel.state == "ready"]
    return sorted((each for each in ready if any(answer.device.kind is kind for answer in each.answers)), key=worth)


def _may_beat(channel: Channel, kind: DeviceKind, preference: int | None) -> bool:
    plan = channel.plan
    if channel.state != "opening" or (plan.kinds and kind not in plan.kinds):
        return False
    return preference is None or plan.preference > preference


def _same(one: Device, other: Device) -> bool:
    return not ({one.id, *one.aliases}.isdisjoint({other.id, *other.aliases}))


def _because(channel: Channel) -> str:
    methods = dict.fromkeys(answer.device.sensor.method for answer in channel.answers)
    return ("named by the user: " if channel.plan.named else "answered: ") + ", ".join(methods)


def _less(held_back: Sequence[str]) -> str:
    return f"; without {', '.join(held_back)}" if held_back else ""


def _silence(channel: Channel) -> str:
    return "it has not answered yet" if channel.state == "opening" else "it offers nothing that was asked for"
