"""Tables in the terminal; in a file or a pipe, as wide as what they hold."""

from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from carbonsdk.files import harmless

_UNBOUNDED = 10_000
_GAP = 2
_FOLDED = 12  # the least width that is worth breaking texts for


def show(
    headings: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    right: Collection[str] = (),
    dim: Collection[int] = (),
    spare: Sequence[str] = (),
) -> None:
    """Print a table; the columns named in `right` hold figures, the rows numbered in `dim` matter less.

    In a narrow terminal the columns named in `spare` are left out, the first of them first, and texts are broken; not so the
    first column, which people copy, figures, and what has no heading, a drawing.
    """
    console = Console(highlight=False)
    width = console.width if console.is_terminal else _UNBOUNDED
    columns = [Column(heading, overflow="fold") for heading in headings]
    for column in columns:
        column.no_wrap = column is columns[0] or not column.header or column.header in right
        column.justify = "right" if column.header in right else "left"
    cells = [
        [cell if isinstance(cell, Text) else Text(harmless(cell), "dim" if number in dim else "") for cell in row]
        for number, row in enumerate(rows)
    ]
    least = [_least(column, [row[index] for row in cells]) for index, column in enumerate(columns)]
    shown = list(range(len(columns)))
    for heading in spare:
        if _total(least, shown) > width:
            shown.remove(headings.index(heading))
    if _total(least, shown) > width:
        width = _UNBOUNDED  # the terminal breaks the lines
    table = Table(
        *(columns[index] for index in shown), box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0)
    )
    for row in cells:
        table.add_row(*(row[index] for index in shown))
    Console(highlight=False, width=width).print(table)


def _least(column: Column, cells: Sequence[Text]) -> int:
    widest = max([len(str(column.header)), *(cell.cell_len for cell in cells)])
    return widest if column.no_wrap else min(widest, _FOLDED)


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[index] for index in shown) + _GAP * (len(shown) - 1)
