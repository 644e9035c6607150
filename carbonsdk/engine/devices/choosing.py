"""Which devices a run measures: adopted as their backends answer, the best of each kind, and none twice."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.adoption import Adopted, Adoption
from carbonsdk.engine.devices.channel import EDGE_WAIT_S, Channel
from carbonsdk.engine.devices.selection import Selection
from carbonsdk.engine.guard import Guard
from carbonsdk.engine.plan import Plan
from carbonsdk.interruption import taken
from carbonsdk.model import Device
from carbonsdk.reports import Choice

if TYPE_CHECKING:
    from carbonsdk.engine.devices.residents import Residents
    from carbonsdk.engine.processes import Family
    from carbonsdk.engine.processes.attribution import Attribution

PATIENCE_S = 1.0  # how long a kind waits for a better backend than the one that has answered

OnChosen = Callable[[Sequence[tuple[int, Device]], tuple[Choice, ...]], None]


class Choosing:
    """Adopts devices until every backend has answered or its patience is over; thread-safe.

    `live` are the channels with an adopted device, `sampled` says whether a sensor of instantaneous power is among these.
    `settled` is notified after each round. `on_chosen` hears of each round of newly adopted devices, in a channel's thread.
    """

    def __init__(
        self,
        plan: Plan,
        channels: Sequence[Channel],
        books: Books,
        *,
        family: "Callable[[], Family]",
        on_chosen: OnChosen,
    ) -> None:
        self.live: tuple[Channel, ...] = ()
        self.sampled = False
        self._lock = threading.RLock()
        self.settled = threading.Condition(self._lock)
        self._channels, self._books, self._on_chosen = channels, books, on_chosen
        self._residents = self._watched(family) if plan.devices_by_pid else None
        self._selection = Selection(plan.kinds, *([self._residents.objection] if self._residents else ()))
        self._attribution = None if plan.share_policy is None else self._attributed(plan, plan.share_policy, family)
        self._adoption = Adoption(plan, books, attribution=self._attribution)
        self._patient_until = time.monotonic() + PATIENCE_S
        self._ended = False
        self._decided = False  # nothing will be chosen any more
        self._told: tuple[Choice, ...] | None = None

    def _watched(self, family: "Callable[[], Family]") -> "Residents":
        from carbonsdk.engine.devices.residents import Residents

        return Residents(family, notices=self._books.notices, on_found=self.choose)

    def _attributed(self, plan: Plan, policy: str, family: "Callable[[], Family]") -> "Attribution":
        from carbonsdk.engine.processes.attribution import Attribution

        return Attribution(policy, family=family, clock=self._books.clock, baselines=plan.baselines)

    def start(self) -> None:
        """Open every backend in a thread of its own, and choose as they answer."""
        for channel in self._channels:
            channel.start(self._on_settled)
        if self._residents is not None:
            self._residents.start(self._channels)
        if not self._channels:
            self.choose()

    def _on_settled(self, _channel: Channel) -> None:
        if self._residents is not None:
            self._residents.nudge()
        self.choose()

    def choose(self) -> None:
        """Adopt what can be adopted by now; nothing, once the run has ended."""
        with self._lock:
            if self._ended:
                return
            patient = time.monotonic() < self._patient_until
            chosen = self._selection.decide(self._channels, patient=patient)
            adopted = [self._adoption.adopt(channel, answer) for channel, answer in chosen]
            self.sampled = self.sampled or any(answer.is_sampled for _, answer in chosen)
            if adopted:
                self._hand_over(adopted)
                self._drop_superseded()
            answered = not any(channel.state == "opening" for channel in self._channels)
            held_back = any(self._selection.held_back(channel) for channel in self._channels)
            if answered and not self.live and not adopted and not held_back:
                self._books.notices.missing("nothing here can be measured; `carbonsdk doctor` tells why, and what to do")
            self._decided = answered and not patient
            if adopted or (answered and self.choices != self._told):
                added = [(each.account, each.labelled) for each in adopted]
                self._told = self.choices
                self._on_chosen(added + self._adoption.add_overhead(adopted), self._told)
            self.settled.notify_all()

    def _hand_over(self, adopted: list[Adopted]) -> None:
        for channel in dict.fromkeys(each.channel for each in adopted):
            assert channel.source is not None  # noqa: S101 - a ready channel has one
            channel.source.adopt([(each.account, each.device) for each in adopted if each.channel is channel])
            if channel not in self.live:
                self.live = (*self.live, channel)

    def _drop_superseded(self) -> None:
        for name, device in self._selection.superseded():
            for channel in self.live:
                if channel.plan.name == name and channel.source is not None:
                    channel.source.abandon(device.id, "another device's counter holds its energy")

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Return what was chosen and what was not, with reasons."""
        with self._lock:
            return self._selection.choices(self._channels)

    def tick(self) -> None:
        """Look for the processes that count, and choose again once patience is over."""
        if self._attribution is not None:
            with Guard("looking for this process's children", self._books.notices.fault):
                self._attribution.refresh()
        if not self._decided and time.monotonic() >= self._patient_until:
            self.choose()

    def end(self) -> None:
        """Adopt nothing more; `stop` ends the thread that looks for processes."""
        if taken(self._lock, EDGE_WAIT_S):
            self._ended = True
            self._lock.release()

    def stop(self, timeout_s: float) -> str | None:
        """Return the name of the thread that looks for processes if it is stuck."""
        return None if self._residents is None else self._residents.stop(timeout_s)
