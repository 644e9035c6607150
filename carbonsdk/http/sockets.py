"""Sockets that can be cut off from another thread. Imports requests: import this where a request is made."""

import socket
import threading
from contextlib import suppress
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_asking = threading.local()


class Watch:
    """Cut a request's sockets when its time is up.

    A read timeout starts anew with every byte, so that a slow trickle outlives it; only a cut from outside ends it.
    """

    def __init__(self, deadline_s: float) -> None:
        self.cut = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(deadline_s, self.shut)
        self._timer.name = "carbonsdk-deadline"
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _asking.watch = self
        self._timer.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        _asking.watch = None
        self._timer.cancel()
        if threading.current_thread() is not self._timer:
            self._timer.join()

    def hold(self, opened: socket.socket) -> None:
        """Take charge of a socket that has just been connected."""
        with self._lock:
            self._sockets.append(opened)
            late = self.cut
        if late:
            self.shut()

    def shut(self) -> None:
        """End the request now, from any thread."""
        with self._lock:
            self.cut = True
            held = tuple(self._sockets)
        for each in held:
            with suppress(OSError):
                # Not SSLSocket.shutdown: that throws the TLS state away under the reader.
                socket.socket.shutdown(each, socket.SHUT_RDWR)


def _hold(opened: Any) -> None:
    watch = getattr(_asking, "watch", None)
    if watch is not None and isinstance(opened, socket.socket):
        watch.hold(opened)


class _Plain(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _hold(self.sock)


class _Tls(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _hold(self.sock)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


class WatchedAdapter(HTTPAdapter):
    """An adapter whose connections tell the watch of their thread about their sockets."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have direct connections watched."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Have connections through an HTTP proxy watched; a SOCKS proxy brings its own."""
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager


class WatchedSession(requests.Session):
    """A session of such connections, which knows no redirects: requests reads the whole body of one, whatever it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.mount("http://", WatchedAdapter())
        self.mount("https://", WatchedAdapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that there is none."""
