"""A run as a user has it: epochs and spans on real threads and a real clock, over replayed power."""

import asyncio
import contextvars
import gc
import json
import threading

import pytest

import carbonsdk as ct
from carbonsdk.errors import MeasurementFault, SettingsError

WATTS = {"cpu": 60, "gpu": 240}


@pytest.fixture
def tracker(tmp_path):
    made = []

    def make(**settings):
        base = {"backends": {"replay": {"watts": WATTS}}, "zone": "DE", "offline": True, "verbose": 0, "state_dir": tmp_path}
        made.append(ct.CarbonTracker(**{**base, **settings}))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def work():
    return sum(range(20_000))


def draws(use, watts, seconds):
    """Say whether an energy use is that of a power, as exactly as it claims: a reading may be held up by other processes."""
    return abs(use.joules - watts * seconds) <= 0.02 * watts * seconds + use.uncertainty_joules


def test_an_epoch_has_the_energy_of_its_time(tracker):
    with tracker().epoch() as epoch:
        work()
    report = epoch.report
    assert draws(report.energy, 300.0, report.duration_s)
    cpu, gpu = sorted(report.devices, key=lambda each: each.kind)
    assert draws(cpu.energy, 60.0, report.duration_s)
    assert draws(gpu.energy, 240.0, report.duration_s)


def test_an_epoch_of_no_work_at_all_has_a_report(tracker):
    with tracker().epoch() as epoch:
        pass
    assert draws(epoch.report.energy, 300.0, epoch.report.duration_s)


def test_an_epoch_says_what_it_emitted_and_by_which_intensity(tracker):
    with tracker(intensity=100).epoch() as epoch:
        work()
    report = epoch.report
    # 1 J at 100 g/kWh is 100 / 3.6e6 g.
    assert report.co2eq_grams == pytest.approx(report.energy.joules * 100 / 3.6e6)
    assert report.intensity.grams_per_kwh == 100.0


def test_epochs_counts_from_zero_and_each_iteration_is_an_epoch(tracker):
    made = tracker(epochs=4)
    assert list(made.epochs()) == [0, 1, 2, 3]
    assert [epoch.number for epoch in made.report().epochs] == [0, 1, 2, 3]


def test_a_loop_that_is_left_keeps_its_last_epoch_as_partial(tracker):
    made = tracker(epochs=10)
    for number in made.epochs():
        if number == 2:
            break
    gc.collect()
    first, second, third = made.report().epochs
    assert (first.partial, second.partial, third.partial) == (False, False, True)
    assert "left" in third.reason


def test_the_loop_s_epoch_is_current_in_its_body_and_gone_after(tracker):
    made = tracker(epochs=2)
    for _ in made.epochs():
        with made.span("validation"):
            work()
    with made.span("test"):
        work()
    report = made.stop()
    assert [epoch.spans[0].name for epoch in report.epochs] == ["validation", "validation"]
    assert [span.name for span in report.spans] == ["test"]


def test_epochs_and_gaps_make_the_run(tracker):
    made = tracker()
    for _ in range(5):
        with made.epoch():
            work()
        work()
    report = made.stop()
    parts = sum(epoch.energy.joules for epoch in report.epochs)
    assert report.epochs_energy.joules == pytest.approx(parts, rel=1e-9)
    assert report.energy.joules > parts
    # What the sensors had not been opened for is not made up: it is missing from the energy as from the coverage.
    assert draws(report.energy, 300.0, report.duration_s * report.energy.coverage)


def test_an_epoch_inside_an_epoch_is_a_span_of_it(tracker):
    made = tracker()
    with made.epoch() as outer, made.epoch("inner") as inner:
        work()
    assert [span.name for span in outer.report.spans] == ["inner"]
    assert inner.report.energy.joules <= outer.report.energy.joules
    assert made.report().epoch_count == 1


def test_a_span_nested_in_a_span_belongs_to_the_same_epoch(tracker):
    made = tracker()
    with made.epoch() as epoch, made.span("fit"), made.span("step"):
        work()
    assert {span.name for span in epoch.report.spans} == {"fit", "step"}


def test_many_spans_of_a_name_are_one_line(tracker):
    made = tracker()
    with made.epoch() as epoch:
        for _ in range(5_000):
            with made.span("batch"):
                pass
    (span,) = epoch.report.spans
    assert span.count == 5_000
    assert 0 < span.energy.joules < epoch.report.energy.joules


