"""The sink `prometheus`: what the textfile collector finds in its directory."""

import os
import re
from dataclasses import replace
from datetime import timedelta

import pytest

import carbonsdk_prometheus as plugin
from carbonsdk.plugin import EpochCorrected, EpochFinished, PowerSampled, RunFinished, RunStarted, SettingsError
from carbonsdk.testing import FakeClock, build, check_plugin, check_sink, registration_of, sample_events

STARTED, *_, FINISHED = sample_events()
SAMPLE = next(event for event in sample_events() if isinstance(event, PowerSampled))
FIRST, UNKNOWN = (event for event in sample_events() if isinstance(event, EpochFinished))
CPU, GPU = (device for device, _ in SAMPLE.watts)
WHO = 'run_id="20260105-120000-example",run_name="example, with a comma",rank="0",pid="4711"'
OF_CPU = f'{WHO},device="package-0",device_name="Example CPU",kind="cpu",quality="measured",simulated="true"'
OF_GPU = f'{WHO},device="GPU-0",device_name="Example GPU",kind="gpu",quality="integrated",simulated="true"'


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def sink(tmp_path, clock):
    return build(registration_of(plugin, "sink", "prometheus"), {"path": tmp_path}, clock=clock)


@pytest.fixture
def feed(sink, clock):
    """Return a function that hands events to the sink, each a second after the one before."""

    def feed(*events):
        for event in events:
            sink.handle(event)
            clock.advance(1)

    return feed


@pytest.fixture
def shown(tmp_path):
    """Return a function that returns the samples in the directory's one file: name and labels → value."""

    def shown():
        (path,) = tmp_path.glob("*.prom")
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    return shown


def sampled(after_s, *, cpu, gpu=None):
    return replace(SAMPLE, moment=SAMPLE.moment + timedelta(seconds=after_s), watts=((CPU, cpu), (GPU, gpu)))


def test_carbonsdk_takes_all_of_it():
    check_plugin(plugin)


def test_the_sink_keeps_its_promises(tmp_path):
    check_sink(lambda: build(registration_of(plugin, "sink", "prometheus"), {"path": tmp_path}))


def test_a_directory_must_be_given_and_be_there(tmp_path):
    for options, told in (({}, "set its `path`"), ({"path": tmp_path / "none"}, "is none")):
        with pytest.raises(SettingsError, match=told):
            build(registration_of(plugin, "sink", "prometheus"), options)


def test_energy_is_the_mean_power_between_two_samples_times_their_distance(feed, shown):
    feed(sampled(0, cpu=50.0), sampled(2, cpu=60.0, gpu=200.0), sampled(3, cpu=40.0))
    assert shown() == {
        f"carbonsdk_energy_joules_total{{{OF_CPU}}}": 60.0 * 2 + 40.0,
        f"carbonsdk_energy_joules_total{{{OF_GPU}}}": 200.0 * 2,
        f"carbonsdk_power_watts{{{OF_CPU}}}": 40.0,
        f"carbonsdk_epochs_total{{{WHO}}}": 0,
        f"carbonsdk_epochs_co2eq_grams_total{{{WHO}}}": 0,
    }


def test_a_finished_run_has_its_own_totals_and_no_power(feed, shown):
    feed(sampled(0, cpu=50.0), sampled(2, cpu=60.0), FINISHED)
    assert shown()[f"carbonsdk_energy_joules_total{{{OF_CPU}}}"] == 500.0
    assert not [name for name in shown() if "power" in name]


def test_the_co2eq_of_epochs_adds_up_until_one_is_unknown(feed, shown):
    grams = FIRST.report.co2eq_grams
    feed(FIRST, replace(FIRST, report=replace(FIRST.report, number=7)))
    assert shown()[f"carbonsdk_epochs_co2eq_grams_total{{{WHO}}}"] == pytest.approx(2 * grams)
    feed(UNKNOWN)
    assert shown() == {f"carbonsdk_epochs_total{{{WHO}}}": 3}


@pytest.mark.parametrize(("factor", "expected"), [(1.5, 1.5), (0.5, 1.0)])
def test_a_correction_counts_once_and_no_counter_falls(feed, shown, factor, expected):
    provisional = replace(FIRST.report, provisional=True)
    final = replace(FIRST.report, carbon=replace(FIRST.report.carbon, grams=FIRST.report.co2eq_grams * factor))
    feed(EpochFinished(FIRST.run, provisional), EpochCorrected(FIRST.run, final))
    assert shown() == {
        f"carbonsdk_epochs_total{{{WHO}}}": 1,
        f"carbonsdk_epochs_co2eq_grams_total{{{WHO}}}": pytest.approx(FIRST.report.co2eq_grams * expected),
    }


def test_epochs_of_milliseconds_are_not_written_one_by_one(sink, clock, tmp_path):
    for _ in range(3):
        sink.handle(FIRST)
        clock.advance(0.01)
    (path,) = tmp_path.glob("*.prom")
    assert "carbonsdk_epochs_total{" + WHO + "} 1\n" in path.read_text()


def test_every_user_may_read_the_file_and_no_draft_stays(feed, tmp_path):
    feed(FIRST)
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"carbonsdk-20260105-120000-example-node-1-0-4711\.prom", path.name)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_name_with_quotes_and_line_ends_stays_one_label(feed, tmp_path):
    feed(replace(FIRST, run=replace(FIRST.run, run_id="a/b", name='x"y\\\nz')))
    (path,) = tmp_path.glob("carbonsdk-a_b-*.prom")
    assert r'run_name="x\"y\\\nz"' in path.read_text()


def test_files_that_no_run_renews_are_removed_when_another_begins(feed, tmp_path, clock):
    now_s = clock.wall_ns(clock.monotonic_ns()) / 1e9
    for name, age_s in (("carbonsdk-old.prom", 3601), ("carbonsdk-new.prom", 3599), ("others.prom", 10**6)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (now_s - age_s, now_s - age_s))
    feed(STARTED)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["carbonsdk-new.prom", "others.prom"]


def test_a_directory_that_is_gone_costs_the_file_and_no_figure(feed, shown, tmp_path, caplog):
    tmp_path.rmdir()
    feed(FIRST)
    assert "no metrics can be written" in caplog.text
    tmp_path.mkdir()
    feed(replace(FIRST, report=replace(FIRST.report, number=7)))
    assert shown()[f"carbonsdk_epochs_total{{{WHO}}}"] == 2


def test_prometheus_own_parser_reads_it(feed, tmp_path):
    parser = pytest.importorskip("prometheus_client.parser")
    feed(sampled(0, cpu=50.0), sampled(1, cpu=60.0), FIRST)
    (path,) = tmp_path.glob("*.prom")
    families = {family.name: family for family in parser.text_string_to_metric_families(path.read_text())}
    assert {name: family.type for name, family in families.items()} == {
        "carbonsdk_energy_joules": "counter",
        "carbonsdk_power_watts": "gauge",
        "carbonsdk_epochs": "counter",
        "carbonsdk_epochs_co2eq_grams": "counter",
    }
    (energy,) = families["carbonsdk_energy_joules"].samples
    assert (energy.labels["run_name"], energy.value) == ("example, with a comma", 60.0)


def test_the_run_started_alone_writes_nothing(feed, tmp_path):
    assert isinstance(STARTED, RunStarted)
    assert isinstance(FINISHED, RunFinished)
    feed(STARTED)
    assert list(tmp_path.iterdir()) == []
