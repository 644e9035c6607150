"""`stop_and_confirm` on a real terminal, and where there is none."""

import os
import pty
import subprocess
import sys
import time
from contextlib import suppress

import pytest

SCRIPT = """
from carbonsdk import CarbonTracker
tracker = CarbonTracker(epochs=4, epochs_before_pred=2, stop_and_confirm=True, sim_cpu="X", sim_cpu_tdp=100, zone="DK")
try:
    for epoch in range(4):
        tracker.epoch_start()
        tracker.epoch_end()
        print(f"trained epoch {epoch + 1}", flush=True)
    tracker.stop()
finally:
    print("the user's own finally", flush=True)
"""
QUESTION = "Continue training (y/n)?"


class Terminal:
    """A process at a pseudo-terminal, and what it has shown so far."""

    def __init__(self, user, folder):
        self._end, end = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT], stdin=end, stdout=end, stderr=end, env=user, cwd=folder, start_new_session=True
        )
        os.close(end)
        self.shown = ""

    def until(self, text, count=1):
        """Read until the text was shown so many times."""
        deadline = time.monotonic() + 30
        while self.shown.count(text) < count:
            assert time.monotonic() < deadline, self.shown
            self._read()
        return self.shown

    def type(self, text):
        os.write(self._end, text.encode())

    def rest(self):
        """Read to the end of the process; return its exit code."""
        with suppress(OSError):  # Linux ends a terminal that nobody holds any more with EIO
            while self._read():
                pass
        return self.process.wait(30)

    def _read(self):
        piece = os.read(self._end, 4096).decode()
        self.shown += piece.replace("\r\n", "\n")
        return piece

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        os.close(self._end)


@pytest.fixture
def terminal(user, tmp_path):
    opened = Terminal(user, tmp_path)
    yield opened
    opened.close()


def test_the_forecast_stands_on_the_screen_before_the_question(terminal):
    shown = terminal.until(QUESTION)
    assert "Predicted consumption for 4 epoch(s):" in shown
    assert "trained epoch 1" in shown
    assert "trained epoch 2" not in shown


def test_y_goes_on_to_the_end(terminal):
    terminal.until(QUESTION)
    terminal.type("y\n")
    assert terminal.rest() == 0
    assert "trained epoch 4" in terminal.shown
    assert terminal.shown.count(QUESTION) == 1
    assert "Actual consumption for 4 epoch(s):" in terminal.shown


def test_anything_else_is_asked_again(terminal):
    terminal.until(QUESTION)
    terminal.type("maybe\n")
    terminal.until("Input not recognized. Try again (y/n):")
    terminal.type("Y\n")
    assert terminal.rest() == 0


def test_n_unwinds_the_user_s_code_after_telling_what_was_used(terminal):
    terminal.until(QUESTION)
    terminal.type("n\n")
    assert terminal.rest() == 1
    assert "trained epoch 2" not in terminal.shown
    assert "Actual consumption for 2 epoch(s):" in terminal.shown
    assert "the user's own finally" in terminal.shown
    assert "RunDeclined: the run was declined after its forecast" in terminal.shown


def test_the_end_of_input_is_no_answer_and_the_run_goes_on(terminal):
    terminal.until(QUESTION)
    terminal.type("\x04")  # Ctrl-D
    assert terminal.rest() == 0
    assert "trained epoch 4" in terminal.shown


def test_an_interrupt_at_the_question_is_the_user_s_own(user, tmp_path):
    terminal = Terminal(user, tmp_path)
    try:
        terminal.until(QUESTION)
        terminal.process.send_signal(2)
        assert terminal.rest() != 0
        assert "KeyboardInterrupt" in terminal.shown
        assert "the user's own finally" in terminal.shown
    finally:
        terminal.close()


def test_without_a_terminal_it_says_so_and_goes_on(script):
    done = script(SCRIPT)
    assert done.returncode == 0
    assert "WARNING - stop_and_confirm: there is no terminal to ask on, so the run goes on" in done.stdout
    assert QUESTION not in done.stdout
    assert "trained epoch 4" in done.stdout


def test_of_a_job_s_processes_the_first_alone_asks(user, tmp_path):
    terminal = Terminal({**user, "RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}, tmp_path)
    try:
        assert terminal.rest() == 0
        assert QUESTION not in terminal.shown
        assert "trained epoch 4" in terminal.shown
    finally:
        terminal.close()


def test_without_any_standard_input_it_does_not_hang_either(script):
    done = script(f"import sys\nsys.stdin = None\n{SCRIPT}")
    assert done.returncode == 0
    assert "there is no terminal to ask on" in done.stdout