def test_a_span_has_a_report_of_its_own(tracker):
    made = tracker()
    with made.span("evaluation") as span:
        for _ in range(50):
            work()
    assert draws(span.report.energy, 300.0, span.report.duration_s)
    with made.span("open") as still_open, pytest.raises(RuntimeError, match="has not ended"):
        _ = still_open.report


def test_a_span_is_entered_once(tracker):
    made = tracker()
    with (span := made.span("part")):
        pass
    with pytest.raises(RuntimeError, match="'part' is entered once"), span:
        pass
    assert [each.count for each in made.report().spans] == [1]


@pytest.mark.parametrize("opened", ["epoch", "span"])
def test_a_parent_that_is_no_scope_is_told_where_it_is_given(tracker, opened):
    made = tracker()
    with pytest.raises(TypeError, match=r"^parent takes what span\(\) or epoch\(\) returned, not CarbonTracker$"):
        getattr(made, opened)("loading", parent=made)


def test_a_span_in_a_fresh_thread_has_the_parent_it_is_given(tracker):
    made = tracker()
    with made.epoch() as epoch:

        def load(parent):
            with made.span("with" if parent else "without", parent=parent):
                work()

        threads = [threading.Thread(target=load, args=(parent,)) for parent in (epoch, None)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [span.name for span in epoch.report.spans] == ["with"]
    assert [span.name for span in made.report().spans] == ["without"]


def test_overlapping_epochs_in_threads_are_counted_once_in_their_union(tracker):
    made = tracker()
    both = threading.Barrier(8)

    def train():
        with made.epoch():
            both.wait()
            work()
            both.wait()

    threads = [threading.Thread(target=train) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = made.stop()
    assert sorted(epoch.number for epoch in report.epochs) == list(range(8))
    assert sum(epoch.energy.joules for epoch in report.epochs) > 2 * report.epochs_energy.joules
    assert report.epochs_energy.joules <= report.energy.joules * (1 + 1e-9)


def test_the_body_s_exception_is_untouched_and_its_epoch_failed(tracker):
    made = tracker()
    error = ValueError("loss is NaN")
    with pytest.raises(ValueError, match="loss is NaN") as caught, made.epoch() as epoch:
        raise error
    assert caught.value is error
    assert epoch.report.failed
    assert epoch.report.reason == "the body raised ValueError"
    assert epoch.report.energy.joules is not None


def test_stopping_in_the_middle_keeps_the_epoch_as_partial(tracker):
    made = tracker()
    with made.epoch() as epoch:
        work()
        report = made.stop()
    assert report.epochs[0].partial
    assert epoch.report.energy.joules > 0


def test_after_stop_the_body_runs_unmeasured_and_says_so(tracker):
    made = tracker()
    made.stop()
    with made.epoch() as epoch, made.span("inside") as span:
        result = work()
    assert result
    assert epoch.report.energy.joules is None
    assert "stopped" in epoch.report.reason
    assert str(epoch.report).startswith("epoch (partial): unknown: the tracker was stopped, in ")
    assert str(span.report).startswith("span inside: unknown: the tracker was stopped, in ")
    assert span.report.energy.joules is None


def test_stop_may_be_called_again_and_from_anywhere(tracker):
    made = tracker()
    with made.epoch():
        work()
    first = made.stop()
    found = []
    thread = threading.Thread(target=lambda: found.append(made.stop()))
    thread.start()
    thread.join()
    assert found == [first]
    assert made.report() == first


def test_stop_before_any_epoch_reports_the_run(tracker):
    report = tracker().stop()
    assert report.epochs == ()
    assert report.epochs_energy.joules is None
    assert report.state == "finished"


def test_no_thread_is_left(tracker):
    before = set(threading.enumerate())
    made = tracker(sinks=["memory"])
    assert set(threading.enumerate()) > before
    made.stop()
    assert set(threading.enumerate()) <= before


def test_two_trackers_at_once_do_not_disturb_each_other(tracker):
    one, other = tracker(), tracker(backends={"replay": {"watts": {"cpu": 10}}})
    with one.epoch() as outer, other.epoch() as inner:
        work()
    assert draws(outer.report.energy, 300.0, outer.report.duration_s)
    assert draws(inner.report.energy, 10.0, inner.report.duration_s)


def test_the_report_is_json(tracker):
    made = tracker(epochs=1)
    for _ in made.epochs():
        work()
    written = json.loads(json.dumps(made.stop().to_dict()))
    assert written["epochs"][0]["number"] == 0
    assert written["energy"]["kwh"] == pytest.approx(written["energy"]["joules"] / 3.6e6)


def test_a_dictionary_holds_the_derived_figures_at_every_depth(tracker):
    made = tracker(epochs=1)
    for _ in made.epochs():
        work()
    report = made.stop()
    written = report.to_dict()
    (epoch,) = report.epochs
    assert written["epochs_energy"]["kwh"] == report.epochs_energy.kwh
    assert written["devices"][0]["energy"]["uncertainty_joules"] == report.devices[0].energy.uncertainty_joules
    assert written["epochs"] == [epoch.to_dict()]
    assert written["epochs"][0]["co2eq_grams"] == epoch.co2eq_grams
    assert written["epochs"][0]["average_watts"] == epoch.average_watts


def test_what_was_chosen_is_in_the_report(tracker):
    (choice,) = tracker().stop().selection
    assert choice.backend == "replay"
    assert choice.chosen


def test_simulated_energy_says_that_it_is(tracker):
    with tracker().epoch() as epoch:
        work()
    assert all(each.device.simulated for each in epoch.report.devices)


def test_the_record_on_disk_tells_the_same(tracker, tmp_path):
    made = tracker(epochs=3)
    for _ in made.epochs():
        work()
    report = made.stop()
    read = ct.runs.load(made.run_id, tmp_path)
    assert read.energy.joules == report.energy.joules
    assert [epoch.energy.joules for epoch in read.epochs] == [epoch.energy.joules for epoch in report.epochs]
    assert read.co2eq_grams == pytest.approx(report.co2eq_grams, rel=1e-9)
    assert read.state == "finished"


def test_coroutines_have_epochs_of_their_own(tracker):
    made = tracker()

    async def train():
        with made.epoch() as epoch:
            await asyncio.sleep(0)
            with made.span("step"):
                await asyncio.sleep(0)
        return epoch

    async def main():
        return await asyncio.gather(*(train() for _ in range(5)))

    epochs = asyncio.run(main())
    assert sorted(epoch.number for epoch in epochs) == list(range(5))
    assert all(len(epoch.report.spans) == 1 for epoch in epochs)


def test_an_epoch_may_be_closed_in_another_context(tracker):
    made = tracker()
    epoch = made.epoch()
    contextvars.copy_context().run(epoch.__enter__)
    epoch.__exit__(None, None, None)
    assert epoch.report.energy.joules is not None


def test_an_epoch_is_entered_once(tracker):
    made = tracker()
    with made.epoch() as epoch:
        pass
    with pytest.raises(RuntimeError, match="entered once"):
        epoch.__enter__()


def test_epoch_start_and_epoch_end_are_what_they_were(tracker):
    made = tracker(epochs=2)
    for _ in range(2):
        made.epoch_start()
        work()
        made.epoch_end()
    assert made.report().state == "finished"
    assert made.report().epoch_count == 2


def test_monitoring_ends_after_monitor_epochs(tracker):
    made = tracker(epochs=10, monitor_epochs=2)
    for _ in range(4):
        made.epoch_start()
        work()
        made.epoch_end()
    assert made.report().epoch_count == 2


def test_a_second_epoch_start_keeps_the_first_epoch_as_partial(tracker):
    made = tracker(epochs=3)
    made.epoch_start()
    made.epoch_start()
    made.epoch_end()
    assert [epoch.partial for epoch in made.stop().epochs] == [True, False]


def test_without_any_sensor_nothing_is_raised_and_nothing_is_zero(tracker):
    made = tracker(backends=())
    with made.epoch() as epoch:
        work()
    assert epoch.report.energy.joules is None
    assert epoch.report.energy.reason


def test_ignore_errors_false_raises_faults_at_the_next_edge(tracker):
    made = tracker(backends=(), ignore_errors=False)
    with pytest.raises(MeasurementFault, match="nothing here can be measured"):  # noqa: PT012 - whichever edge is next
        with made.epoch():
            work()
        with made.epoch():
            work()


def test_ignore_errors_true_ends_measuring_and_training_goes_on(tracker):
    made = tracker(backends=(), ignore_errors=True)
    for _ in range(3):
        with made.epoch():
            work()
    assert not made.alive


@pytest.mark.parametrize(
    ("settings", "hint"),
    [({"epoch": 3}, "epochs"), ({"zne": "DE"}, "zone"), ({"components": "tpu"}, "components"), ({"backends": "rapll"}, "rapl")],
)
def test_a_wrong_argument_raises_at_construction_and_says_what_is_right(tracker, settings, hint):
    with pytest.raises(SettingsError, match=hint):
        tracker(**settings)
