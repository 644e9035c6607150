"""HTTP over a Unix socket: one connection a request, a deadline on the whole of it, and bounded answers."""

import http.client
import io
import os
import socket
import time
from pathlib import Path
from typing import Any

from carbonsdk.plugin import Secret

_CHUNK_BYTES = 65_536


class NoAnswer(Exception):
    """No usable HTTP answer came; `cause` is what the socket said, where it said something."""

    def __init__(self, text: str, cause: OSError | None = None) -> None:
        super().__init__(text)
        self.cause = cause


class UnixHttp:
    """Asks a server on a Unix socket.

    A timeout of a socket starts anew with every byte; here each wait gets what is left of `deadline_s`, so that a slow trickle
    ends as a silence does.
    """

    def __init__(self, path: Path, *, token: Secret, deadline_s: float, most_bytes: int = 1 << 20) -> None:
        self.path = path
        self.token = token
        self._deadline_s = deadline_s
        self._most_bytes = most_bytes

    def fetch(self, target: str) -> tuple[int, bytes]:
        """Return the status and body that a GET of `target` is answered with; raise NoAnswer."""
        try:
            return _parsed(self._exchange(self._request(target)))
        except TimeoutError as error:
            raise NoAnswer(f"no whole answer within {self._deadline_s:g} s", error) from error
        except OSError as error:
            raise NoAnswer(error.strerror or str(error), error) from error
        except http.client.HTTPException as error:
            raise NoAnswer(f"an answer that is not HTTP ({type(error).__name__})") from error

    def redacted(self, text: str) -> str:
        """Return `text` without the token."""
        return text.replace(self.token.reveal(), "…") if self.token else text

    def _request(self, target: str) -> bytes:
        lines = [f"GET {target} HTTP/1.1", "Host: localhost", "Accept: application/json", "Connection: close"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token.reveal()}")
        return "\r\n".join([*lines, "", ""]).encode()

    def _exchange(self, request: bytes) -> bytes:
        """Send the request and return all that comes until the server closes."""
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("this system's Python has no Unix sockets")
        ends_s = time.monotonic() + self._deadline_s
        received = bytearray()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(self._deadline_s)
            link.connect(os.fspath(self.path))
            link.sendall(request)
            while True:
                left_s = ends_s - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                link.settimeout(left_s)
                chunk = link.recv(_CHUNK_BYTES)
                if not chunk:
                    return bytes(received)
                received += chunk
                if len(received) > self._most_bytes:
                    raise NoAnswer(f"an answer of more than {self._most_bytes} bytes")


class _Received:
    """Bytes that came through a socket, as http.client wants to see them."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, *_mode: Any, **_options: Any) -> io.BytesIO:
        return io.BytesIO(self._received)


def _parsed(received: bytes) -> tuple[int, bytes]:
    response = http.client.HTTPResponse(_Received(received))  # type: ignore[arg-type]  # it reads a file of it, and no more
    with response:
        response.begin()
        return response.status, response.read()
