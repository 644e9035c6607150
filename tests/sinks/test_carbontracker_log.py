import re
from dataclasses import replace

import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.events import EpochCorrected
from carbonsdk.model import CarbonUse, DeviceKind, Quality
from carbonsdk.sinks import carbontracker_log

# What carbontracker's own parser (2.4.7) looks for, restated: a figure in its place, then a date or the end of the file.
DEVICES = re.compile(r" ([^ ]+) with device\(s\) ([^.]*)\.")
DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d\d)\n")
POWER = re.compile(r"Average power usage \(W\) for (\w+): (\[?[0-9.]+|None)")
CONSUMPTION = re.compile(
    r"(Actual|Predicted) consumption(?: for (\d+) epoch\(s\))?:\n\s+Time:\s+(\d+:\d\d:\d\d)\n"
    r"\s+Energy:\s+([0-9.]+) kWh(?: \(\w+\))?\n"
    r"\s+CO2eq:\s+([0-9.]+|nan) g\n\s+This is equivalent to:\n((?:\t[0-9.]+ [^\n]+\n)*)(?=\d{4}-\d\d-\d\d|\Z)"
)


@pytest.fixture
def write(make_sink, tmp_path):
    """Return a function that shows events to the sink and returns the standard and the output log."""

    def write(*events, **settings):
        sink = make_sink(carbontracker_log, log_dir=tmp_path, **settings)
        for event in events:
            sink.handle(event)
        (standard,) = tmp_path.glob("*_carbontracker.log")
        (output,) = tmp_path.glob("*_carbontracker_output.log")
        assert output.name.replace("_output", "") == standard.name
        return standard.read_text(), output.read_text()

    return write


def test_a_directory_must_be_given(make_sink):
    with pytest.raises(SettingsError, match="set its `log_dir`"):
        make_sink(carbontracker_log)


def test_a_prefix_with_a_path_is_refused(make_sink, tmp_path):
    with pytest.raises(SettingsError, match="not a path"):
        make_sink(carbontracker_log, log_dir=tmp_path, log_file_prefix="../x")


def test_files_are_named_as_carbontracker_names_them(write, story, tmp_path):
    write(*story.whole(), log_file_prefix="mine")

    (name,) = [path.name for path in tmp_path.glob("*_carbontracker.log")]
    assert re.fullmatch(r"mine_4711\.\d{1,6}_\d{4}-\d\d-\d\dT\d{6}Z_carbontracker\.log", name)


def test_every_line_of_the_standard_log_has_its_time(write, story):
    standard, _ = write(*story.whole())

    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - \S", line) for line in standard.splitlines())


def test_epochs_hold_duration_and_one_power_a_component(write, story):
    standard, _ = write(*story.whole())

    assert DURATION.findall(standard) == [("0", "00", "10.00"), ("0", "00", "10.00")]
    assert POWER.findall(standard) == [("gpu", "360"), ("cpu", "180"), ("gpu", "360"), ("cpu", "180")]


def test_several_devices_are_a_list_as_carbontracker_writes_it(write, story):
    second = story.device("GPU-2", DeviceKind.GPU, "A100")

    standard, _ = write(
        story.chosen(story.gpu, second), story.epoch(1, joules={story.gpu: 3600.0, second: 1000.0}), story.finished()
    )

    assert "Average power usage (W) for gpu: [360 100]\n" in standard


def test_memory_belongs_to_the_cpu(write, story):
    memory = story.device("dram-0", DeviceKind.MEMORY, "DRAM")

    standard, _ = write(story.epoch(1, joules={story.cpu: 1800.0, memory: 50.0}), story.finished())

    assert "CPU with device(s) Xeon 2_20GHz, DRAM.\n" in standard
    assert "for cpu: [180 5]\n" in standard


def test_an_unknown_first_device_does_not_hide_the_others_from_who_reads_all(write, story):
    second = story.device("GPU-2", DeviceKind.GPU, "A100")

    standard, _ = write(story.epoch(1, joules={story.gpu: None, second: 1000.0}), story.finished())

    assert POWER.findall(standard) == [("gpu", "None")]
    assert "Power of each device (W) of gpu: [nan 100]\n" in standard


