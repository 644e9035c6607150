"""Which intensity holds when, and the integral of it along the energy curve."""

import math
import pickle
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonsdk.clock import unix_ns
from carbonsdk.footprint import Timeline, carbon_use
from carbonsdk.model import CarbonIntensity, Signal

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NOON_NS = unix_ns(NOON)
HOUR_NS = 3_600 * 10**9
KWH = 3_600_000.0


def hourly(grams, hour, **how):
    start = NOON + timedelta(hours=hour)
    return CarbonIntensity(
        grams_per_kwh=grams, zone="DK-DK1", source="service", start=start, end=start + timedelta(hours=1), **how
    )


def annual(grams, **how):
    return CarbonIntensity(grams_per_kwh=grams, zone="DK", source="table", year=2024, **how)


def at(timeline, hour):
    value = timeline.at(NOON_NS + round(hour * HOUR_NS))
    return None if value is None else value.grams_per_kwh


def test_nothing_is_known_before_anything_is_added():
    assert Timeline().at(NOON_NS) is None


def test_an_interval_is_half_open():
    timeline = Timeline([hourly(100, 0)])
    assert [at(timeline, hour) for hour in (-0.001, 0, 0.999, 1)] == [None, 100, 100, None]


def test_an_annual_average_lies_under_everything_at_any_time():
    timeline = Timeline([hourly(100, 0), annual(143.3)])
    assert [at(timeline, hour) for hour in (-9_000, 0.5, 9_000)] == [143.3, 100, 143.3]


LADDER = [
    annual(1, fallback=True),
    annual(2),
    hourly(3, 0, forecast=True, fallback=True),
    hourly(4, 0, estimated=True, fallback=True),
    hourly(5, 0, fallback=True),
    hourly(6, 0, forecast=True),
    hourly(7, 0, estimated=True),
    hourly(8, 0),
    hourly(9, 0, settled=True),
    CarbonIntensity(grams_per_kwh=10, zone="own", source="me", own=True),
]


@pytest.mark.parametrize("rung", range(len(LADDER) - 1))
def test_the_better_value_wins_whichever_comes_first(rung):
    worse, better = LADDER[rung], LADDER[rung + 1]
    assert at(Timeline([worse, better]), 0.5) == better.grams_per_kwh
    assert at(Timeline([better, worse]), 0.5) == better.grams_per_kwh


def test_of_two_alike_the_newest_fetched_wins_also_when_it_is_added_first():
    old = hourly(1, 0, fetched_at=NOON)
    new = hourly(2, 0, fetched_at=NOON + timedelta(minutes=5))
    assert at(Timeline([new, old]), 0.5) == 2
    assert at(Timeline([old, new]), 0.5) == 2


def test_of_two_alike_without_a_time_of_fetching_the_later_added_wins():
    assert at(Timeline([hourly(1, 0), hourly(2, 0)]), 0.5) == 2


def test_the_own_figure_of_an_hour_wins_in_that_hour_only():
    timeline = Timeline([hourly(200, 0), hourly(220, 1)])
    timeline.add([hourly(5, 1, own=True)])
    assert [at(timeline, hour) for hour in (0.5, 1.5)] == [200, 5]


def test_pieces_cover_the_interval_without_gap_and_name_the_unknown():
    timeline = Timeline([hourly(100, 0), hourly(200, 2)])
    pieces = timeline.pieces(NOON_NS - HOUR_NS, NOON_NS + 3 * HOUR_NS)
    assert [(start - NOON_NS, end - NOON_NS, value and value.grams_per_kwh) for start, end, value in pieces] == [
        (-HOUR_NS, 0, None),
        (0, HOUR_NS, 100),
        (HOUR_NS, 2 * HOUR_NS, None),
        (2 * HOUR_NS, 3 * HOUR_NS, 200),
    ]


def test_boundaries_are_strictly_inside():
    timeline = Timeline([hourly(100, 0), hourly(200, 1)])
    assert timeline.boundaries(NOON_NS, NOON_NS + 2 * HOUR_NS) == [NOON_NS + HOUR_NS]


def test_a_repeated_value_makes_no_boundary():
    value = annual(100)
    timeline = Timeline([value, hourly(50, 5), value])
    assert timeline.boundaries(NOON_NS - HOUR_NS, NOON_NS + HOUR_NS) == []


