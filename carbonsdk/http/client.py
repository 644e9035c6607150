"""The HTTP client over `requests`, which is imported with the first request."""

import ipaddress
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from carbonsdk.errors import BadAnswer, ServiceError, ServiceUnavailable
from carbonsdk.http.answers import decoded, refusal
from carbonsdk.http.bodies import PACKED_BY, body_of
from carbonsdk.secret import Secret

if TYPE_CHECKING:
    import requests

    from carbonsdk.http.sockets import Watch

_MOST_ERROR_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class _Ask:
    url: str
    method: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str | Secret] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Return what error messages name: never the path or the query."""
        return urlsplit(self.url).hostname or "the service"

    @property
    def secrets(self) -> tuple[str, ...]:
        whole = tuple(value.reveal() for value in self.headers.values() if isinstance(value, Secret) and value)
        # A service may repeat the token of "Bearer …" without the word before it.
        return (*whole, *(text.split()[-1] for text in whole if len(text.split()) > 1))

    @property
    def hidden(self) -> tuple[str, ...]:
        """Return what no message may repeat."""
        password = urlsplit(self.url).password
        return (*self.secrets, password, unquote(password)) if password else self.secrets

    @property
    def plain_headers(self) -> dict[str, str]:
        revealed = {name: value.reveal() if isinstance(value, Secret) else value for name, value in self.headers.items()}
        return {"User-Agent": "carbonsdk", "Accept-Encoding": PACKED_BY, **revealed}

    @property
    def is_local(self) -> bool:
        """Return whether the host is this machine or a metadata service beside it; proxies are not asked for those."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host == "localhost"
        return address.is_loopback or address.is_link_local


class RequestsHttp:
    """An `HttpClient` that gives up on time and says nothing of its headers.

    Connecting may take `connect_s`, the whole of a request `total_s` (or its own `deadline_s`, if that is shorter): then its
    sockets are cut, however steadily they trickle. Looking up a name cannot be interrupted; call from a thread that nobody
    waits for. Answers above `most_bytes` are refused. Redirects are not followed, so that no header goes to another host. A
    secret goes over https alone, or to this machine. Certificates are verified; proxies come from the environment, but for
    loopback and link-local addresses. There is one connection a request, and no retry.
    """

    def __init__(self, *, connect_s: float = 3.0, total_s: float = 10.0, most_bytes: int = 8 * 1024 * 1024) -> None:
        self._connect_s = connect_s
        self._total_s = total_s
        self._most_bytes = most_bytes
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()
        self._closed = False

    def fetch_json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        method: str = "GET",
        deadline_s: float | None = None,
    ) -> Any:
        """Return the decoded JSON answer; raise a ServiceError of the fitting kind."""
        ask = _Ask(url, method, params or {}, headers or {})
        return decoded(ask.host, self._fetch(ask, deadline_s))

    def fetch_text(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        method: str = "GET",
        deadline_s: float | None = None,
    ) -> str:
        """Return the answer's text, read as UTF-8; raise a ServiceError of the fitting kind."""
        ask = _Ask(url, method, params or {}, headers or {})
        return self._fetch(ask, deadline_s).decode("utf-8", "replace")

    def close(self) -> None:
        """Cut every request that is under way, from any thread, and refuse further ones."""
        with self._lock:
            self._closed = True
            watches = tuple(self._watches)
        for watch in watches:
            watch.shut()

    def _fetch(self, ask: _Ask, deadline_s: float | None) -> bytes:
        from carbonsdk.http.sockets import Watch

        if ask.secrets and urlsplit(ask.url).scheme != "https" and not ask.is_local:
            raise ServiceError(f"will not send a secret to {ask.host} unencrypted: use https")
        limit_s = self._total_s if deadline_s is None else min(deadline_s, self._total_s)
        watch = Watch(limit_s)
        with self._lock:
            if self._closed:
                raise ServiceUnavailable("the HTTP client is closed")
            self._watches.add(watch)
        try:
            with watch:
                outcome = self._outcome(ask, watch, limit_s)
        finally:
            with self._lock:
                self._watches.discard(watch)
        if isinstance(outcome, ServiceError):
            # Raised here, outside any handler: a cause or context would hold the request, and with it the token.
            raise outcome
        return outcome

    def _outcome(self, ask: _Ask, watch: "Watch", limit_s: float) -> bytes | ServiceError:
        try:
            outcome = self._exchange(ask, limit_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold a secret
            outcome = _failure(ask.host, error, limit_s)
        if watch.cut:
            closed = "cut off" if self._closed else f"no whole answer within {limit_s:g} s"
            return ServiceUnavailable(f"{ask.host}: {closed}")
        return outcome

    def _exchange(self, ask: _Ask, limit_s: float) -> bytes | ServiceError:
        from carbonsdk.http.sockets import WatchedSession

        with WatchedSession() as session:
            session.trust_env = not ask.is_local
            with session.request(
                ask.method,
                ask.url,
                params=dict(ask.params),
                headers=ask.plain_headers,
                auth=_as_it_is,  # else ~/.netrc would replace the Authorization header
                timeout=(min(self._connect_s, limit_s), limit_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._answer(ask, response)

    def _answer(self, ask: _Ask, response: "requests.Response") -> bytes | ServiceError:
        good = 200 <= response.status_code < 300
        most_bytes = self._most_bytes if good else _MOST_ERROR_BYTES
        body = b""
        try:
            body = body_of(response, host=ask.host, most_bytes=most_bytes)
        except (BadAnswer, zlib.error):
            if good:
                raise
        if not good:
            return refusal(ask.host, response.status_code, body, headers=response.headers, secrets=ask.hidden)
        if len(body) > most_bytes:
            return BadAnswer(f"{ask.host} answered with more than {most_bytes} bytes")
        return body


def _as_it_is(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    return request


def _failure(host: str, error: Exception, limit_s: float) -> ServiceError:
    """Return what to say of an exception: its kind, never its text."""
    from requests import exceptions
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    match error:
        case BadAnswer():
            return error
        case exceptions.ConnectTimeout():
            return ServiceUnavailable(f"{host}: no connection in time")
        case exceptions.ReadTimeout() | ReadTimeoutError():
            return ServiceUnavailable(f"{host}: no answer within {limit_s:g} s")
        case exceptions.SSLError():
            return ServiceUnavailable(f"{host}: no trusted TLS connection (check the clock and the certificates)")
        case exceptions.ProxyError():
            return ServiceUnavailable(f"{host}: the proxy does not answer (check HTTPS_PROXY and NO_PROXY)")
        case exceptions.ConnectionError() | HTTPError():
            return ServiceUnavailable(f"{host}: no connection (check the network and the name)")
        case zlib.error():
            return BadAnswer(f"{host} gave an answer that cannot be decompressed")
        case _:
            return ServiceError(f"{host}: the request failed ({type(error).__name__})")