def test_names_keep_clear_of_the_marks_that_the_parser_divides_at(write, story):
    odd = story.device("cpu", DeviceKind.CPU, "Acme, Inc. CPU @ 2.2 GHz\nrev. 3 ü", quality=Quality.ESTIMATED)

    standard, output = write(story.chosen(odd), story.epoch(1, joules={odd: 10.0}), story.finished())

    assert DEVICES.findall(standard) == [("CPU", "Acme; Inc_ CPU @ 2_2 GHz rev_ 3 \\xfc (estimated)")]
    assert "The following components were found: CPU" in output


def test_a_device_that_comes_before_the_first_epoch_is_in_the_first_and_only_sentence(write, story):
    standard, _ = write(story.chosen(story.cpu), story.chosen(story.cpu, story.gpu), story.epoch(1), story.finished())

    assert standard.count("The following components were found:") == 1
    assert [name for name, _ in DEVICES.findall(standard)] == ["GPU", "CPU"]


def test_prediction_and_actual_consumption_are_read_by_the_parsers_patterns(write, story):
    _, output = write(*story.whole(), decimal_precision=6)

    predicted, actual = CONSUMPTION.findall(output)
    assert predicted[:5] == ("Predicted", "4", "0:00:40", "0.006000", "2.400000")
    assert actual[:5] == ("Actual", "2", "0:00:20", "0.003000", "1.200000")
    assert "0.011236 km travelled by car" in actual[5]


def test_a_simulated_device_beside_real_ones_is_left_out(write, story):
    made_up = story.device("sim", DeviceKind.GPU, "Imaginary", simulated=True)

    standard, _ = write(
        story.chosen(story.cpu, made_up), story.epoch(1, joules={story.cpu: 10.0, made_up: 10.0}), story.finished()
    )

    assert "Imaginary" not in standard
    assert POWER.findall(standard) == [("cpu", "1")]


def test_unknown_co2eq_is_nan_and_has_no_equivalents(write, story):
    blank = replace(story.epoch(1).report, carbon=CarbonUse(None, reason="no zone"))

    _, output = write(story.finished(epochs=(blank,)))

    ((*_, grams, equivalents),) = CONSUMPTION.findall(output)
    assert (grams, equivalents) == ("nan", "")


def test_unknown_energy_is_no_consumption(write, story):
    _, output = write(story.epoch(1, joules={story.cpu: None}), story.finished())

    assert "consumption" not in output
    assert "The energy used is unknown: denied" in output


def test_fewer_epochs_than_planned_are_an_early_stop(write, story):
    standard, _ = write(*story.whole())

    assert "Training was interrupted before all 4 epochs were monitored.\n" in standard


def test_as_many_epochs_as_were_to_be_monitored_are_none(write, story):
    standard, _ = write(*story.whole(), monitor_epochs=2)

    assert "interrupted" not in standard


def test_without_a_forecast_the_actual_consumption_names_no_number(write, story):
    _, output = write(story.epoch(1), story.finished(), epochs_before_pred=0)

    assert "\nActual consumption:\n" in output


def test_an_epoch_whose_last_reading_is_out_waits_for_it_and_the_next_with_it(write, story):
    early = story.epoch(0, provisional=True, joules={story.cpu: 900.0, story.gpu: 1800.0})

    standard, _ = write(early, story.epoch(1), EpochCorrected(story.run, story.epoch(0).report), story.epoch(2))

    assert re.findall(r"Epoch (\d):|for gpu: (\S+)", standard) == [
        pair for number in "123" for pair in ((number, ""), ("", "360"))
    ]
    assert "Correction" not in standard


def test_an_epoch_that_is_never_corrected_is_written_at_the_end(write, story):
    standard, _ = write(story.epoch(0, provisional=True), story.finished())

    assert len(POWER.findall(standard)) == 2


