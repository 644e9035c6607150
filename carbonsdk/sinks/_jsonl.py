"""Events as lines of JSON, in a file or on standard output."""

import json
import sys
from pathlib import Path

from carbonsdk.events import Event
from carbonsdk.sinks._appending import append_line
from carbonsdk.sinks._event_fields import plain

STANDARD_OUTPUT = Path("-")


class JsonLines:
    """Writes each event as one object on one line. Many processes may append to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def handle(self, event: Event) -> None:
        """Write one line."""
        line = json.dumps({"schema": 1, **plain(event)}, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
        if self._path != STANDARD_OUTPUT:
            append_line(self._path, line.encode("utf-8", "backslashreplace"))
        elif sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.write(line)
            sys.stdout.flush()

    def close(self) -> None:
        """Do nothing: no file is open between lines."""
