"""The reference page of the record, drawn from the records themselves."""

import inspect
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from carbonsdk.journal.codec import KINDS, MAX_LINE_BYTES, SCHEMA
from carbonsdk.journal.epochs import MOST_ROWS
from carbonsdk.journal.records import OpenEpoch, RunEnded, SpanUse, StateNoted, Use
from carbonsdk.journal.schema import SCALARS, described
from carbonsdk.journal.sense import LONGEST_TEXT
from carbonsdk.journal.shapes import is_object, members
from carbonsdk.journal.shelf import NEWEST

_ROWS = (Use, SpanUse, OpenEpoch)

_HEAD = """\
# The record of a run

<!-- Written by docs/build_journal_schema.py; a test compares. -->

Each process of a run writes one journal, a file of JSON lines that is only ever appended to:
`<state directory>/runs/<run>/<host>-<rank>-<pid>-<start>.jsonl`. Every line is one object whose `kind` says what it is. This
is schema {version}; the `run` line names the version. A new minor version adds kinds, keys or columns at the end of a row,
and readers pass over those that they do not know; a new major version is refused by older readers.
`carbonsdk/journal/schema.json` is the same as JSON Schema, for one line.

Times are Unix nanoseconds on a clock that was anchored once, at the start of the process, and never steps. Energies are
joules. Unknown is `null`. Cumulative joules count from the start of the attempt. A device is named by its place in the order
of `device` lines.

A process that was killed leaves a journal without an `end` line, and perhaps a last line cut short. All that stands before
it holds.

## What a reader takes of it

A journal may come from anybody. Only an ordinary file is read, a line of it up to {line_mib} MiB, and nothing that it says is
run. Control characters in its texts are replaced, and the texts of a device or an intensity cut to {text} characters. A report
holds the newest {epochs:,} epochs, and of these the newest that together have no more than {rows:,} rows (an epoch is one, and
so is each of its devices, its spans and the intensities that it fell under), nor many times the rows that the records
themselves have. What is left out of a report is named among its `warnings`, its totals hold all the same, and
`carbonsdk.runs.records()` reads every record. So time and room grow with the size of the journals and no faster: about a second
a MB for a report, some five for one with every epoch as JSON, and for that a kilobyte a row, {gigabyte:.1f} GB at the most.
"""


def page() -> str:
    """Return the reference page of the record, in Markdown."""
    objects = [cls for cls in _reachable() if is_object(cls)]
    parts = [
        _HEAD.format(
            version=f"{SCHEMA[0]}.{SCHEMA[1]}",
            line_mib=MAX_LINE_BYTES >> 20,
            text=LONGEST_TEXT,
            epochs=NEWEST,
            rows=MOST_ROWS,
            gigabyte=MOST_ROWS / 1e6,
        ),
        "## Records\n",
        *(
            _section(f"`{kind}`", RunEnded if kind == "end" else cls, StateNoted if kind == "end" else cls)
            for kind, cls in KINDS.items()
        ),
        "## Rows\n\nValues that come by the thousand are arrays; their columns, in order:\n",
        *(_section(cls.__name__, cls, cls) for cls in _ROWS),
        "## Objects\n",
        *(_section(cls.__name__, cls, cls) for cls in objects),
    ]
    return "\n".join(parts)


def _section(title: str, documented: Any, cls: Any) -> str:
    rows = "\n".join(f"| `{name}` | {_type_words(hint)} | {described(cls, name)} |" for name, hint, _ in members(cls))
    schema = "| `schema` | string | version of this schema, as `major.minor` |\n" if title == "`run`" else ""
    text = inspect.cleandoc(documented.__doc__ or "")
    return f"### {title}\n\n{text}\n\n| key | type | meaning |\n|---|---|---|\n{schema}{rows}\n"


def _reachable() -> list[Any]:
    """Return the classes that records are made of, in the order in which they are met."""
    found: dict[Any, None] = {}

    def visit(hint: Any) -> None:
        for one in get_args(hint) or (hint,):
            if one in SCALARS or one in (NoneType, Ellipsis) or one in found:
                continue
            if get_args(one):
                visit(one)
            elif not issubclass(one, StrEnum):
                found[one] = None
                for _, inner, _ in members(one):
                    visit(inner)

    for cls in KINDS.values():
        for _, hint, _ in members(cls):
            visit(hint)
    return list(found)


def _type_words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        return f"{_type_words(next(one for one in arguments if one is not NoneType))} or null"
    if origin in (tuple, frozenset):
        return f"array of {_type_words(arguments[0])}"
    if hint in SCALARS:
        return {datetime: "ISO 8601 time"}.get(hint) or str(SCALARS[hint]["type"])
    if issubclass(hint, StrEnum):
        return ", ".join(f"`{member.value}`" for member in hint)
    return f"[{hint.__name__}](#{hint.__name__.lower()})"
