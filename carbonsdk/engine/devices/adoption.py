"""From a backend's answer to a device of the run: labelled, and with an account in the ledger."""

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from carbonsdk.engine.books import Books
from carbonsdk.engine.devices.answer import Answer
from carbonsdk.engine.devices.channel import Channel
from carbonsdk.engine.plan import Plan
from carbonsdk.model import Device, DeviceKind

if TYPE_CHECKING:
    from carbonsdk.engine.processes.attribution import Attribution


class Adopted(NamedTuple):
    """A device that is measured from now on: as its backend knows it, and as everybody else does."""

    channel: Channel
    account: int
    device: Device
    labelled: Device


class Adoption:
    """Opens the accounts of devices that were chosen, and of the overhead that follows from the first of them."""

    def __init__(self, plan: Plan, books: Books, *, attribution: "Attribution | None") -> None:
        self._host, self._ledger, self._clock = plan.info.host, books.ledger, books.clock
        self._attribution = attribution
        self._overhead = plan.overhead if plan.overhead and DeviceKind.OTHER in plan.kinds else None

    def adopt(self, channel: Channel, answer: Answer) -> Adopted:
        """Open the account of a device, with the reading that its backend answered with."""
        # The backend is asked by its own value; everybody else hears whose device it is, and where.
        labelled = replace(answer.device, backend=channel.plan.name, host=self._host)
        part = None
        if self._attribution is not None and channel.source is not None:
            labelled, part = self._attribution.adopt(labelled, channel.source.backend)
        index = self._ledger.open_account(labelled, self._clock.monotonic_ns())
        if answer.first is not None:
            self._ledger.record(index, answer.first)
        else:
            self._ledger.silence(index, answer.reason or "it gives no reading")
        if part is not None:
            self._ledger.attribute(index, part, answer.first)
        return Adopted(channel, index, answer.device, labelled)

    def add_overhead(self, adopted: list[Adopted]) -> list[tuple[int, Device]]:
        """Open the account of what no sensor sees, once there is a device for it to follow."""
        overhead = self._overhead
        if overhead is None or not adopted:
            return []
        self._overhead = None
        simulated = all(each.labelled.simulated for each in adopted)
        device = overhead.device(host=self._host, simulated=simulated)
        if self._attribution is not None:
            device = self._attribution.owned(device)
        return [(self._ledger.open_overhead(overhead, device, self._clock.monotonic_ns()), device)]
