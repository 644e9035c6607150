"""HTTP for fetchers and locators: with deadlines, bounded answers, and no way to leak a secret."""

from typing import Any

from carbonsdk.errors import Offline
from carbonsdk.http.client import RequestsHttp

__all__ = ["OfflineHttp", "RequestsHttp"]


class OfflineHttp:
    """The `HttpClient` of `offline=True`: refuses every request and opens no socket."""

    def fetch_json(self, url: str, **_request: Any) -> Any:  # noqa: ARG002 - as the interface has it
        """Raise Offline."""
        raise Offline("the network is switched off (offline=True)")

    def fetch_text(self, url: str, **request: Any) -> str:
        """Raise Offline."""
        return str(self.fetch_json(url, **request))

    def close(self) -> None:
        """Do nothing: there is nothing open."""
