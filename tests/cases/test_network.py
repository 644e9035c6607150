"""No network, or one that hangs: the training is not delayed, and what is used instead is told once."""

import pytest

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
