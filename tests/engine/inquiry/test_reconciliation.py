"""Energy now, carbon later: a run of two hours, 1 kWh in the first and 2 kWh in the second."""

from datetime import timedelta

import pytest

from carbonsdk import runs
from carbonsdk.engine.feed import Candidate, FeedPlan
from carbonsdk.engine.inquiry import Inquiry
from carbonsdk.engine.inquiry.reconciliation import reconcile
from carbonsdk.errors import IntensityError, JournalError, ServiceUnavailable
from carbonsdk.intensity.static_tables import StaticTables
from carbonsdk.journal.records import IntensityKnown
from carbonsdk.journal.writer import JournalWriter
from carbonsdk.model import CarbonIntensity, Signal, Zone
from carbonsdk.testing.clock import FakeClock

HOUR = timedelta(hours=1)
RUN = "20261122-120000-ab12cd"
KWH = 3_600_000


class Margin:
    """A service of marginal intensities: 700 g at all times."""

    signal = Signal.MARGINAL

    def covers(self, zone):
        return True

    def current(self, zone):
        raise AssertionError("a run that is over needs no present")

    def history(self, zone, *, start, end):
        return [
            CarbonIntensity(
                grams_per_kwh=700.0, zone=zone.key, source="Margin", signal=self.signal, start=start, end=end, settled=True
            )
        ]


class Grid:
    """Settled hours of a day in November: 300 g until one, 100 g from then on."""

    def __init__(self, sample, *, error=None, zones=("DE", "SE"), first=300.0):
        self.noon = sample.START
        self.error = error
        self.zones = zones
        self.grams = (first, 100.0)
        self.asked = []

    def covers(self, zone):
        return zone.key in self.zones

    def current(self, zone):
        raise AssertionError("a run that is over needs no present")

    def history(self, zone, *, start, end):
        self.asked.append((zone.key, start, end))
        if self.error:
            raise self.error
        scale = 0.1 if zone.key == "SE" else 1.0
        return [
            CarbonIntensity(
                grams_per_kwh=grams * scale,
                zone=zone.key,
                source="Grid",
                start=self.noon + index * HOUR,
                end=self.noon + (index + 1) * HOUR,
                settled=True,
            )
            for index, grams in enumerate(self.grams)
        ]


@pytest.fixture
def asker(sample):
    """Return a way to ask a grid, and the tables, on the day after."""

    def make(grid, *, tables=True, own=()):
        fetchers = [Candidate("grid", grid)]
        fetchers += [Candidate("static", StaticTables(), inline=True)] if tables else []
        clock = FakeClock(sample.START + 24 * HOUR)
        return lambda zone: Inquiry(FeedPlan(zone=zone, fetchers=fetchers, own=own), clock=clock)

    return make


@pytest.fixture
def record(tmp_path, sample):
    """Write the record of the run, as one process of it left it."""

    def write(*intensities, rank=0, zone=None, **info):
        began = sample.run(rank=rank, **info)
        began = began._replace(zone=zone)
        path = runs.journal_path(began.run, tmp_path)
        writer = JournalWriter(path, on_problem=pytest.fail)
        device = sample.device(rank)._replace(device_index=0)
        for each in (began, device, *intensities, sample.slot(3600, KWH), sample.end(7200, 3 * KWH)):
            writer.write(each)
        writer.close()
        return path

    return write


def test_settled_hours_replace_the_average_of_the_time(record, sample, asker, tmp_path):
    record(sample.intensity(344.0), zone=Zone(key="DE"))
    grid = Grid(sample)
    done = reconcile(RUN, asker(grid), directory=tmp_path)
    assert done.original.co2eq_grams == pytest.approx(3 * 344.0)
    assert done.after.co2eq_grams == pytest.approx(1 * 300 + 2 * 100)
    assert done.written
    assert grid.asked == [("DE", sample.START, sample.START + 2 * HOUR)]


def test_the_record_keeps_the_old_figures_and_gives_the_new_ones(record, sample, asker, tmp_path):
    path = record(sample.intensity(344.0), zone=Zone(key="DE"))
    before = path.read_bytes()
    done = reconcile(RUN, asker(Grid(sample)), directory=tmp_path)
    assert path.read_bytes().startswith(before)
    assert runs.load(RUN, tmp_path).carbon == done.after.carbon
    assert runs.load(RUN, tmp_path, reconciled=False).carbon == done.original.carbon
    known = [each for each in runs.records(RUN, tmp_path) if isinstance(each, IntensityKnown)]
    assert [each.replaces for each in known] == [None, "reconciled 2026-11-23T12:00:00Z"]


def test_a_run_of_which_no_intensity_was_known_gets_one(record, asker, sample, tmp_path):
    record(zone=Zone(key="DE"))
    done = reconcile(RUN, asker(Grid(sample)), directory=tmp_path)
    assert done.original.co2eq_grams is None
    assert done.after.co2eq_grams == pytest.approx(500)


def test_marginal_intensities_are_attached_beside_the_average(record, sample, tmp_path):
    record(sample.intensity(344.1))
    services = [Candidate("margin", Margin()), Candidate("static", StaticTables(), inline=True)]
    clock = FakeClock(sample.START + 24 * HOUR)
    done = reconcile(
        RUN, lambda zone: Inquiry(FeedPlan(zone=zone, fetchers=services), clock=clock), directory=tmp_path, zone=Zone(key="DE")
    )
    assert done.written
    assert runs.load(RUN, tmp_path).marginal.grams == pytest.approx(3 * 700)
    assert runs.load(RUN, tmp_path).co2eq_grams == pytest.approx(3 * 344.1)
    assert runs.load(RUN, tmp_path, reconciled=False).marginal is None


