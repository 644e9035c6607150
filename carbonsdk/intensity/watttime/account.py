"""Logging in to WattTime, and asking with the token that it gives for half an hour."""

import base64
from collections.abc import Mapping
from typing import Any

from carbonsdk import units
from carbonsdk.intensity.watttime import WattTimeSettings
from carbonsdk.plugin import BadAnswer, Clock, HttpClient, Secret, ServiceError, Unauthorized

_TOKEN_LASTS_S = 25 * 60.0  # it does 30 minutes


class Account:
    """A name and a password, or nothing; the token is kept in memory alone."""

    def __init__(self, settings: WattTimeSettings, *, clock: Clock, http: HttpClient) -> None:
        name, password = settings.username, settings.password.reveal() if settings.password else ""
        if settings.token and not password:
            both = settings.token.reveal().strip()
            name, _, password = (name, "", both) if name else both.partition(":")
        self._name, self._password = name, Secret(password)
        self._url = settings.base_url.rstrip("/")
        self._clock = clock
        self._http = http
        self._token: Secret | None = None
        self._expires_ns = 0

    def __bool__(self) -> bool:
        """Return whether there are credentials at all."""
        return bool(self._name and self._password)

    def fetch(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer, a JSON object; log in before, and once more where the token is refused."""
        known = self._token is not None and self._clock.monotonic_ns() < self._expires_ns
        try:
            return self._fetch(path, params)
        except Unauthorized:
            if not known:
                raise
        self._token = None
        return self._fetch(path, params)

    def _fetch(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        bearer = Secret(f"Bearer {self._logged_in().reveal()}")
        answer = self._http.fetch_json(f"{self._url}/v3/{path}", params=params, headers={"Authorization": bearer})
        if not isinstance(answer, dict):
            raise BadAnswer("WattTime answered with something other than a JSON object")
        return answer

    def _logged_in(self) -> Secret:
        now_ns = self._clock.monotonic_ns()
        if self._token is None or now_ns >= self._expires_ns:
            self._token, self._expires_ns = self._login(), now_ns + units.nanoseconds(_TOKEN_LASTS_S)
        return self._token

    def _login(self) -> Secret:
        if not self:
            raise Unauthorized("WattTime wants an account: set its username and password")
        pair = f"{self._name}:{self._password.reveal()}".encode()
        try:
            answer = self._http.fetch_json(
                f"{self._url}/login", headers={"Authorization": Secret(f"Basic {base64.b64encode(pair).decode()}")}
            )
        except ServiceError as error:
            if self._password.reveal() not in str(error):
                raise
        else:
            match answer:
                case {"token": str(token)} if token:
                    return Secret(token)
            raise BadAnswer("WattTime gave no token at login")
        # Raised outside the handler: the error that repeats the password must not be this one's context.
        raise Unauthorized("WattTime refused the login, and said why in words that hold the password")
