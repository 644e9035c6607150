"""The epochs that are open."""

import threading

from carbonsdk.engine.scopes import Epoch
from carbonsdk.engine.spanbook import SpanBook


class Roster:
    """The epochs that are open, the number of the next, and the books of their spans and of those outside any. Thread-safe."""

    __slots__ = ("lock", "next_number", "open", "root")

    def __init__(self, root: SpanBook, *, first_number: int = 0) -> None:
        self.root = root
        self.next_number = first_number
        self.open: dict[int, Epoch] = {}
        self.lock = threading.RLock()

    def enter(self, epoch: Epoch) -> None:
        """Number an epoch, and count it among the open ones."""
        with self.lock:
            epoch.number = self.next_number
            self.next_number += 1
            self.open[epoch.number] = epoch

    def leave(self, epoch: Epoch) -> bool:
        """Remove an epoch from the open ones; return whether it was among them."""
        with self.lock:
            return self.open.pop(epoch.number, None) is not None

    def epochs(self) -> list[Epoch]:
        """Return the open epochs."""
        with self.lock:
            return list(self.open.values())

    def books(self) -> list[SpanBook]:
        """Return the books of all open owners."""
        return [self.root, *(epoch.book for epoch in self.epochs() if epoch.book is not None)]

    def spans_at_once(self) -> float:
        """Return how many spans of one owner were open at a time lately, on the average, at most."""
        return max(book.at_once for book in self.books())
