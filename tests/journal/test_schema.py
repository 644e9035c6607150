"""The schema and its page say what the records are."""

import json
from pathlib import Path

import jsonschema
import pytest

import carbonsdk
from carbonsdk.journal.codec import encode
from carbonsdk.journal.page import page
from carbonsdk.journal.records import OpenEpoch, RunEnded, SelectionMade, SpanUse, Use, Warned
from carbonsdk.journal.schema import json_schema
from carbonsdk.reports import Choice

PACKAGE = Path(carbonsdk.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "journal-schema.md"
MEND = "run `python docs/build_journal_schema.py`"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads((PACKAGE / "journal" / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_that_is_shipped_is_that_of_the_records():
    assert json.loads((PACKAGE / "journal" / "schema.json").read_text(encoding="utf-8")) == json_schema(), MEND


def test_the_reference_page_is_that_of_the_records():
    assert PAGE.read_text(encoding="utf-8") == page(), MEND


def records(sample):
    uses = (Use(0, 0.0, None, 0.0, 0.0, "lost"), Use(1, 1.0, 2.0))
    spans = (SpanUse("validation", 1, 10, uses),)
    open_epochs = (OpenEpoch(1, "epoch", 0, uses),)
    state = sample.state(60, 1.0, None)._replace(uses=uses, open_epochs=open_epochs, spans=spans)
    return [
        sample.run(name="a name", epochs_planned=10),
        sample.device(),
        SelectionMade((Choice(backend="rapl", chosen=False, reason="denied", devices=("package-0",)),)),
        sample.intensity(120.0, 0, 3600, replaces="later", fetched_at=sample.START),
        sample.epoch(0, 0, 1, (0, 5), spans=spans, reason="because"),
        sample.slot(300, None, 5.0),
        state,
        Warned(0, "hot"),
        RunEnded(state),
    ]


def test_every_kind_of_record_is_valid(validator, sample):
    lines = [json.loads(encode(record)) for record in records(sample)]
    for line in lines:
        validator.validate(line)
    assert {line["kind"] for line in lines} == {ref["$ref"].rpartition("/")[2] for ref in validator.schema["oneOf"]}


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "weather"},
        {"kind": "slot", "at_ns": 1},
        {"kind": "slot", "at_ns": 1.5, "cumulative_joules": []},
        {"kind": "slot", "at_ns": 1, "cumulative_joules": ["5"]},
        {"kind": "state", "at_ns": 1, "uses": [[0, 0.0]]},
        {"kind": "state", "at_ns": 1, "uses": [[0, 0.0, 1.0, 1.0, 0.0, None, "more"]]},
        {"kind": "warning", "at_ns": 1, "text": "hot", "secret": 1},
    ],
)
def test_what_is_no_record_is_invalid(validator, line):
    assert not validator.is_valid(line)
