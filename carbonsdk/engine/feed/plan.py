"""Where intensities come from: what a feed and an inquiry are made with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from carbonsdk.engine.feed.service import Candidate
from carbonsdk.model import Basis, CarbonIntensity, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPlan:
    """Where intensities come from: the candidates in order of preference.

    `zone` is None where the locators have to find it. `own` are the user's figures. `basis` is what was asked for, None where
    nothing was: then no basis is a fallback. `cut` ends the requests that are under way (`RequestsHttp.close`), so that
    nothing is left behind at the end.
    """

    zone: Zone | None = None
    locators: Sequence[Candidate] = ()
    fetchers: Sequence[Candidate] = ()
    own: Sequence[CarbonIntensity] = ()
    basis: Basis | None = None
    cut: Callable[[], None] | None = None