def test_a_marginal_value_is_refused_by_a_timeline_of_averages():
    with pytest.raises(ValueError, match="marginal"):
        Timeline().add([hourly(900, 0, signal=Signal.MARGINAL)])


@pytest.mark.parametrize("grams", [math.nan, math.inf, -1.0])
def test_a_value_that_makes_no_sense_is_refused_and_changes_nothing(grams):
    timeline = Timeline([annual(100)])
    with pytest.raises(ValueError, match="no carbon intensity"):
        timeline.add([hourly(50, 0), hourly(grams, 1)])
    assert at(timeline, 0.5) == 100


def test_what_a_reader_took_is_not_changed_by_an_addition():
    timeline = Timeline([annual(100)])
    before = timeline.pieces(NOON_NS, NOON_NS + HOUR_NS)
    timeline.add([hourly(50, 0)])
    assert before[0][2].grams_per_kwh == 100


values = st.builds(
    lambda start, length, grams, kind: CarbonIntensity(
        grams_per_kwh=grams,
        zone="Z",
        source=f"{start} {length}",
        start=None if kind == "open" else NOON + timedelta(minutes=start),
        end=None if kind == "open" else NOON + timedelta(minutes=start + length),
        forecast=kind == "forecast",
        estimated=kind == "estimated",
        settled=kind == "settled",
        own=kind == "own",
    ),
    st.integers(0, 40),
    st.integers(1, 20),
    st.integers(0, 900),
    st.sampled_from(["open", "forecast", "estimated", "live", "settled", "own"]),
)
ORDER = ["open", "forecast", "estimated", "live", "settled", "own"]


def kind_of(value):
    if value.own:
        return "own"
    if value.start is None:
        return "open"
    return "forecast" if value.forecast else "estimated" if value.estimated else "settled" if value.settled else "live"


@given(st.lists(st.lists(values, max_size=6), max_size=4))
def test_every_instant_has_the_best_value_of_all_that_claim_it(batches):
    timeline = Timeline()
    for batch in batches:
        timeline.add(batch)
    flat = [value for batch in batches for value in batch]
    for minute in range(-1, 62):
        moment = NOON + timedelta(minutes=minute)
        claims = [
            (ORDER.index(kind_of(value)), place, value)
            for place, value in enumerate(flat)
            if (value.start is None or value.start <= moment) and (value.end is None or moment < value.end)
        ]
        expected = max(claims, key=lambda claim: claim[:2])[2] if claims else None
        found = timeline.at(unix_ns(moment))
        assert (found and (found.grams_per_kwh, found.source)) == (expected and (expected.grams_per_kwh, expected.source))


def test_one_kilowatt_hour_at_a_hundred_grams_is_a_hundred_grams():
    use = carbon_use([(NOON_NS, NOON_NS + HOUR_NS, KWH)], Timeline([annual(100)]))
    assert use.grams == 100.0
    assert use.grams_per_kwh == 100.0
    assert use.intensity.year == 2024
    assert use.parts == ((annual(100), KWH),)
    assert use.reason is None


