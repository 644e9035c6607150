"""One cache of services' answers for all processes of a user: eight ranks make one request."""

import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from carbonsdk import files, units
from carbonsdk.clock import Clock
from carbonsdk.engine.sharing.lease import LEASE_S, Lease
from carbonsdk.errors import BadAnswer, JournalError, RateLimited, ServiceError, ServiceUnavailable
from carbonsdk.journal.shapes import reader
from carbonsdk.model import CarbonIntensity, jsonable

_POLL_S = 0.05
_REFUSAL_S = 30.0
_LONGEST_REFUSAL_S = 300.0
_MOST_VALUES = 10_000
_MOST_FILES = 256
_MOST_BYTES = 16 << 20
_REFUSALS: dict[str, type[ServiceError]] = {kind.__name__: kind for kind in (BadAnswer, RateLimited, ServiceUnavailable)}
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as parts that make it the same question, and for how long its answer is fresh."""

    parts: tuple[str, ...]
    fresh_s: float

    @property
    def name(self) -> str:
        """Return the file name of the answer."""
        return hashlib.sha256(json.dumps([_VERSION, *self.parts]).encode()).hexdigest()[:32]


class AnswerCache:
    """Answers, and refusals, in one file each; written whole or not at all, by any number of processes at once.

    Who finds no fresh answer takes a lease, a file beside it, and asks; the others wait for the answer. A lease is ignored
    after 30 s. Where the directory cannot be used every process asks for itself. `directory` is the user's cache directory
    unless given.
    """

    def __init__(self, clock: Clock, directory: Path | None = None) -> None:
        self._clock = clock
        self._directory = directory
        self._closed = threading.Event()

    def answer(self, question: Question, ask: Callable[[], Iterable[CarbonIntensity]]) -> tuple[CarbonIntensity, ...]:
        """Return the fresh answer, or have `ask` find one; raise what it raises. Blocks while another process asks."""
        place = self._place()
        if place is None:
            return tuple(ask())
        entry = place / f"{question.name}.json"
        lease = Lease(place / f"{question.name}.lease")
        patient_until_s = time.monotonic() + LEASE_S
        while True:
            found = self._known(entry)
            if found is not None:
                return found
            if lease.take() or time.monotonic() >= patient_until_s:
                break
            if self._closed.wait(_POLL_S):
                raise ServiceUnavailable("closed while another process was asking")
        try:
            return self._asked(entry, question, ask)
        finally:
            lease.release()

    def close(self) -> None:
        """End every wait for another process, from any thread."""
        self._closed.set()

    def _asked(
        self, entry: Path, question: Question, ask: Callable[[], Iterable[CarbonIntensity]]
    ) -> tuple[CarbonIntensity, ...]:
        # Whoever held the lease just before may have answered since the entry was looked at.
        found = self._known(entry)
        if found is not None:
            return found
        try:
            values = tuple(ask())
        except ServiceError as error:
            if type(error) in _REFUSALS.values() and not self._closed.is_set():
                asked_s = error.retry_after_s if isinstance(error, RateLimited) else None
                wait_s = _REFUSAL_S if asked_s is None else min(asked_s, _LONGEST_REFUSAL_S)
                refusal = {"kind": type(error).__name__, "text": str(error), "retry_after_s": asked_s}
                self._write(entry, {"refusal": refusal}, fresh_s=wait_s)
            raise
        if len(values) <= _MOST_VALUES:
            self._write(entry, {"values": jsonable(values)}, fresh_s=question.fresh_s)
        return values

    def _known(self, entry: Path) -> tuple[CarbonIntensity, ...] | None:
        found = self._fresh(entry)
        if isinstance(found, ServiceError):
            raise found
        return found

    def _fresh(self, entry: Path) -> tuple[CarbonIntensity, ...] | ServiceError | None:
        """Return what a fresh entry holds, None for one that is stale, damaged or not there."""
        try:
            held = json.loads(files.content(entry, most_bytes=_MOST_BYTES))
            age_s = units.seconds(self._now_ns() - reader(int)(held["written_ns"]))
            if not 0 <= age_s < reader(float)(held["fresh_s"]):
                return None
            if "values" in held:
                return _values(held["values"])
            refusal = held["refusal"]
            kind = _REFUSALS[refusal["kind"]]
            if kind is RateLimited:
                return RateLimited(str(refusal["text"]), reader(float | None)(refusal["retry_after_s"]))
            return kind(str(refusal["text"]))
        except (OSError, ValueError, TypeError, LookupError, JournalError, RecursionError):
            return None

    def _write(self, entry: Path, held: dict[str, object], *, fresh_s: float) -> None:
        document = {"written_ns": self._now_ns(), "fresh_s": fresh_s, **held}
        draft = entry.with_name(f"{entry.stem}.{secrets.token_hex(4)}.tmp")
        with suppress(OSError):
            try:
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(json.dumps(document).encode())
                draft.replace(entry)
            finally:
                draft.unlink(missing_ok=True)
            _prune(entry.parent)

    def _place(self) -> Path | None:
        """Return the directory, made if need be; None where it cannot be used."""
        try:
            if self._directory is None:
                from platformdirs import user_cache_path

                place = user_cache_path("carbonsdk", appauthor=False) / "intensity"
                if not place.is_absolute():  # older releases leave the `~` of who has no home as it stands
                    return None
                self._directory = place
            files.private_directory(self._directory)
        except (OSError, RuntimeError):  # RuntimeError: there is no home directory
            return None
        return self._directory if os.access(self._directory, os.W_OK) else None

    def _now_ns(self) -> int:
        return self._clock.wall_ns(self._clock.monotonic_ns())


def _values(held: Sequence[object]) -> tuple[CarbonIntensity, ...]:
    read = reader(CarbonIntensity)
    return tuple(read(value) for value in held)


def _prune(place: Path) -> None:
    """Keep the newest files, up to a number and a size; what others delete meanwhile is gone anyway."""
    found: list[tuple[float, int, Path]] = []
    for path in place.iterdir():
        with suppress(FileNotFoundError):
            about = path.stat()
            found.append((about.st_mtime, about.st_size, path))
    kept_bytes = 0
    for place_in_line, (_, size, path) in enumerate(sorted(found, reverse=True)):
        kept_bytes += size
        if place_in_line >= _MOST_FILES or kept_bytes > _MOST_BYTES:
            path.unlink(missing_ok=True)
