"""Records as lines, and back; lines from anybody."""

import json
import math
import re
import sys
from contextlib import suppress

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carbonsdk.errors import JournalError
from carbonsdk.journal.codec import MAX_LINE_BYTES, NewerSchema, decode, encode, split
from carbonsdk.journal.records import (
    EpochEnded,
    Record,
    SlotClosed,
    SpanUse,
    StateNoted,
    Use,
    Warned,
)
from carbonsdk.journal.schema import json_schema


@given(st.data())
def test_every_record_comes_back_as_it_was(any_record, data):
    record = data.draw(any_record)
    line = encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assume(not re.search(rb"\\[rbf]|\\u00[01789]|\\u20[26]|\x7f", line))  # what is read is harmless to a terminal
    assert decode(line) == record


def test_what_a_terminal_would_obey_and_lone_surrogates_are_not_read():
    text = "a\x1b[31mb\x07c\rd\x9be\u202ef\ud800g\n\th\x7f"
    assert decode(encode(Warned(0, text))).text == "a�[31mb�c�d�e�f�g\n\th�"


def test_an_epoch_of_twelve_devices_takes_at_most_2_kb():
    third = 1e7 / 3
    epoch = EpochEnded(
        99_999, "epoch", 2**62, 2**62 + 1, tuple(Use(i, third + i, third / 7, 0.1 / 3, third / 9) for i in range(12))
    )
    assert len(encode(epoch)) <= 2048


def test_a_line_is_an_object_that_names_its_kind():
    line = encode(EpochEnded(3, "epoch", 10, 20, (Use(0, 1.5, 2.25),)))
    assert json.loads(line) == {
        "kind": "epoch",
        "number": 3,
        "name": "epoch",
        "start_ns": 10,
        "end_ns": 20,
        "uses": [[0, 1.5, 2.25, 1.0, 0.0, None]],
        "spans": [],
        "failed": False,
        "partial": False,
        "provisional": False,
        "reason": None,
        "closes": True,
    }


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_use_that_is_no_finite_number_is_written_as_unknown(bad):
    epoch = EpochEnded(0, "epoch", 0, 1, (Use(0, 0.0, bad), Use(1, 0.0, 5.0)))
    read = decode(encode(epoch))
    assert read.uses == (Use(0, 0.0, None, 0.0, 0.0, "the reading was not a plausible number"), Use(1, 0.0, 5.0))


def test_a_slot_that_is_no_finite_number_is_written_as_unknown():
    assert decode(encode(SlotClosed(5, (math.nan, 2.0)))) == SlotClosed(5, (None, 2.0))


def test_an_epoch_with_too_many_spans_is_written_without_them(sample):
    spans = tuple(SpanUse(f"span {n}", 1, 1, ()) for n in range(60_000))
    read = decode(encode(sample.epoch(7, 0, 1, (0, 5), spans=spans)))
    assert (read.number, read.uses[0].joules, read.spans) == (7, 5.0, ())
    assert "spans" in read.reason


def test_a_year_of_intensities_is_split_into_lines_that_can_be_read(sample):
    known = sample.intensity(100.0)
    many = known._replace(values=known.values * 105_120)
    parts = split(many)
    assert all(len(encode(part)) < MAX_LINE_BYTES for part in parts)
    assert sum(len(part.values) for part in parts) == 105_120


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "an object with a kind"),
        (b'{"kind":7}', "an object with a kind"),
        (b'{"kind":"slot","at_ns":1}', "lacks cumulative_joules"),
        (b'{"kind":"slot","at_ns":1.5,"cumulative_joules":[]}', "at_ns: expected a 64-bit integer, found 1.5"),
        (b'{"kind":"slot","at_ns":true,"cumulative_joules":[]}', "64-bit integer"),
        (b'{"kind":"slot","at_ns":9223372036854775808,"cumulative_joules":[]}', "64-bit integer"),
        (b'{"kind":"slot","at_ns":1,"cumulative_joules":[NaN]}', "NaN is no number"),
        (b'{"kind":"slot","at_ns":1,"cumulative_joules":[-Infinity]}', "-Infinity is no number"),
        (b'{"kind":"slot","at_ns":1,"cumulative_joules":[1e999]}', "finite number"),
        (b'{"kind":"slot","at_ns":1,"cumulative_joules":{"a":1}}', "an array"),
        (b'{"kind":"warning","at_ns":1,"text":null}', "a string"),
        (b'{"kind":"slot","at_ns":' + b"9" * 5000 + b',"cumulative_joules":[]}', "not JSON"),
        (b'{"kind":"warning","at_ns":1,"text":"' + b"x" * MAX_LINE_BYTES + b'"}', "a line of more than"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"kind":"x","y":' + b'{"a":' * 100 + b"1" + b"}" * 101, "nested deeper"),
    ],
)
def test_what_is_no_record_is_refused_with_the_reason(line, complaint):
    with pytest.raises(JournalError, match=complaint):
        decode(line)


def test_deep_nesting_is_refused_whatever_the_recursion_limit_of_the_process():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises(JournalError, match="nested deeper"):
            decode(b"[" * MAX_LINE_BYTES)
    finally:
        sys.setrecursionlimit(limit)


def test_brackets_inside_strings_are_no_nesting():
    record = Warned(1, "[" * 500 + '\\"' * 50)
    assert decode(encode(record)) == record


def test_endless_quotes_and_backslashes_take_linear_time():
    with pytest.raises(JournalError):
        decode(b"[" * 65 + b'"\\' * 400_000)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_record_or_an_error(line):
    with suppress(JournalError):
        decode(line)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.data())
def test_a_record_with_any_one_value_replaced_is_a_record_or_an_error(any_record, data):
    value = json.loads(encode(data.draw(any_record)))
    place = value
    while isinstance(place, dict | list) and place:
        keys = range(len(place)) if isinstance(place, list) else sorted(place)
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(json_values)
            break
        place = place[key]
    try:
        decoded = decode(json.dumps(value).encode())
    except JournalError:
        return
    assert decoded is None or isinstance(decoded, Record)


def test_a_kind_of_a_newer_minor_version_is_skipped():
    assert decode(b'{"kind":"weather","celsius":21}\n') is None


def test_keys_and_columns_of_a_newer_minor_version_are_left_alone():
    line = b'{"kind":"epoch","number":1,"name":"epoch","start_ns":0,"end_ns":1,"uses":[[0,0.0,5.0,1.0,0.0,null,"new"]],"new":1}'
    assert decode(line) == EpochEnded(1, "epoch", 0, 1, (Use(0, 0.0, 5.0),))


def test_keys_that_have_defaults_may_be_absent():
    assert decode(b'{"kind":"state","at_ns":5,"uses":[[0,0,5]]}') == StateNoted(5, (Use(0, 0.0, 5.0),))


def test_a_newer_major_version_is_refused_with_what_to_do(sample):
    line = encode(sample.run()).replace(b'"schema":"1.0"', b'"schema":"2.0"')
    with pytest.raises(NewerSchema, match="upgrade carbonsdk"):
        decode(line)


def test_what_cannot_be_written_is_an_error_not_a_crash():
    with pytest.raises(JournalError, match="cannot write a Warned"):
        encode(Warned(1, object()))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_record_is_valid_against_the_schema(any_record, data):
    record = data.draw(any_record)
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(encode(record)))
