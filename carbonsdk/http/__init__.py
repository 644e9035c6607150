"""HTTP for fetchers and locators: with deadlines, bounded answers, and no way to leak a secret."""

from collections.abc import Mapping
from typing import Any, NoReturn

from carbonsdk.errors import Offline
from carbonsdk.http.client import RequestsHttp
from carbonsdk.secret import Secret

__all__ = ["OfflineHttp", "RequestsHttp"]


class OfflineHttp:
    """The `HttpClient` of `offline=True`: refuses every request and opens no socket."""

    def fetch_json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        method: str = "GET",
        deadline_s: float | None = None,
    ) -> Any:
        """Raise Offline."""
        self._refuse(url, params, headers, method, deadline_s)

    def fetch_text(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        method: str = "GET",
        deadline_s: float | None = None,
    ) -> str:
        """Raise Offline."""
        self._refuse(url, params, headers, method, deadline_s)

    def close(self) -> None:
        """Do nothing: there is nothing open."""

    def _refuse(self, *_asked: object) -> NoReturn:
        raise Offline("the network is switched off (offline=True)")
