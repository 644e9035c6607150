"""What tests of several parts share."""

import signal
from datetime import UTC, datetime, timedelta

import pytest

from carbonsdk.events import RunInfo
from carbonsdk.journal.records import DeviceFound, EpochEnded, IntensityKnown, RunBegan, RunEnded, SlotClosed, StateNoted, Use
from carbonsdk.model import CarbonIntensity, Device, DeviceKind, Quality, Sensor, Zone
from carbonsdk.testing.nvml import NoCompiler, build_library


@pytest.fixture(scope="session", autouse=True)
def _interruptible():
    """Have programs that tests start hear an interrupt: a shell's background jobs are told to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def fake_nvml_library(tmp_path_factory):
    """The path of a libnvidia-ml.so.1 that the real pynvml loads; see carbonsdk.testing.nvml."""
    try:
        return build_library(tmp_path_factory.mktemp("nvml"))
    except NoCompiler as error:
        pytest.skip(str(error))


class Sample:
    """Records of a made-up run that began at second 0 (2026-11-22 12:00 UTC): times in seconds, one device a number."""

    START = datetime(2026, 11, 22, 12, tzinfo=UTC)
    ZONE = Zone(key="DE")

    @classmethod
    def ns(cls, second):
        return 1_795_348_800_000_000_000 + round(second * 1_000_000_000)

    @classmethod
    def run(cls, start_s=0, *, run_id="20261122-120000-ab12cd", rank=0, host="alpha", pid=4242, attempt=1, **more):
        info = {"name": None, "world_size": 1, "command": "train.py", "version": "0.1.0", "epochs_planned": None} | more
        start = cls.START + timedelta(seconds=start_s)
        info = RunInfo(run_id=run_id, host=host, rank=rank, pid=pid, start=start, attempt=attempt, **info)
        return RunBegan(info, cls.ns(start_s), cls.ZONE)

    @classmethod
    def device(cls, index=0, *, kind="cpu", id=None, host="alpha", backend="rapl", simulated=False, bias=0.0):  # noqa: A002
        sensor = Sensor(method="counter", quality=Quality.MEASURED, bias=bias)
        id = id or f"package-{index}"  # noqa: A001
        device = Device(id=id, kind=DeviceKind(kind), name=id, sensor=sensor, simulated=simulated, backend=backend, host=host)
        return DeviceFound(index, device, cls.ns(0))

    @classmethod
    def uses(cls, *pairs):
        """One device for each (start_joules, joules)."""
        return tuple(
            Use(index, float(start), None if joules is None else float(joules)) for index, (start, joules) in enumerate(pairs)
        )

    @classmethod
    def epoch(cls, number, start_s, end_s, *pairs, **more):
        return EpochEnded(number, "epoch", cls.ns(start_s), cls.ns(end_s), cls.uses(*pairs), **more)

    @classmethod
    def slot(cls, at_s, *joules):
        return SlotClosed(cls.ns(at_s), joules)

    @classmethod
    def state(cls, at_s, *joules, **more):
        return StateNoted(cls.ns(at_s), cls.uses(*((0.0, each) for each in joules)), **more)

    @classmethod
    def end(cls, at_s, *joules, **more):
        return RunEnded(cls.state(at_s, *joules, **more))

    @classmethod
    def intensity(cls, grams_per_kwh, start_s=None, end_s=None, *, zone="DE", replaces=None, **more):
        start, end = (None if second is None else cls.START + timedelta(seconds=second) for second in (start_s, end_s))
        value = CarbonIntensity(grams_per_kwh=grams_per_kwh, zone=zone, source="test", start=start, end=end, **more)
        return IntensityKnown(Zone(key=zone), (value,), replaces)


@pytest.fixture(scope="session")
def sample():
    """Make records; see Sample."""
    return Sample
