"""How often something dear may be done, so that on the average it takes no more than a share of the time."""


class Allowance:
    """One part in `sparing` of the time; of what was not used, `burst_ns` are kept for acts in quick succession."""

    __slots__ = ("_burst_ns", "_paid_ns", "_sparing", "free_ns")

    def __init__(self, *, sparing: int, burst_ns: int) -> None:
        self._sparing = sparing
        self._burst_ns = sparing * burst_ns
        self._paid_ns = 0  # when all acts so far will be paid for
        self.free_ns = 0  # from when on the next one is allowed

    def spend(self, at_ns: int, cost_ns: int) -> None:
        """Note an act, be it allowed or not: the debt never grows beyond a full burst."""
        owed_ns = min(max(self._paid_ns - at_ns, 0), self._burst_ns)
        self._paid_ns = at_ns + owed_ns + self._sparing * cost_ns
        self.free_ns = self._paid_ns - self._burst_ns
