"""Tables in the terminal; in a file or a pipe, as wide as what they hold."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_UNBOUNDED = 10_000


def show(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = (), dim: Iterable[int] = ()) -> None:
    """Print a table; the columns named in `right` hold figures, the rows numbered in `dim` matter less."""
    figures, faint = set(right), set(dim)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(headings):
        # What is copied and pasted (the first column) stays in one piece.
        justify = "right" if heading in figures else "left"
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=index == 0)  # type: ignore[arg-type]
    for index, row in enumerate(rows):
        table.add_row(*(Text(cell, "dim" if index in faint else "") for cell in row))
    terminal = Console(highlight=False)
    console = terminal if terminal.is_terminal else Console(highlight=False, width=_UNBOUNDED)
    console.print(table)
