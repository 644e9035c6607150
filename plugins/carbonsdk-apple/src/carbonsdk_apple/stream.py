"""A powermetrics that runs beside us: its samples are summed up in a thread, and nothing of it is left behind."""

import contextlib
import logging
import os
import selectors
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence

from carbonsdk.plugin import Clock
from carbonsdk_apple.samples import Cutter, Unreadable, sample

_CHUNK_BYTES = 65_536
_GRACE_S = 1.0
_MOST_TEXT = 500


class Stream:
    """Joules by part since the first sample, or since the last that could not be read: then the sums begin again at 0.

    Sums that fall back tell the engine of a gap, where going on would hide one.
    """

    def __init__(self, command: Sequence[str], *, clock: Clock, log: logging.Logger, interval_s: float) -> None:
        self._clock, self._log, self._interval_s = clock, log, interval_s
        self._turn = threading.Condition()
        self._joules: dict[str, float] = {}
        self._samples = 0
        self._ended = self._stopped = False
        self.model = ""
        self.last_ns = clock.monotonic_ns()
        self._owner = os.getpid()
        self._wakes, self._wake = os.pipe()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the stream
        try:
            # A session of its own: no terminal to ask for a password at, no Ctrl-C meant for others, and one group to end.
            self._process = subprocess.Popen(  # noqa: S603 - an absolute path and fixed arguments
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said, start_new_session=True
            )
        except BaseException:
            self._let_go()
            raise
        self._thread = threading.Thread(target=self._follow, name="carbonsdk-powermetrics", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Return whether no more samples will come."""
        return self._ended

    def joules(self) -> dict[str, float]:
        """Return the sums now."""
        with self._turn:
            return dict(self._joules)

    def await_samples(self, count: int, timeout_s: float) -> bool:
        """Wait until so many samples were summed up, or none will come; return whether they were."""
        with self._turn:
            self._turn.wait_for(lambda: self._samples >= count or self._ended, timeout_s)
            return self._samples >= count

    def said(self) -> str:
        """Return the end of what powermetrics, or sudo in its place, wrote to stderr."""
        with contextlib.suppress(OSError, ValueError):
            # Not by seeking: the place in the file is the writer's as well.
            size = os.fstat(self._said.fileno()).st_size
            text = os.pread(self._said.fileno(), _MOST_TEXT, max(0, size - _MOST_TEXT))
            return " ".join(text.decode("utf-8", "replace").split())
        return ""

    def stop(self) -> bool:
        """End powermetrics and the thread; return whether both have ended.

        Root's process takes no signal from us: it ends by itself when it writes its next sample into a closed pipe.
        """
        if self._stopped or self._owner != os.getpid():
            return True  # a forked child has no part in its parent's process
        self._stopped = True
        with contextlib.suppress(OSError):
            os.write(self._wake, b".")
        self._thread.join(_GRACE_S)
        self._signal(signal.SIGTERM)
        gone = self._waited(self._interval_s + _GRACE_S)
        self._signal(signal.SIGKILL)
        gone = gone or self._waited(_GRACE_S)
        if not self._thread.is_alive():
            self._let_go()
        return gone and not self._thread.is_alive()

    def _follow(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 - it was asked for
        cutter = Cutter()
        with output, selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            selector.register(self._wakes, selectors.EVENT_READ)
            while self._wakes not in {key.fd for key, _ in selector.select()}:
                chunk = os.read(output.fileno(), _CHUNK_BYTES)
                if not chunk:
                    break
                self._take(cutter, chunk)
        with self._turn:
            self._ended = True
            self._turn.notify_all()

    def _take(self, cutter: Cutter, chunk: bytes) -> None:
        try:
            for listed in cutter.feed(chunk):
                self._add(listed)
        except Unreadable as error:
            self._begin_again(error)

    def _add(self, listed: bytes) -> None:
        try:
            told = sample(listed)
        except Unreadable as error:
            self._begin_again(error)
            return
        with self._turn:
            for part, joules in told.joules.items():
                self._joules[part] = self._joules.get(part, 0.0) + joules
            self.model = told.model
            self.last_ns = self._clock.monotonic_ns()
            self._samples += 1
            self._turn.notify_all()

    def _begin_again(self, error: Unreadable) -> None:
        self._log.warning("apple: %s; its energy is missing", error)
        with self._turn:
            self._joules = dict.fromkeys(self._joules, 0.0)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _waited(self, timeout_s: float) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _let_go(self) -> None:
        for descriptor in (self._wakes, self._wake):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._said.close()
