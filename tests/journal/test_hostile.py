"""An assembly survives whatever a journal says."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from carbonsdk.journal.assembly import Assembly
from carbonsdk.journal.claims import Part
from carbonsdk.journal.merging import merge


def assembled(sample, records):
    assembly = Assembly()
    for record in (sample.run(), sample.device(0), sample.device(1, simulated=True), *records):
        assembly.add(record)
    assembly.abandon()
    return Part(assembly, assembly.last_known(), "interrupted")


@settings(deadline=None)
@given(st.data())
def test_any_records_give_a_report_that_can_be_written(sample, any_record, data):
    part = assembled(sample, data.draw(st.lists(any_record, max_size=12)))
    report = merge([part])
    json.dumps(report.to_dict(), allow_nan=False)


@settings(deadline=None)
@given(st.data())
def test_any_records_of_two_processes_merge(sample, any_record, data):
    parts = [assembled(sample, data.draw(st.lists(any_record, max_size=6))) for _ in range(2)]
    json.dumps(merge(parts).to_dict(), allow_nan=False)
