"""What a run has used so far, as metrics. What is not known is left out; it is not 0."""

from datetime import datetime

from carbonsdk.plugin import Device, EpochReport, PowerSampled, RunInfo, RunReport
from carbonsdk_prometheus.exposition import Labels, Metric, written

ENERGY = Metric("carbonsdk_energy_joules_total", "counter", "Energy that a device has used in a run.")
POWER = Metric("carbonsdk_power_watts", "gauge", "Mean power of a device in about the last second.")
EPOCHS = Metric("carbonsdk_epochs_total", "counter", "Epochs of a run that have ended.")
CO2EQ = Metric(
    "carbonsdk_epochs_co2eq_grams_total", "counter", "CO2eq of the epochs that have ended, absent once one is unknown."
)


class Tally:
    """Sums that never fall: to Prometheus, a counter that falls has begun anew."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}
        self._joules: dict[str, float] = {}
        self._watts: dict[str, float] = {}
        self._sampled: datetime | None = None
        self._epochs = 0
        self._grams: float | None = 0.0
        self._provisional: dict[int, float] = {}
        self._most_grams = 0.0

    def sample(self, event: PowerSampled) -> None:
        """Take in the mean power since the sample before, and so the energy."""
        seconds = 0.0 if self._sampled is None else (event.moment - self._sampled).total_seconds()
        self._sampled = event.moment
        self._watts = {device.id: watts for device, watts in event.watts if watts is not None}
        for device, watts in event.watts:
            self._devices[device.id] = device
            if watts is not None and seconds > 0:
                self._joules[device.id] = self._joules.get(device.id, 0.0) + watts * seconds

    def epoch(self, report: EpochReport) -> None:
        """Take in an epoch that has ended, or the final figures of one that was provisional."""
        before = self._provisional.pop(report.number, None)
        if before is None:
            self._epochs += 1
        grams = report.co2eq_grams
        self._grams = None if self._grams is None or grams is None else self._grams - (before or 0.0) + grams
        if report.provisional and grams is not None:
            self._provisional[report.number] = grams
        self._most_grams = max(self._most_grams, self._grams or 0.0)

    def finish(self, report: RunReport) -> None:
        """Take in the run's own totals: what was used before the first sample and after the last is in them."""
        self._watts = {}
        for each in report.devices:
            self._devices[each.device.id] = each.device
            if each.energy.joules is not None:
                self._joules[each.device.id] = max(each.energy.joules, self._joules.get(each.device.id, 0.0))

    def text(self, run: RunInfo) -> str:
        """Return all metrics in Prometheus' text format."""
        who = {"run_id": run.run_id, "run_name": run.name or "", "rank": str(run.rank), "pid": str(run.pid)}
        co2eq = [] if self._grams is None else [(who, self._most_grams)]
        return (
            written(ENERGY, [(who | _of(self._devices[key]), joules) for key, joules in self._joules.items()])
            + written(POWER, [(who | _of(self._devices[key]), watts) for key, watts in self._watts.items()])
            + written(EPOCHS, [(who, self._epochs)])
            + written(CO2EQ, co2eq)
        )


def _of(device: Device) -> Labels:
    labels = {
        "device": device.id,
        "device_name": device.name,
        "kind": device.kind.value,
        "quality": device.sensor.quality.value,
    }
    return labels | {"simulated": "true"} if device.simulated else labels
