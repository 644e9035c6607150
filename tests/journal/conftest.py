"""What the journal's tests share: any record that there can be."""

from datetime import UTC

import pytest
from hypothesis import strategies as st

from carbonsdk.events import RunInfo
from carbonsdk.journal.records import (
    DeviceFound,
    EpochEnded,
    IntensityKnown,
    OpenEpoch,
    RunBegan,
    RunEnded,
    SelectionMade,
    SlotClosed,
    SpanUse,
    StateNoted,
    Use,
    Warned,
)
from carbonsdk.model import CarbonIntensity, Device, Sensor, Zone
from carbonsdk.reports import Baseline, Choice

finite = st.floats(allow_nan=False, allow_infinity=False)
int64 = st.integers(0, 2) | st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(timezones=st.just(UTC))
uses = st.builds(Use, int64, finite, st.none() | finite, finite, finite, st.none() | st.text(max_size=20))
use_rows = st.lists(uses, max_size=4).map(tuple)
spans = st.lists(st.builds(SpanUse, st.text(max_size=9), int64, int64, use_rows), max_size=2).map(tuple)
open_epochs = st.lists(st.builds(OpenEpoch, int64, st.text(max_size=9), int64, use_rows), max_size=2).map(tuple)
states = st.builds(StateNoted, int64, use_rows, open_epochs, spans, st.lists(st.none() | finite, max_size=4).map(tuple))
zones = st.builds(Zone, latitude=st.none() | finite, longitude=st.none() | finite)
intensities = st.builds(
    CarbonIntensity, grams_per_kwh=finite, start=st.none() | moments, end=st.none() | moments, fetched_at=st.none() | moments
)
infos = st.builds(
    RunInfo, world_size=int64, rank=int64, pid=int64, start=moments, epochs_planned=st.none() | int64, pue=finite, attempt=int64
)
devices = st.builds(Device, sensor=st.builds(Sensor, bias=finite, refresh_s=finite, max_watts=st.none() | finite))
baselines = st.builds(Baseline, watts=finite, seconds=finite, measured_at=moments)
records = st.one_of(
    st.builds(RunBegan, infos, int64, st.none() | zones),
    st.builds(DeviceFound, int64, devices, int64, st.none() | baselines),
    st.builds(SelectionMade, st.lists(st.from_type(Choice), max_size=2).map(tuple)),
    st.builds(IntensityKnown, zones, st.lists(intensities, max_size=2).map(tuple), st.none() | st.text(max_size=9)),
    st.builds(EpochEnded, int64, st.text(max_size=9), int64, int64, use_rows, spans, reason=st.none() | st.text(max_size=9)),
    st.builds(SlotClosed, int64, st.lists(st.none() | finite, max_size=4).map(tuple)),
    states,
    st.builds(Warned, int64, st.text(max_size=50)),
    st.builds(RunEnded, states),
)


@pytest.fixture(scope="session")
def any_record():
    """A strategy of records of every kind, sane or not."""
    return records
