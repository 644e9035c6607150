"""At most two lines a second, however short the epochs are."""

from carbonsdk.clock import Clock

_LINE_NS = 500_000_000


class Pace:
    """Lets a line through when its time has come, and counts those held back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_ns: int | None = None
        self._held = 0

    def admit(self) -> int | None:
        """Return how many lines were held back before this one, or None to hold this one back too."""
        now_ns = self._clock.monotonic_ns()
        if self._next_ns is not None and now_ns < self._next_ns:
            self._held += 1
            return None
        held = self.rest()
        # The note on what was held back is a line as well.
        self._next_ns = now_ns + _LINE_NS * (2 if held else 1)
        return held

    def rest(self) -> int:
        """Return how many lines are held back, and begin to count anew."""
        held, self._held = self._held, 0
        return held


def note(held: int) -> str:
    """Return the line that stands for those held back."""
    return f"… {held} more epoch{'s' if held > 1 else ''}"
