"""Read files that anybody may have put in their place: ordinary ones alone, and no more of them than is allowed."""

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

# Control characters but for tab and line feed, turns of the direction of writing, and surrogates.
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Without O_NONBLOCK, opening a pipe that nobody writes to never returns.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_BINARY = getattr(os, "O_BINARY", 0)  # Windows


def opened(path: Path) -> BinaryIO:
    """Open an ordinary file for reading; raise OSError for a pipe, a device or a folder, and for a name that no file has."""
    try:
        fd = os.open(path, _FLAGS | _BINARY)
    except ValueError as error:  # a NUL, or what cannot be encoded
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
    return os.fdopen(fd, "rb")


def private_directory(path: Path) -> list[Path]:
    """Make a directory and those above it, for this user alone whatever the umask; return those that were not there."""
    if path.is_dir():
        return []
    made = private_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    return [*made, path]


def harmless(text: str) -> str:
    """Return a text from a file without what a terminal would obey, and what cannot be written anywhere: a lone surrogate."""
    return text if text.isprintable() else _HARMFUL.sub("\ufffd", text)


def content(path: Path, *, most_bytes: int) -> bytes:
    """Return what an ordinary file holds; raise OSError for anything else, and for one of more than `most_bytes`."""
    with opened(path) as file:
        held = file.read(most_bytes + 1)
    if len(held) > most_bytes:
        raise OSError(errno.EFBIG, f"it holds more than the {most_bytes:,} bytes that are read", str(path))
    return held
