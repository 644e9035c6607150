"""Runs that are very short, very long, empty, or whose clocks do strange things."""

import contextvars
import threading
import time

import pytest
from support.simulated import Simulated, device, offer

import carbonsdk as ct
from carbonsdk.clock import SystemClock
from carbonsdk.testing.profile import Profile

DAY_S = 86_400


def run_epoch(sessions, session, seconds, *, every_s=1.0):
    with session.epoch("", None) as epoch:
        left = seconds
        while left > 1e-9:
            step = min(every_s, left)
            sessions.clock.advance(step)
            if step == every_s:
                session.tick(sessions.clock.monotonic_ns())
            left -= step
    return epoch


def test_an_epoch_of_10_ms_has_its_joule(sessions):
    session = sessions.make(watts=100)
    sessions.tick(session, 60)
    report = run_epoch(sessions, session, 0.01).report
    assert report.energy.joules == pytest.approx(1.0)
    assert report.duration_s == pytest.approx(0.01)
    assert report.energy.coverage == pytest.approx(1.0)


def test_an_epoch_of_three_days_has_every_joule_of_them(sessions):
    session = sessions.make(watts=100)
    report = run_epoch(sessions, session, 3 * DAY_S, every_s=60).report
    assert report.energy.joules == pytest.approx(100 * 3 * DAY_S)
    # 25.92 MJ are 7.2 kWh, at 360 g/kWh.
    assert report.co2eq_grams == pytest.approx(7.2 * 360)
    (account,) = session.ledger.accounts
    assert len(account.curve) < 2_000  # the past is folded


def test_no_epoch_at_all_is_a_run(sessions):
    session = sessions.make(watts=100)
    sessions.tick(session, 10)
    report = session.stop()
    assert report.epoch_count == 0
    assert report.energy.joules == pytest.approx(1000)


def test_zero_planned_epochs_are_no_iteration(tmp_path):
    with ct.CarbonTracker(epochs=0, backends=(), offline=True, zone="DE", verbose=0, state_dir=tmp_path) as tracker:
        assert list(tracker.epochs()) == []


def test_what_lies_outside_epochs_is_in_the_run_alone(sessions):
    session = sessions.make(watts=100)
    first = run_epoch(sessions, session, 10)
    sessions.tick(session, 5)
    second = run_epoch(sessions, session, 10)
    sessions.tick(session, 5)
    report = session.stop()
    assert [epoch.report.energy.joules for epoch in (first, second)] == [pytest.approx(1000)] * 2
    assert report.epochs_energy.joules == pytest.approx(2000)
    assert report.energy.joules == pytest.approx(3000)


@pytest.mark.parametrize("hours", [-1, 1, -24 * 365])
def test_a_wall_clock_that_is_set_moves_no_epoch(sessions, monkeypatch, hours):
    clock = SystemClock()
    session = sessions.make(watts=100, clock=clock)
    with session.epoch("", None) as first:
        pass
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + hours * 3_600 * 10**9)
    monkeypatch.setattr(time, "time", lambda: real() / 1e9 + hours * 3_600)
    with session.epoch("", None) as second:
        pass
    report = session.stop()
    assert 0 <= (second.report.start - first.report.end).total_seconds() < 5
    assert 0 <= report.duration_s < 5


def test_a_night_of_sleep_is_uncovered_where_the_counter_was_lost(sessions):
    # The machine goes on with its counter at 0: what it drew in its sleep nobody knows, and nothing is made up.
    backend = Simulated(sessions.clock, {device(): Profile.constant(100.0)})
    session = sessions.make(offer("rapl", backend))
    with session.epoch("", None) as epoch:
        for _ in range(60):
            sessions.tick(session)
        sessions.clock.advance(8 * 3_600)
        backend.start_ns = sessions.clock.monotonic_ns()
        for _ in range(60):
            sessions.tick(session)
    report = epoch.report
    assert report.energy.joules == pytest.approx(12_000, rel=0.02)
    assert report.energy.coverage == pytest.approx(120 / (120 + 8 * 3_600), rel=0.05)
    assert report.energy.partial


def test_the_clock_goes_on_while_a_laptop_sleeps(programs):
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this system has no clock that counts sleep")
    ran = programs.run(
        """
        import time
        real, slept_ns = time.clock_gettime_ns, 0
        # One clock of the kernel's counts a sleep, and Python's monotonic one does not: clock_gettime(2).
        time.clock_gettime_ns = lambda clock: real(clock) + (slept_ns if clock == time.CLOCK_BOOTTIME else 0)
        with ct.CarbonTracker(**SETTINGS) as tracker:
            with tracker.epoch() as epoch:
                slept_ns = 8 * 3_600 * 10**9
        report = epoch.report
        print(round(report.duration_s / 3_600, 2), round((report.end - report.start).total_seconds() / 3_600, 2))
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "8.0 8.0\n", "")


def test_a_tracker_inside_another_is_the_current_one_until_it_ends(sessions, tmp_path):
    def tracker(name):
        return ct.CarbonTracker(backends=(), offline=True, zone="DE", verbose=0, state_dir=tmp_path, run_id=name)

    with tracker("outer") as outer:
        with tracker("inner") as inner, ct.epoch():
            assert ct.current() is inner
        assert ct.current() is outer
        with ct.epoch():
            pass
    assert [inner.report().epoch_count, outer.report().epoch_count] == [1, 1]


def test_many_threads_may_stop_a_run_at_once_in_the_middle_of_their_epochs(sessions):
    session = sessions.make(watts=100)
    together = threading.Barrier(8)
    reports = []

    def train():
        with session.epoch("", None):
            together.wait()
            reports.append(session.stop())

    threads = [threading.Thread(target=train) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert all(report is reports[0] for report in reports)
    assert reports[0].epoch_count == 8
    assert all(epoch.partial for epoch in reports[0].epochs)


def test_stop_reads_once_for_all_open_epochs_however_the_driver_hangs(sessions):
    backend = Simulated(sessions.clock, {device(): Profile.constant(100.0)})
    session = sessions.make(offer("slow", backend, inline=False))
    epochs = [contextvars.Context().run(session.epoch("", None).__enter__) for _ in range(200)]
    backend.gate = threading.Event()
    sessions.clock.advance(1)
    before = time.monotonic()
    report = session.stop()
    assert time.monotonic() - before < 2
    backend.gate.set()
    assert report.epoch_count == len(epochs)
    assert any("carbonsdk-slow is stuck" in text for text in report.warnings)


def test_power_times_time_is_energy_in_every_figure(sessions):
    session = sessions.make(watts=100)
    epochs = [run_epoch(sessions, session, seconds) for seconds in (0.25, 3, 7.5)]
    for report in (*(epoch.report for epoch in epochs), session.stop()):
        assert report.average_watts * report.duration_s == pytest.approx(report.energy.joules)
        assert report.energy.kwh * 3.6e6 == pytest.approx(report.energy.joules)
