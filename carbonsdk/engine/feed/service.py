"""One fetcher under guard: made when it is first needed, asked again later when it has failed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from carbonsdk import units
from carbonsdk.engine.guard import Guard
from carbonsdk.errors import BadAnswer, CarbonSDKError, Offline, RateLimited, Unauthorized, ZoneUnknown
from carbonsdk.interfaces import IntensityFetcher
from carbonsdk.model import Basis, CarbonIntensity, Signal, Zone

_T = TypeVar("_T")

FIRST_WAIT_S = 60.0
LONGEST_WAIT_S = 3_600.0
_DOUBLINGS = 6  # more of them no float would hold after months
_REFUSALS = (BadAnswer, Unauthorized, ZoneUnknown)


class Candidate(NamedTuple):
    """A locator or fetcher by name, or a callable without arguments that makes it.

    `inline` says that it is a short file read and may run in the caller's thread, before anything else.
    """

    name: str
    made: Any
    inline: bool = False

    def make(self, method: str) -> Any:
        """Return the object, which is known by having `method`."""
        return self.made if hasattr(self.made, method) else self.made()


class Service:
    """A fetcher that serves the zone, and when it may be asked again.

    `signal` is what the fetcher says of its values: one of marginal intensities has `signal = Signal.MARGINAL`.
    """

    def __init__(self, name: str, fetcher: IntensityFetcher) -> None:
        self.name = name
        self.fetcher = fetcher
        self.signal = Signal(getattr(fetcher, "signal", Signal.AVERAGE))
        self.due_ns: int | None = 0  # None: never again
        self._failures = 0

    def may_be_asked(self, now_ns: int) -> bool:
        """Return whether it is time to ask."""
        return self.due_ns is not None and self.due_ns <= now_ns

    def is_resting(self, now_ns: int) -> bool:
        """Return whether the service has failed and is left in peace for now, or for good."""
        return self.due_ns is None or (self._failures > 0 and self.due_ns > now_ns)

    def ask(self, call: Callable[[], _T], now_ns: int, *, extra: bool = False) -> _T | BaseException:
        """Return what `call` returns, or what it raises; then the service is put off, the longer the more often it failed.

        An `extra` is not in everybody's plan: that the past or the future is refused says nothing of the present.
        """
        answer: _T | None = None
        with Guard(self.name) as guard:
            answer = call()
        if guard.error is None:
            self._failures = 0
            return answer  # type: ignore[return-value] # None only if the fetcher breaks its promise, which is checked
        if not (extra and isinstance(guard.error, _REFUSALS)):
            self._put_off(guard.error, now_ns)
        return guard.error

    def _put_off(self, error: BaseException, now_ns: int) -> None:
        self._failures += 1
        wait_s = min(FIRST_WAIT_S * 2 ** min(self._failures - 1, _DOUBLINGS), LONGEST_WAIT_S)
        match error:
            case Offline() | ZoneUnknown():
                self.due_ns = None
                return
            case RateLimited(retry_after_s=float(asked_s)):
                wait_s = max(asked_s, wait_s / FIRST_WAIT_S)  # one that always asks for a second is not asked every second
            case Unauthorized():
                wait_s = LONGEST_WAIT_S
            case _:
                pass
        self.due_ns = now_ns + units.nanoseconds(wait_s)


def checked(values: Any, signal: Signal) -> tuple[CarbonIntensity, ...]:
    """Return a fetcher's answer as values of `signal`; raise BadAnswer for anything else."""
    given = tuple(values) if isinstance(values, Sequence) else (values,)
    for value in given:
        if not isinstance(value, CarbonIntensity):
            raise BadAnswer(f"gave {type(value).__name__} where a CarbonIntensity was due")
        if value.signal != signal:
            raise BadAnswer(f"gave a {value.signal} intensity where a {signal} one was due")
    return given


def labelled(value: CarbonIntensity, zone: Zone, basis: Basis | None) -> CarbonIntensity:
    """Return a value that says how it differs from what was asked for: by its basis, or by a place that is only guessed."""
    remarks = []
    # Marginal figures are of burning fuel by their nature: nothing better was asked for.
    other = basis is not None and value.basis != basis and value.signal is Signal.AVERAGE
    if other and f"{value.basis} emissions" not in (value.note or ""):  # tables say so themselves
        remarks.append(f"{value.basis} emissions, {basis} ones were asked for")
    if zone.guess and "the place is guessed" not in (value.note or ""):
        remarks.append(f"the place is guessed from the {zone.found_by}")
    note = "; ".join(filter(None, [value.note, *remarks])) or None
    return replace(value, fallback=value.fallback or other, note=note)


def shown(error: BaseException) -> str:
    """Return what to tell a person: our own errors in full, of others the kind alone, for their text may hold a secret."""
    return str(error) if isinstance(error, CarbonSDKError) else f"failed with {type(error).__name__}"


def unserved(candidates: Sequence[Candidate], zone: Zone) -> str:
    """Return what to tell a person where none of the candidates serves the zone."""
    names = " and ".join(candidate.name for candidate in candidates)
    verbs = "does not serve it, or wants" if len(candidates) == 1 else "do not serve it, or want"
    return f"nobody tells the carbon intensity of {zone.label}: {names} {verbs} a token (see `carbonsdk plugins`)"


def serving(candidate: Candidate, zone: Zone) -> Service | None:
    """Return the candidate as a service if it says that it serves the zone."""
    service = Service(candidate.name, candidate.make("current"))
    return service if service.fetcher.covers(zone) else None
