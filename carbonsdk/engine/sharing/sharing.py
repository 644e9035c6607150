"""Puts fetchers behind the cache that all processes of a user share; loads it when a fetcher is first needed."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from carbonsdk.clock import Clock
from carbonsdk.host import Registered
from carbonsdk.interfaces import IntensityFetcher
from carbonsdk.options import configure

if TYPE_CHECKING:
    from carbonsdk.engine.sharing.answer_cache import AnswerCache


class Sharing:
    """The cache of one tracker's fetchers. `close` may be called from any thread."""

    def __init__(self, clock: Clock, *, cut: Callable[[], None]) -> None:
        self._clock = clock
        self._cut = cut
        self._cache: AnswerCache | None = None
        self._closed = False

    def behind(
        self, make: Callable[[], IntensityFetcher], registered: Registered[IntensityFetcher], options: Mapping[str, Any]
    ) -> Callable[[], IntensityFetcher]:
        """Return a way to make the fetcher behind the cache; other options make it another fetcher."""

        def made() -> IntensityFetcher:
            from carbonsdk.engine.sharing.cached_fetcher import cached

            settings: Any = configure(registered.registration.settings, options, where=registered.where)
            # Secrets mask themselves, so that no answer depends on one and none is in a file's name.
            identity = f"{registered.plugin.distribution} {registered.name} {settings!r}"
            return cached(make(), identity=identity, cache=self._answers(), clock=self._clock)

        return made

    def close(self) -> None:
        """End the requests that are under way, and the waits for those of other processes."""
        self._closed = True
        if self._cache is not None:
            self._cache.close()
        self._cut()

    def _answers(self) -> "AnswerCache":
        from carbonsdk.engine.sharing.answer_cache import AnswerCache

        if self._cache is None:
            self._cache = AnswerCache(self._clock)
        if self._closed:
            self._cache.close()
        return self._cache
