"""Only ordinary files are read, and only so much of them."""

import errno
import os
from pathlib import Path

import pytest

from carbonsdk import files


def test_a_file_of_just_so_many_bytes_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert files.content(path, most_bytes=5) == b"12345"
    with pytest.raises(OSError, match="more than the 4 bytes that are read") as caught:
        files.content(path, most_bytes=4)
    assert caught.value.errno == errno.EFBIG


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no ordinary file"):
        files.opened(tmp_path / "pipe")


@pytest.mark.parametrize("place", ["/dev/zero", "/", "/nowhere/at/all", "a\0b", "\ud800"])
def test_whatever_cannot_be_read_is_an_os_error(place):
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=r"\S"):
        files.opened(place)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
