"""The backend: what the daemon offers, tried once each, and read one at a time."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import replace

from carbonsdk.plugin import (
    BackendUnavailable,
    Device,
    DeviceLost,
    PermissionDenied,
    Quality,
    Reading,
    RetryLater,
    SensorAbsent,
    SensorMasked,
)
from carbonsdk_zeusd import ZeusdSettings
from carbonsdk_zeusd.daemon import Discovery, Garbled, Refusal, Zeusd
from carbonsdk_zeusd.devices import Offered, gpus, packages
from carbonsdk_zeusd.unix_http import NoAnswer

CPU_GROUP = "cpu-read"
GPU_GROUP = "gpu-read"
_UNAUTHORIZED = (401, 403)
_GONE = (errno.ENOENT, errno.ECONNREFUSED)
_START = "start it (`sudo zeusd serve`), or name its socket: ZEUSD_SOCK_PATH, or the setting `socket_path` of zeusd"


class ZeusdBackend:
    """RAPL zones and GPUs, read through the daemon.

    Each device has a request of its own: what fails, fails alone, and the clock's stamps around a reading are its own too.
    What is there and refuses its first reading is kept with quality "missing", so that a total over it is partial.
    """

    def __init__(self, daemon: Zeusd, settings: ZeusdSettings, *, environ: Mapping[str, str]) -> None:
        self._daemon = daemon
        self._settings = settings
        self._environ = environ
        self._offered: dict[str, Offered] = {}

    def open(self) -> Sequence[Device]:
        """Ask the daemon what there is, and try each; raise SensorAbsent, SensorMasked or PermissionDenied."""
        self.close()
        try:
            found = self._daemon.discover()
            groups = self._groups(found)
        except (NoAnswer, Refusal, Garbled) as error:
            raise self._unavailable(error) from error
        offered: list[Offered] = []
        if CPU_GROUP in groups:
            offered += packages(self._daemon, found.zones, self._settings.sys)
        hidden: str | None = None
        if GPU_GROUP in groups:
            boards, hidden = gpus(self._daemon, found.gpus, self._settings.gpus, self._environ)
            offered += boards
        if not offered:
            raise self._nothing(groups, hidden)
        tried = [self._tried(each) for each in offered]
        if all(each.device.sensor.quality is Quality.MISSING for each in tried):
            raise SensorAbsent(f"zeusd at {self._daemon.place} reads nothing: {tried[0].device.sensor.note}")
        self._offered = {each.device.id: each for each in tried}
        return [each.device for each in tried]

    def read(self, device: Device) -> Reading:
        """Ask for one device's counter or power; takes a millisecond, and at most the deadline."""
        offered = self._offered.get(device.id)
        if offered is None:
            raise DeviceLost(f"{device.name} is not open in zeusd")
        if offered.device.sensor.quality is Quality.MISSING:
            raise DeviceLost(f"{device.name}: {offered.device.sensor.note}")
        try:
            reading = offered.take()
        except NoAnswer as error:
            gone = error.cause is not None and error.cause.errno in _GONE
            raise (DeviceLost if gone else RetryLater)(f"zeusd at {self._daemon.place}: {error}") from error
        except Refusal as error:
            # A token that has expired comes back with a new process at best: leave the daemon alone meanwhile.
            raise (RetryLater if error.status >= 500 else DeviceLost)(f"{device.name}: {error}") from error
        except Garbled as error:
            raise RetryLater(f"{device.name}: {error}") from error
        if reading is None:
            raise RetryLater(f"{device.name}: zeusd has no value for it now")
        return reading

    def close(self) -> None:
        """Forget the devices: no connection outlives its request."""
        self._offered = {}

    def _groups(self, found: Discovery) -> frozenset[str]:
        """Return the groups that this user may ask."""
        if not found.wants_token:
            return found.groups
        if not self._daemon.has_token:
            raise PermissionDenied(
                f"zeusd at {self._daemon.place} wants a token: have its administrator issue one (`zeusd token issue --scope"
                f" {CPU_GROUP} …`) and set ZEUSD_TOKEN, or the setting `token` of zeusd"
            )
        return found.groups & self._daemon.scopes()

    def _tried(self, offered: Offered) -> Offered:
        reason: str | None = None
        try:
            if offered.take() is None:
                reason = "zeusd has no value for it"
        except (NoAnswer, Refusal, Garbled) as error:
            reason = str(error)
        if reason is None:
            return offered
        sensor = replace(offered.device.sensor, method="none", quality=Quality.MISSING, bias=0.0, note=reason)
        return replace(offered, device=replace(offered.device, sensor=sensor))

    def _unavailable(self, error: NoAnswer | Refusal | Garbled) -> BackendUnavailable:
        place = self._daemon.place
        if isinstance(error, Refusal) and error.status in _UNAUTHORIZED:
            return PermissionDenied(f"zeusd at {place} refuses the token ({error}): have a new one issued, and set ZEUSD_TOKEN")
        if not isinstance(error, NoAnswer):
            return SensorAbsent(f"what listens at {place} is no zeusd that this version knows: {error}")
        match error.cause:
            case PermissionError():
                return PermissionDenied(
                    f"this user may not use {place}: have zeusd started with `--socket-permissions 666`, or with a"
                    " `--socket-gid` of a group that you are in"
                )
            case FileNotFoundError():
                return SensorAbsent(f"there is no socket of zeusd at {place}: {_START}")
            case ConnectionRefusedError():
                return SensorAbsent(f"no zeusd listens at {place}: {_START}")
        return SensorAbsent(f"zeusd at {place} does not answer: {error}")

    def _nothing(self, groups: frozenset[str], hidden: str | None) -> BackendUnavailable:
        place = self._daemon.place
        if hidden is not None:
            return SensorMasked(
                f"zeusd at {place} offers GPUs alone, and {hidden} shows this process only some of them: name yours with the"
                " setting `gpus` of zeusd"
            )
        if not groups & {CPU_GROUP, GPU_GROUP}:
            return PermissionDenied(
                f"zeusd at {place} lets this user read nothing: it must be started with `--enable {CPU_GROUP},{GPU_GROUP}`,"
                " and a token must be for these scopes"
            )
        return SensorAbsent(f"zeusd at {place} sees neither a RAPL zone nor a GPU")
