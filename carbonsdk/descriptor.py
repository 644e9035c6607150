"""Files held open by number in a program that may close all of its numbers, as those do that become daemons."""

import os

from carbonsdk.interruption import let_through


class Descriptor:
    """A number by which a file was opened, and whether it still leads there: by now it may be one of the program's own."""

    __slots__ = ("_opened", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._opened = _identity(os.fstat(number))

    def status(self) -> os.stat_result | None:
        """Return what is known of the file, None where the number does not lead to it any more."""
        try:
            status = os.fstat(self.number)
        except OSError as error:
            let_through(error)
            return None
        return status if _identity(status) == self._opened else None

    def close(self) -> None:
        """Close the file, and none that is not ours."""
        if self.status() is None:
            return
        try:
            os.close(self.number)
        except OSError as error:  # a network file system reports at close what it lost before
            let_through(error)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