def test_a_correction_that_comes_too_late_leaves_the_epoch_s_lines_alone(write, story):
    ended = [story.epoch(number, provisional=True) for number in range(17)]

    standard, _ = write(*ended, EpochCorrected(story.run, story.epoch(0).report))

    assert re.findall(r"Epoch (\d+):", standard) == ["1"]
    assert "Correction of epoch 1, power (W) of gpu: [360]\n" in standard


def test_every_message_is_in_the_files_as_soon_as_it_is_known(make_sink, story, tmp_path):
    sink = make_sink(carbontracker_log, log_dir=tmp_path)

    sink.handle(story.epoch(1))

    (standard,) = tmp_path.glob("*_carbontracker.log")
    assert "Epoch 1:" in standard.read_text()


def test_an_epoch_that_broke_off_is_an_early_stop(write, story):
    complete = [story.epoch(1), story.epoch(2), story.epoch(3)]
    last = story.epoch(4)
    broken_off = replace(last, report=replace(last.report, partial=True))

    standard, _ = write(*complete, broken_off, story.finished())

    assert "Training was interrupted before all 4 epochs were monitored." in standard


def test_every_consumption_says_in_a_word_what_its_energy_is(write, story):
    _, output = write(story.epoch(1), story.forecast(), story.finished())
    assert re.findall(r"kWh \((\w+)\)\n", output) == ["forecast", "integrated"]


def test_what_is_simulated_says_so(write, story):
    device = story.device("cpu", DeviceKind.CPU, "Made up", quality=Quality.ESTIMATED, simulated=True)
    _, output = write(story.epoch(1, joules={device: 3600.0}), story.finished())
    assert "kWh (simulated)\n" in output


class TestWithCarbontracker:
    """The released package reads our files; skipped where it is not installed."""

    @pytest.fixture
    def parser(self):
        return pytest.importorskip("carbontracker.parser")

    def test_its_parser_reads_every_figure(self, parser, write, story, tmp_path):
        write(*story.whole())

        (log,) = parser.parse_all_logs(str(tmp_path))

        assert log["early_stop"] is True
        assert log["actual"]["energy (kWh)"] == pytest.approx(0.003)
        assert log["actual"]["co2eq (g)"] == pytest.approx(1.2)
        assert log["actual"]["duration (s)"] == 20.0
        assert log["pred"]["epochs"] == 4
        assert log["pred"]["energy (kWh)"] == pytest.approx(0.006)
        cpu, gpu = log["components"]["cpu"], log["components"]["gpu"]
        assert cpu["devices"] == ["Xeon 2_20GHz"]
        assert cpu["epoch_durations (s)"].tolist() == [10.0, 10.0]
        assert cpu["avg_power_usages (W)"].tolist() == [[180.0], [180.0]]
        assert gpu["avg_energy_usages (J)"].tolist() == [[3600.0], [3600.0]]

    def test_its_parser_survives_what_is_unknown(self, parser, write, story, tmp_path):
        second = story.device("GPU-2", DeviceKind.GPU, "A100")
        epochs = [story.epoch(1, joules={story.gpu: None, second: 1000.0}), story.epoch(2)]
        write(story.chosen(story.gpu, second), *epochs, story.finished())

        (log,) = parser.parse_all_logs(str(tmp_path))

        assert log["components"]["gpu"]["avg_power_usages (W)"].tolist() == [[0.0], [360.0]]

    def test_its_totals_are_those_of_a_run_that_stopped_early(self, parser, write, story, tmp_path, capsys):
        write(*story.whole())

        energy, grams, equivalents = parser.aggregate_consumption(str(tmp_path))
        parser.print_aggregate(str(tmp_path))

        assert energy == pytest.approx(0.003)
        assert grams == pytest.approx(1.2)
        assert equivalents["km travelled by car"] == pytest.approx(1.2 / 106.8)
        assert "0.0030000000000000 kWh" in capsys.readouterr().out