def test_an_intensity_that_changes_in_the_middle_gives_the_sum_of_the_parts():
    # 2 kWh from 12:45 to 13:15, evenly: 1 kWh under 100 g, 1 kWh under 300 g.
    timeline = Timeline([hourly(100, 0), hourly(300, 1)])
    use = carbon_use([(NOON_NS + 3 * HOUR_NS // 4, NOON_NS + 5 * HOUR_NS // 4, 2 * KWH)], timeline)
    assert use.grams == 400.0
    assert use.grams_per_kwh == 200.0
    assert [(value.grams_per_kwh, joules) for value, joules in use.parts] == [(100, KWH), (300, KWH)]


def test_energy_counts_where_it_was_used_and_not_where_time_passed():
    # 1 kWh in the first hour, 9 kWh in the second: (100 + 9 * 300) g.
    energy = [(NOON_NS, NOON_NS + HOUR_NS, KWH), (NOON_NS + HOUR_NS, NOON_NS + 2 * HOUR_NS, 9 * KWH)]
    use = carbon_use(energy, Timeline([hourly(100, 0), hourly(300, 1)]))
    assert use.grams == 2800.0
    assert use.intensity.grams_per_kwh == 300
    assert use.grams_per_kwh == 280.0


def test_equal_intensities_are_one_part():
    energy = [(NOON_NS, NOON_NS + HOUR_NS, KWH), (NOON_NS + 2 * HOUR_NS, NOON_NS + 3 * HOUR_NS, KWH)]
    use = carbon_use(energy, Timeline([annual(100), hourly(50, 1)]))
    assert use.parts == ((annual(100), 2 * KWH),)


def test_a_value_that_holds_again_after_another_is_one_part_however_often_it_was_given():
    # 12:00–13:00 at 100 g, but for 12:15–12:30 by hand; 100 g are given a second time for the same hour.
    quarter = timedelta(minutes=15)
    mine = CarbonIntensity(grams_per_kwh=7, zone="own", source="me", own=True, start=NOON + quarter, end=NOON + 2 * quarter)
    timeline = Timeline([hourly(100, 0), mine])
    before = [(value.grams_per_kwh, joules / KWH) for value, joules in energy_of_an_hour(timeline).parts]
    timeline.add([hourly(100, 0), hourly(300, 1)])
    assert before == [(100, 0.75), (7, 0.25)]
    assert [(value.grams_per_kwh, joules / KWH) for value, joules in energy_of_an_hour(timeline).parts] == before
    assert energy_of_an_hour(timeline).grams == 75 + 7 / 4


def energy_of_an_hour(timeline):
    return carbon_use([(NOON_NS, NOON_NS + HOUR_NS, KWH), (NOON_NS + HOUR_NS, NOON_NS + 2 * HOUR_NS, 0.0)], timeline)


def test_energy_in_an_instant_lies_under_the_intensity_of_that_instant():
    use = carbon_use([(NOON_NS + HOUR_NS, NOON_NS + HOUR_NS, KWH)], Timeline([hourly(100, 0), hourly(300, 1)]))
    assert use.grams == 300.0


def test_without_any_intensity_the_grams_are_unknown_and_the_reason_says_so():
    use = carbon_use([(NOON_NS, NOON_NS + HOUR_NS, KWH)], Timeline([hourly(100, 5)]))
    assert use.grams is None
    assert "no carbon intensity" in use.reason


def test_a_part_without_intensity_is_left_out_and_named():
    use = carbon_use([(NOON_NS, NOON_NS + 4 * HOUR_NS, 4 * KWH)], Timeline([hourly(100, 0)]))
    assert use.grams == 100.0
    assert use.reason.startswith("75.0% of the energy")


def test_no_energy_has_no_footprint_but_a_reason():
    assert carbon_use([], Timeline([annual(100)])).reason == "no energy is known"


def test_zero_joules_are_zero_grams():
    use = carbon_use([(NOON_NS, NOON_NS + HOUR_NS, 0.0)], Timeline([annual(100)]))
    assert (use.grams, use.grams_per_kwh) == (0.0, 100)


spans = st.tuples(st.integers(-100, 400), st.integers(0, 200), st.floats(0, 1e6))


@given(st.lists(spans, min_size=1, max_size=20), st.lists(st.integers(0, 900), min_size=1, max_size=6))
def test_many_pieces_at_once_give_what_each_gives_alone(raw, grams):
    timeline = Timeline([annual(77), *(hourly(each, hour) for hour, each in enumerate(grams))])
    minute_ns = 60 * 10**9
    energy = [(NOON_NS + start * minute_ns, NOON_NS + (start + length) * minute_ns, joules) for start, length, joules in raw]
    alone = math.fsum(carbon_use([each], timeline).grams for each in energy)
    assert carbon_use(energy, timeline).grams == pytest.approx(alone, rel=1e-12, abs=1e-12)
    rows = np.array(energy, dtype=[("start_ns", "i8"), ("end_ns", "i8"), ("joules", "f8")])
    assert carbon_use(rows, timeline).grams == pytest.approx(alone, rel=1e-12, abs=1e-12)


hours = st.tuples(st.integers(0, 300), st.integers(1, 9), st.integers(0, 900), st.booleans())
MANY_HOURS = 300  # so many that a value which comes alone waits for others


@given(st.lists(hours, max_size=40), st.sets(st.integers(0, 39)), st.sets(st.integers(0, 39)))
def test_values_hold_alike_whether_they_come_at_once_or_one_by_one(raw, looks, copies):
    values = [
        replace(hourly(grams, start, forecast=foretold), end=NOON + timedelta(hours=start + length))
        for start, length, grams, foretold in raw
    ]
    first = [hourly(each, each) for each in range(MANY_HOURS)]
    reach = NOON_NS, NOON_NS + (MANY_HOURS + 10) * HOUR_NS
    grown, snapshots = Timeline(first), {}
    for place, value in enumerate(values):
        grown.add([value])
        if place in copies:
            snapshots[place] = grown.snapshot()
        if place in looks:
            assert grown.at(unix_ns(value.start)) is not None
    assert grown.pieces(*reach) == Timeline([*first, *values]).pieces(*reach)
    for place, snapshot in snapshots.items():
        assert snapshot.pieces(*reach) == Timeline([*first, *values[: place + 1]]).pieces(*reach)


def test_a_year_of_five_minute_values_against_a_month_of_one_hertz_energy_takes_seconds_at_most():
    values = [
        CarbonIntensity(
            grams_per_kwh=100.0 + slot % 50,
            zone="DK-DK1",
            source="service",
            start=NOON + timedelta(minutes=5 * slot),
            end=NOON + timedelta(minutes=5 * slot + 5),
        )
        for slot in range(365 * 288)
    ]
    timeline = Timeline(values)
    seconds = 30 * 86_400
    energy = [(NOON_NS + second * 10**9, NOON_NS + (second + 1) * 10**9, 100.0) for second in range(seconds)]
    began = time.perf_counter()
    use = carbon_use(energy, timeline)
    assert time.perf_counter() - began < 5  # about 0.6 s; the rest is room for a busy machine
    # 8640 slots: 172 full turns through 100…149 and 40 more of 100…139, each of 30 kJ.
    turns = 172 * sum(range(100, 150)) + sum(range(100, 140))
    assert use.grams == pytest.approx(turns * 30_000 / KWH, rel=1e-12)


def five_minutes(count):
    return [
        CarbonIntensity(
            grams_per_kwh=100.0 + slot,
            zone="DK-DK1",
            source="service",
            start=NOON + timedelta(minutes=5 * slot),
            end=NOON + timedelta(minutes=5 * slot + 5),
        )
        for slot in range(count)
    ]


def test_a_month_of_intensities_takes_half_a_megabyte_in_a_timeline_and_as_much_in_a_figure():
    slot_ns = 300 * 10**9
    tracemalloc.start()
    try:
        timeline = Timeline()
        for value in five_minutes(8_640):
            timeline.add([value])
        held, _ = tracemalloc.get_traced_memory()
        use = carbon_use([(NOON_NS, NOON_NS + 8_640 * slot_ns, KWH)], timeline)
        both, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 600_000
    assert both - held < 600_000
    assert len(use.parts) == 8_640


def test_what_is_forgotten_is_unknown_and_the_rest_stands():
    timeline = Timeline(five_minutes(100))
    before = timeline.pieces(NOON_NS, NOON_NS + HOUR_NS)
    timeline.forget_before(NOON_NS + 4 * HOUR_NS + 1)
    assert [at(timeline, hour) for hour in (3.99, 4, 5, 8.3)] == [None, 148, 160, 199]
    assert before[0][2].grams_per_kwh == 100
    timeline.add([annual(7)])
    assert [at(timeline, hour) for hour in (3.99, 4, 9)] == [7, 148, 7]


def test_many_parts_are_read_like_a_tuple():
    values = five_minutes(100)
    parts = carbon_use([(NOON_NS, NOON_NS + 100 * 300 * 10**9, 100 * KWH)], Timeline(values)).parts
    assert [value for value, _ in parts] == values
    assert sum(joules for _, joules in parts) == pytest.approx(100 * KWH)
    assert (parts[-1], parts[1:3]) == ((values[99], parts[99][1]), (parts[1], parts[2]))
    assert parts == tuple(parts)
    assert pickle.loads(pickle.dumps(parts)) == tuple(parts)
    assert len({parts, tuple(parts)}) == 1
