"""A command that carbonsdk runs cannot tell that it does, and neither can whoever waits for it."""

import os
import pty
import signal
import subprocess
import sys

import pytest

WRAPPER = """
import sys
from carbonsdk.cli import child
with child.signals_held() as mask:
    code = child.run(sys.argv[1:], mask=mask)
sys.exit(code)
"""

# Says each signal that arrives, and ends at the second "end" on its input.
LISTENER = """
import signal, sys
def heard(number, frame):
    print(signal.Signals(number).name, flush=True)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, heard)
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "end":
        break
sys.exit(7)
"""


def wrapped(*command, **keywords):
    return subprocess.Popen([sys.executable, "-c", WRAPPER, *command], text=True, **keywords)


@pytest.fixture
def listener():
    process = wrapped(sys.executable, "-c", LISTENER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    with process:
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_the_commands(code):
    assert wrapped("sh", "-c", f"exit {code}").wait() == code


@pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV"])
def test_a_command_that_a_signal_ended_ends_with_128_and_its_number(name):
    assert wrapped("sh", "-c", f"kill -{name} $$").wait() == 128 + signal.Signals[f"SIG{name}"]


def test_input_and_outputs_are_the_commands():
    process = wrapped("sh", "-c", "cat; echo aside >&2", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate("through\n") == ("through\n", "aside\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_a_signal_from_another_process_is_forwarded(listener, name):
    listener.send_signal(signal.Signals[name])
    assert listener.stdout.readline() == f"{name}\n"
    assert listener.communicate("end\n")[0] == ""
    assert listener.returncode == 7


def test_a_key_at_the_terminal_reaches_the_command_once():
    ours, theirs = pty.openpty()
    # The first to ask, in a session of its own, has the terminal from then on.
    script = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)" + WRAPPER
    process = subprocess.Popen(
        [sys.executable, "-c", script, sys.executable, "-c", LISTENER],
        **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        start_new_session=True,
    )
    os.close(theirs)
    with process, os.fdopen(ours, "r+b", buffering=0) as screen:
        until(screen, b"ready")
        screen.write(b"\x03")
        said = until(screen, b"SIGINT")
        screen.write(b"end\n")
        said += rest(screen)
    assert said.count(b"SIGINT") == 1
    assert process.returncode == 7


def test_the_commands_signals_work_as_anywhere():
    # `yes` ends by SIGPIPE, which Python has ignored for itself; the shell tells 128 + 13.
    process = wrapped("bash", "-c", "yes | head -1 >/dev/null; exit ${PIPESTATUS[0]}")
    assert process.wait() == 141


def test_the_signals_are_held_for_the_command_alone():
    process = wrapped(
        sys.executable, "-c", "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))", stdout=subprocess.PIPE
    )
    assert process.communicate()[0] == "set()\n"


def test_a_parent_that_ignores_ended_children_does_not_make_us_wait_for_ever():
    script = "trap '' CHLD; exec " + " ".join([f"'{sys.executable}'", "-c", '"$WRAPPER"', "true"])
    assert subprocess.run(["bash", "-c", script], env={**os.environ, "WRAPPER": WRAPPER}, timeout=30).returncode == 0


def test_a_command_that_is_not_there_is_told():
    process = wrapped("no-such-command-anywhere", stderr=subprocess.PIPE)
    assert "FileNotFoundError" in process.communicate()[1]


def until(screen, wanted):
    said = b""
    while wanted not in said:
        said += screen.read(1024)
    return said


def rest(screen):
    said = b""
    try:
        while part := screen.read(1024):
            said += part
    except OSError:  # Linux ends a terminal whose other side is gone with EIO
        pass
    return said
