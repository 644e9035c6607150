"""No network, or one that hangs: the training is not delayed, and what is used instead is told once."""

import time

import pytest
from support.services import FAULTS, TOKEN

import carbonsdk as ct
from carbonsdk.testing.http import LoopbackService

MEASURED = """
import socket, time
{network}
told = threading.Event()
before = time.monotonic()
tracker = ct.CarbonTracker(
    backends={{"replay": {{"watts": {{"cpu": 100}}}}}}, verbose=0, epochs=3, locate={locate!r}, zone={zone!r},
    api_keys={{"electricitymaps": "a-t0ken-that-is-none"}},
)
for _ in tracker.epochs():
    pass
trained = time.monotonic() - before
{wait}
before = time.monotonic()
report = tracker.stop()
assert trained < 2.5, trained  # a connection alone is given 3 s
assert time.monotonic() - before < 2.0
assert report.co2eq_grams > 0
print(len([text for text in report.warnings if "electricitymaps" in text]), report.intensity.grams_per_kwh)
print(*[text for text in report.warnings if "stuck" in text])
"""
TOLD = 'tracker._session.notices.listen(lambda text: "electricitymaps" in text and told.set())\nassert told.wait(10)'


NONE = """
def refuse(*args, **kwargs):
    raise socket.gaierror(-3, "Temporary failure in name resolution")
socket.getaddrinfo = refuse
"""

HANGS = """
asked = threading.Event()
socket.getaddrinfo = lambda *args, **kwargs: asked.set() or threading.Event().wait()
"""


def test_without_a_network_the_table_is_used_and_that_is_told_once(programs):
    ran = programs.run(MEASURED.format(network=NONE, locate=None, zone="DE", wait=TOLD), environ={"XDG_CACHE_HOME": "cache"})
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.split("\n")[0] == "1 344.1"  # of Germany, as the table has it
    assert "t0ken" not in " ".join(ran.report().warnings)


@pytest.mark.parametrize("zone", ["DE", None])
def test_names_that_are_never_resolved_hold_up_nobody_and_the_thread_is_named(programs, zone):
    source = MEASURED.format(network=HANGS, locate="ip", zone=zone, wait="assert asked.wait(10)")
    ran = programs.run(source, environ={"XDG_CACHE_HOME": "cache"})
    assert (ran.code, ran.err) == (0, "")
    assert "the thread carbonsdk-intensity" in ran.out


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_a_service_delays_the_training_or_gives_away_the_token(tmp_path, monkeypatch, fault):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with LoopbackService() as service:
        service.on("*", FAULTS[fault][0])
        tracker = ct.CarbonTracker(
            backends={"replay": {"watts": {"cpu": 100}}},
            zone="DE",
            fetchers={"electricitymaps": {"base_url": service.url}, "static": {}},
            api_keys={"electricitymaps": TOKEN},
            settle_s=0.9,  # a run this short asks no service without
            state_dir=tmp_path / "state",
            verbose=0,
        )
        slowest_s = 0.0
        for _ in range(200):
            before = time.perf_counter()
            with tracker.epoch():
                pass
            slowest_s = max(slowest_s, time.perf_counter() - before)
        before = time.perf_counter()
        report = tracker.stop()
        stopped_s = time.perf_counter() - before
        assert service.asked
    assert slowest_s < 1.0
    assert stopped_s < 3.0
    assert report.epoch_count == 200
    assert report.intensity.grams_per_kwh == 344.1
    told = [text for text in report.warnings if "electricitymaps" in text]
    assert len(told) == len(set(told)) <= 2  # what went wrong; a thread that was left in a call
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN not in written + repr(report)
