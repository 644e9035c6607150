"""Reading journals that are torn, damaged, hostile or still being written."""

import io
import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonsdk.errors import JournalError
from carbonsdk.journal.codec import MAX_LINE_BYTES, NewerSchema, encode
from carbonsdk.journal.reader import Problems, read_records, records_of


@pytest.fixture
def records(sample):
    epochs = [sample.epoch(n, 10 * n, 10 * n + 10, (100.0 * n, 100.0)) for n in range(3)]
    return [sample.run(), sample.device(), sample.intensity(300.0), *epochs, sample.end(30, 300.0)]


def test_a_journal_cut_at_any_byte_tells_all_that_was_written_before(records, tmp_path):
    lines = [encode(record) for record in records]
    whole = b"".join(lines)
    path = tmp_path / "journal.jsonl"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        problems = Problems()
        # A record counts from its closing brace on: only its newline may be missing.
        complete = sum(len(b"".join(lines[: n + 1])) - 1 <= cut for n in range(len(lines)))
        assert list(read_records(path, problems=problems)) == records[:complete]
        assert problems.damaged == 0
        assert problems.torn == (not whole[:cut].endswith(b"\n") and cut not in _ends(lines) and cut > 0)


def _ends(lines):
    ends, at = set(), 0
    for line in lines:
        at += len(line)
        ends |= {at, at - 1}
    return ends


@pytest.mark.parametrize(
    "rubbish", [b"\x00" * 5000, b"\xff{]", b'{"kind":"epoch"}', b"x" * (3 * MAX_LINE_BYTES), b'{"kind":"ep"']
)
def test_rubbish_in_the_middle_costs_its_own_line_alone(records, rubbish, tmp_path):
    path = tmp_path / "journal.jsonl"
    lines = [encode(record) for record in records]
    path.write_bytes(b"".join(lines[:4]) + rubbish + b"\n" + b"".join(lines[4:]))
    problems = Problems()
    assert list(read_records(path, problems=problems)) == records
    assert problems.damaged == 1
    assert problems.examples[0].startswith("line 5: ")


def test_a_line_that_a_full_disk_cut_short_and_that_came_again_is_no_damage(records, tmp_path):
    path = tmp_path / "journal.jsonl"
    lines = [encode(record) for record in records]
    for cut in range(1, len(lines[4]) - 1):
        path.write_bytes(b"".join(lines[:4]) + lines[4][:cut] + b"\n" + b"".join(lines[4:]))
        problems = Problems()
        assert list(read_records(path, problems=problems)) == records
        assert problems.damaged == 0
    path.write_bytes(b"".join(lines[:4]) + lines[4][:60] + b"\n")
    assert list(read_records(path, problems=problems)) == records[:4]
    assert problems.damaged == 1


def test_empty_lines_and_newer_kinds_are_passed_over(records, tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"\n\n" + encode(records[0]) + b'{"kind":"weather"}\n\n' + encode(records[1]))
    problems = Problems()
    assert list(read_records(path, problems=problems)) == records[:2]
    assert (problems.damaged, problems.newer) == (0, 1)


def test_what_is_written_meanwhile_is_read_next(records, tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(encode(records[0]))
    reading = read_records(path)
    assert next(reading) == records[0]
    with path.open("ab") as file:
        file.write(encode(records[1]))
    assert next(reading) == records[1]


def test_a_newer_major_version_stops_the_reading(records, tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(encode(records[0]).replace(b'"1.0"', b'"2.0"') + encode(records[1]))
    with pytest.raises(NewerSchema, match="journal"):
        list(read_records(path))


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    with pytest.raises(JournalError, match="no ordinary file"):
        list(read_records(path))


@pytest.mark.parametrize("name", ["absent.jsonl", "nul\0.jsonl", "/dev/zero", "."])
def test_what_cannot_be_opened_is_a_journal_error(name, tmp_path):
    with pytest.raises(JournalError, match="cannot read"):
        list(read_records(tmp_path / name))


def test_only_the_first_complaints_are_kept():
    problems = Problems()
    assert list(records_of(io.BytesIO(b"rubbish\n" * 1000), problems=problems)) == []
    assert problems.damaged == 1000
    assert len(problems.examples) == 10


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"\n", b'{"kind":"', b'"slot"', b"[", b"{", b"NaN", b"9" * 400])))
def test_arbitrary_bytes_never_harm_the_reader(chunks):
    with suppress(NewerSchema):
        list(records_of(io.BytesIO(b"".join(chunks)), problems=Problems()))
