"""Whether a run goes on in this process."""

from typing import Literal

Name = Literal["new", "running", "stopped", "elsewhere"]


class Phase:
    """Where a run stands, for all its parts; `reason` says why nothing is measured any more.

    A fork and a pickled copy are "elsewhere": they have no threads, measure nothing and write nothing, and a fork touches no
    lock, for a thread that it does not have may have held it.
    """

    __slots__ = ("elsewhere", "name", "reason", "running")

    def __init__(self) -> None:
        self.name: Name = "new"
        self.reason = "the tracker was stopped"
        self.running = False  # whether the run goes on in this process: a plain attribute, for every span asks
        self.elsewhere = False  # whether another process measures it

    def turn(self, name: Name, reason: str = "") -> None:
        """Go over to another phase."""
        self.name, self.reason = name, reason or self.reason
        self.running, self.elsewhere = name == "running", name == "elsewhere"
