"""A web service on loopback that answers as it is told, faults included."""

import json
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

_TRICKLE_S = 0.01


class Fault(StrEnum):
    """What a service may do instead of answering."""

    SILENCE = "silence"  # takes the request, never answers
    TRICKLE = "trickle"  # sends the body a byte at a time, without an end
    TRICKLED_HEADERS = "trickled headers"  # the same, with the headers
    HANG_UP = "hang up"  # closes the connection without a word


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON-able, text or bytes, a status, headers, and perhaps a fault."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None

    def encoded(self) -> bytes:
        """Return the body as bytes: what is neither bytes nor text as JSON."""
        match self.body:
            case bytes():
                return self.body
            case str():
                return self.body.encode()
            case _:
                return json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in; header names in lower case."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


class LoopbackService:
    """A server on a free port of 127.0.0.1, for `with`.

    `service.on("/v4/latest", {"zone": "DE"})` sets what a path answers; given several answers it gives them in turn, and the
    last one from then on. A path that was not set answers as `"*"` does, and without that 404. `service.asked` is what came in.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: dict[str, deque[Reply]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Return the base address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, path: str, *replies: Any) -> None:
        """Set what `path` answers: each a `Reply`, a `Fault`, or a body that is sent with status 200."""
        with self._lock:
            self._replies[path] = deque(_reply(each) for each in replies)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, asked: Asked) -> Reply:
        """Note a request and return its answer; called by the server's threads."""
        with self._lock:
            self.asked.append(asked)
            replies = self._replies.get(asked.path) or self._replies.get("*")
            if not replies:
                return Reply({"error": f"nothing at {asked.path}"}, 404)
            return replies.popleft() if len(replies) > 1 else replies[0]

    def pause(self, seconds: float | None) -> bool:
        """Wait, but not beyond the end of the service; return whether it is over."""
        return self._over.wait(seconds)


def _reply(given: Any) -> Reply:
    match given:
        case Reply():
            return given
        case Fault():
            return Reply(fault=given)
        case _:
            return Reply(given)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: LoopbackService

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: that is what faults make them do."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def answer(self) -> None:
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, address.path, dict(parse_qsl(address.query, keep_blank_values=True)), headers)
        reply = self.server.service.take(asked)
        with suppress(OSError):
            self._send(reply)

    do_GET = do_PUT = do_POST = answer  # noqa: N815 - the names are http.server's

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""

    def _send(self, reply: Reply) -> None:
        match reply.fault:
            case Fault.HANG_UP:
                return
            case Fault.SILENCE:
                self.server.service.pause(None)
                return
            case Fault.TRICKLED_HEADERS:
                self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
                self._trickle()
                return
            case _:
                pass
        body = reply.encoded()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.fault is None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if reply.fault is Fault.TRICKLE:
            self._trickle()

    def _trickle(self) -> None:
        while not self.server.service.pause(_TRICKLE_S):
            self.wfile.write(b" ")
            self.wfile.flush()
