"""zeusd's API, as its reference describes it (https://ml.energy/zeus/zeusd/): what is asked, and what answers mean."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from carbonsdk_zeusd.unix_http import UnixHttp

_MOST_TEXT = 200
_MOST_UNITS = 2**64  # what the daemon counts in


class Refusal(Exception):
    """The daemon answered with an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Garbled(Exception):
    """The daemon answered something that its API does not say."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that the daemon sees; `counted` says that it trusts the board's energy counter."""

    index: int
    name: str
    pci_address: str
    counted: bool


@dataclass(frozen=True, slots=True)
class Discovery:
    """What the daemon offers: GPUs, RAPL zones by their number (and whether memory is told apart), and groups of its API."""

    gpus: tuple[Gpu, ...]
    zones: tuple[tuple[int, bool], ...]
    groups: frozenset[str]
    wants_token: bool


class Zeusd:
    """The daemon behind a socket. Every call raises NoAnswer, Refusal or Garbled."""

    def __init__(self, http: UnixHttp) -> None:
        self._http = http

    @property
    def place(self) -> str:
        """Return where the daemon answers, for people."""
        return str(self._http.path)

    @property
    def has_token(self) -> bool:
        """Return whether there is a token to show."""
        return bool(self._http.token)

    def discover(self) -> Discovery:
        """Return what the daemon offers; it tells everybody."""
        answer = self._ask("/discover")
        try:
            return Discovery(
                gpus=tuple(
                    Gpu(
                        index=int(each["id"]),
                        name=str(each["name"]),
                        pci_address=str(each["pci_address"]).lower(),
                        counted=bool(each["cumulative_energy_available"]),
                    )
                    for each in answer["gpus"]
                ),
                zones=tuple((int(each["id"]), bool(each["dram_available"])) for each in answer["cpus"]),
                groups=frozenset(map(str, answer["enabled_api_groups"])),
                wants_token=bool(answer["auth_required"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Garbled(f"/discover lacks or garbles {error}, as an older daemon's does: upgrade zeusd") from error

    def scopes(self) -> frozenset[str]:
        """Return the groups that the token is good for."""
        answer = self._ask("/auth/whoami")
        try:
            return frozenset(map(str, answer["scopes"]))
        except (KeyError, TypeError) as error:
            raise Garbled("/auth/whoami names no scopes") from error

    def zone_joules(self, zone: int, part: Literal["cpu", "dram"]) -> float | None:
        """Return the joules of a RAPL zone or its memory so far; the daemon has undone the wraps. None is its null."""
        wanted = "&".join(f"{each}={str(each == part).lower()}" for each in ("cpu", "dram"))
        answer = self._ask(f"/cpu/get_cumulative_energy?cpu_ids={zone}&{wanted}")
        microjoules = _number(answer, str(zone), f"{part}_energy_uj")
        return None if microjoules is None else microjoules / 1e6

    def gpu_joules(self, index: int) -> float | None:
        """Return a GPU's joules so far."""
        millijoules = _number(self._ask(f"/gpu/get_cumulative_energy?gpu_ids={index}"), str(index), "energy_mj")
        return None if millijoules is None else millijoules / 1e3

    def gpu_watts(self, index: int) -> float | None:
        """Return a GPU's power now."""
        milliwatts = _number(self._ask(f"/gpu/get_power?gpu_ids={index}"), "power_mw", str(index))
        return None if milliwatts is None else milliwatts / 1e3

    def _ask(self, target: str) -> Any:
        status, body = self._http.fetch(target)
        path = target.partition("?")[0]
        if status != 200:
            said = _told(self._http.redacted(body.decode("utf-8", "replace")))
            raise Refusal(status, f"{path} was answered with {status}" + (f" ({said})" if said else ""))
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass
        # Raised outside the handler: the JSON error carries the whole document.
        raise Garbled(f"{path} was answered with something that is not JSON")


def _number(answer: Any, outer: str, inner: str) -> float | None:
    """Return a number two levels down, None for a null; raise Garbled for anything else."""
    try:
        value = answer[outer][inner]
    except (KeyError, TypeError) as error:
        raise Garbled(f"an answer lacks {outer}.{inner}") from error
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_UNITS:
        raise Garbled(f"an answer gives no amount as {outer}.{inner}")
    return float(value)


def _told(text: str) -> str:
    """Return what an error says for itself, in a line."""
    try:
        answer = json.loads(text)
        text = str(answer.get("error") or answer.get("errors") or text) if isinstance(answer, dict) else text
    except (ValueError, RecursionError):
        pass
    return re.sub(r"[\x00-\x20\x7f-\x9f]+", " ", text).strip()[:_MOST_TEXT]