def test_a_hypothetical_zone_changes_no_record(record, sample, asker, tmp_path):
    path = record(sample.intensity(344.0), zone=Zone(key="DE"))
    before = path.read_bytes()
    done = reconcile(RUN, asker(Grid(sample)), zone=Zone(key="SE"), directory=tmp_path, write=False)
    assert done.after.co2eq_grams == pytest.approx(50)
    assert (done.written, done.zones) == (False, ("SE",))
    assert path.read_bytes() == before


def test_another_zone_leaves_nothing_of_the_first(record, sample, asker, tmp_path):
    record(sample.intensity(344.0), sample.intensity(999.0, 0, 3600, settled=True), zone=Zone(key="DE"))
    done = reconcile(RUN, asker(Grid(sample)), zone=Zone(key="SE"), directory=tmp_path)
    assert done.after.co2eq_grams == pytest.approx(50)
    assert runs.load(RUN, tmp_path).co2eq_grams == pytest.approx(50)
    again = reconcile(RUN, asker(Grid(sample)), zone=Zone(key="DE"), directory=tmp_path)
    assert again.before.co2eq_grams == pytest.approx(50)
    assert again.after.co2eq_grams == pytest.approx(500)
    assert again.original.co2eq_grams == pytest.approx(999 + 2 * 344)


def test_every_process_of_a_run_is_reconciled(record, sample, asker, tmp_path):
    for rank in (0, 1):
        record(sample.intensity(344.0), rank=rank, pid=100 + rank, zone=Zone(key="DE"))
    done = reconcile(RUN, asker(Grid(sample)), directory=tmp_path)
    assert done.original.co2eq_grams == pytest.approx(2 * 3 * 344.0)
    assert done.after.co2eq_grams == pytest.approx(2 * 500)
    assert runs.load(RUN, tmp_path).co2eq_grams == pytest.approx(2 * 500)


def test_a_service_that_fails_leaves_the_record_as_it_was(record, sample, asker, tmp_path):
    average = StaticTables().current(Zone(key="DE"))
    path = record(IntensityKnown(Zone(key="DE"), (average,)), zone=Zone(key="DE"))
    before = path.read_bytes()
    done = reconcile(RUN, asker(Grid(sample, error=ServiceUnavailable("down"))), directory=tmp_path)
    assert done.after.carbon == done.original.carbon
    assert (done.written, done.complaints) == (False, ("grid: down",))
    assert path.read_bytes() == before


def test_gaps_of_the_service_are_filled_by_the_table(record, sample, asker, tmp_path):
    record(zone=Zone(key="DE"))
    grid = Grid(sample)
    grid.grams = (300.0,)
    done = reconcile(RUN, asker(grid), directory=tmp_path)
    assert done.after.co2eq_grams == pytest.approx(300 + 2 * 344.1)  # Germany's average of 2024


def test_a_run_of_a_past_year_has_that_year_s_average(sample, asker):
    start = sample.START.replace(year=2023)
    values = asker(Grid(sample, zones=()))(Zone(key="DE")).past(start, start + HOUR)
    assert [(value.grams_per_kwh, value.year) for value in values] == [(362.92, 2023)]


def test_the_users_own_hours_win(record, sample, asker, tmp_path):
    record(sample.intensity(344.0), zone=Zone(key="DE"))
    sun = sample.intensity(10.0, 3600, 7200, own=True).values
    assert reconcile(RUN, asker(Grid(sample), own=sun), directory=tmp_path).after.co2eq_grams == pytest.approx(300 + 20)


def test_nothing_at_all_is_an_error(record, sample, asker, tmp_path):
    record(zone=Zone(key="DE"))
    with pytest.raises(IntensityError, match="grid: down"):
        reconcile(RUN, asker(Grid(sample, error=ServiceUnavailable("down")), tables=False), directory=tmp_path)


@pytest.mark.parametrize("zone", [None, Zone(key="WORLD", found_by="nobody")])
def test_a_run_whose_place_is_not_known_needs_a_zone(record, sample, asker, tmp_path, zone):
    record(zone=zone)
    with pytest.raises(IntensityError, match="--zone"):
        reconcile(RUN, asker(Grid(sample)), directory=tmp_path)
    assert reconcile(RUN, asker(Grid(sample)), zone=Zone(key="DE"), directory=tmp_path).written


def test_a_zone_of_which_nothing_is_known_puts_no_world_average_into_the_record(record, sample, asker, tmp_path):
    before = record(sample.intensity(344.1)).read_bytes()
    with pytest.raises(IntensityError, match="nothing is known of the zone 'Denmark'"):
        reconcile(RUN, asker(Grid(sample)), zone=Zone(key="Denmark"), directory=tmp_path)
    (path,) = tmp_path.rglob("*.jsonl")
    assert path.read_bytes() == before


def test_a_run_that_is_not_there_is_an_error(asker, sample, tmp_path):
    with pytest.raises(JournalError, match="no run"):
        reconcile("2020", asker(Grid(sample)), directory=tmp_path)
