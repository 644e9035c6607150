"""The backend: one powermetrics a run, restarted where it ends."""

import logging
from collections.abc import Sequence

from carbonsdk.plugin import (
    BackendUnavailable,
    Clock,
    CounterReading,
    Device,
    DeviceKind,
    DeviceLost,
    Quality,
    RetryLater,
    Sensor,
    SensorAbsent,
)
from carbonsdk_apple import AppleSettings
from carbonsdk_apple.rights import ELSE, command, refusal
from carbonsdk_apple.samples import PARTS
from carbonsdk_apple.stream import Stream

BIAS = 0.3
"""Apple publishes no error. powermetrics(1) says that its values "are estimated and may be inaccurate", and are not to be used
to compare devices: a wide guess rather than a narrow one."""

_NOTE = "estimated by macOS, which says that it may be inaccurate, and not to compare machines by it"
_FIRST_SAMPLE_S = 5.0
_SILENCE_S = 5.0
_KINDS = {"cpu": DeviceKind.CPU, "gpu": DeviceKind.GPU, "ane": DeviceKind.OTHER, "dram": DeviceKind.MEMORY}
_NAMES = {"cpu": "Apple CPU", "gpu": "Apple GPU", "ane": "Apple Neural Engine", "dram": "Memory"}


class AppleBackend:
    """The energy that powermetrics tells of, summed up. A sum stands still between two samples, `interval_ms` apart."""

    def __init__(self, settings: AppleSettings, *, clock: Clock, log: logging.Logger) -> None:
        self._interval_s = settings.interval_ms / 1e3
        self._interval_ms = settings.interval_ms
        self._clock, self._log = clock, log
        self._command: list[str] = []
        self._stream: Stream | None = None

    def open(self) -> Sequence[Device]:
        """Start powermetrics and wait for its first sample; raise SensorAbsent or PermissionDenied, with the remedy."""
        self.close()
        self._command = command(self._interval_ms)
        stream = self._stream = self._started()
        if not stream.await_samples(1, self._interval_s + _FIRST_SAMPLE_S):
            raise self._refused(stream)
        joules = stream.joules()
        if not joules:
            self.close()
            raise SensorAbsent(f"powermetrics tells no energy here: this is no Apple Silicon. {ELSE}")
        return [self._device(part, stream.model) for part in PARTS if part in joules]

    def read(self, device: Device) -> CounterReading:
        """Return what the samples so far add up to; waits for nothing."""
        stream = self._stream
        if stream is None:
            raise DeviceLost(f"{device.name} is not open in apple")
        if stream.ended:
            raise self._restarted(stream)
        silence_s = (self._clock.monotonic_ns() - stream.last_ns) / 1e9
        if silence_s > max(_SILENCE_S, 10 * self._interval_s):
            raise RetryLater(f"powermetrics has said nothing for {silence_s:.0f} s")
        joules = stream.joules().get(device.id)
        if joules is None:
            raise RetryLater(f"{device.name}: powermetrics has not told of it yet")
        return CounterReading(joules)

    def close(self) -> None:
        """End powermetrics, and all that it started."""
        stream, self._stream = self._stream, None
        if stream is not None and not stream.stop():
            self._log.warning("apple: powermetrics has not ended: it will when it writes its next sample")

    def _started(self) -> Stream:
        try:
            return Stream(self._command, clock=self._clock, log=self._log, interval_s=self._interval_s)
        except OSError as error:
            raise SensorAbsent(f"{self._command[0]} cannot be run: {error.strerror}. {ELSE}") from error

    def _restarted(self, ended: Stream) -> DeviceLost:
        """Start powermetrics again: its sums begin at 0, which the engine takes for the gap that it is."""
        said = ended.said()
        ended.stop()
        try:
            self._stream = self._started()
        except SensorAbsent as error:
            return DeviceLost(str(error))
        return DeviceLost(f"powermetrics ended and was started again{f' ({said})' if said else ''}")

    def _refused(self, stream: Stream) -> BackendUnavailable:
        ended, said = stream.ended, stream.said()
        self.close()
        if ended:
            return refusal(self._command, said)
        return SensorAbsent(f"powermetrics runs but gave no sample in {self._interval_s + _FIRST_SAMPLE_S:g} s. {ELSE}")

    def _device(self, part: str, model: str) -> Device:
        sensor = Sensor(method="powermetrics", quality=Quality.ESTIMATED, bias=BIAS, refresh_s=self._interval_s, note=_NOTE)
        name = f"{_NAMES[part]} ({model})" if model else _NAMES[part]
        return Device(id=part, kind=_KINDS[part], name=name, sensor=sensor)
