"""Why nothing can be measured, a line a backend."""

from collections.abc import Iterable
from textwrap import indent

from carbonsdk.reports import Choice


def refusals(selection: Iterable[Choice], *, margin: str) -> str:
    """Return what each backend says, below the message that begins the line; remedies are several lines long."""
    told = [f"{choice.backend}: {choice.reason}".replace("\n", "\n  ") for choice in selection if not choice.chosen]
    return "\n" + indent("\n".join(told or ["no backend answered"]), margin)
