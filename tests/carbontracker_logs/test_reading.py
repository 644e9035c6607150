import os

import pytest

from carbonsdk.carbontracker_logs import messages, read_directory
from carbonsdk.errors import JournalError


def only_run(logs):
    (run,) = read_directory(logs.directory)
    return run


def test_powers_of_many_gpus_over_several_lines_are_all_read(logs, head):
    gpus = ", ".join(["Tesla V100-SXM2-16GB"] * 8)
    logs.put(
        "1_2024",
        standard=[
            *head,
            f"The following components were found: GPU with device(s) {gpus}. CPU with device(s) cpu:0, cpu:1.",
            "Epoch 1:",
            "Duration: 1:02:03.50",
            "Average power usage (W) for gpu: [ 50.1  60.2  70.3 180.4\n  90.5 100.6 110.7 120.8]",
            "Average power usage (W) for cpu: None",
        ],
    )

    run = only_run(logs)

    assert run.epochs[0].powers["gpu"] == (50.1, 60.2, 70.3, 180.4, 90.5, 100.6, 110.7, 120.8)
    assert run.epochs[0].powers["cpu"] == (None,)
    assert run.epochs[0].duration_s == 3723.5
    assert len(run.devices["gpu"]) == 8


def test_device_names_keep_their_full_stops(logs, head):
    devices = "CPU with device(s) Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz. GPU with device(s) A100."
    sentence = f"The following components were found: {devices}"

    logs.put("1_2024", standard=[*head, sentence])

    assert only_run(logs).devices == {"cpu": ("Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz",), "gpu": ("A100",)}


def test_numbers_written_as_calls_are_read_and_nothing_is_evaluated(logs, head):
    logs.put(
        "1_2024",
        standard=[
            *head,
            "Epoch 1:",
            "Duration: 0:00:01.00",
            "Average power usage (W) for gpu: [np.float64(50.5), np.float64(60.5)]",
            "Epoch 2:",
            "Duration: 0:00:01.00",
            "Average power usage (W) for gpu: __import__('os').abort()",
        ],
    )

    first, second = only_run(logs).epochs

    assert first.powers == {"gpu": (50.5, 60.5)}
    assert second.powers == {"gpu": ()}


def test_zero_watts_are_a_failed_read_and_absurd_ones_are_left_out(logs, head):
    logs.put(
        "1_2024",
        standard=[*head, "Epoch 1:", "Duration: 0:00:01.00", "Average power usage (W) for gpu: [0.0 12572969.0 nan 55.0]"],
    )

    run = only_run(logs)

    assert run.epochs[0].powers == {"gpu": (None, None, None, 55.0)}
    assert run.problems[0].startswith("1.2573e+07 W is no power")


def test_location_and_intensity_are_read_from_old_and_new_wordings(logs, head):
    logs.put(
        "1",
        standard=[*head, "Average carbon intensity during training was 58.29 gCO2/kWh at detected location: Copenhagen, DK."],
    )
    logs.put(
        "2",
        standard=[
            *head,
            "Carbon intensities (gCO2eq/kWh) fetched every 900 s at detected location: Aarhus, DK: [58.2, 60.1]",
            "Average carbon intensity during training was 59.15 gCO2eq/kWh. ",
        ],
    )

    old, new = read_directory(logs.directory)

    assert (old.grams_per_kwh, old.location) == (58.29, "Copenhagen, DK")
    assert (new.grams_per_kwh, new.location) == (59.15, "Aarhus, DK")


def test_a_torn_last_line_is_left_out_since_half_a_number_is_another_number(logs):
    logs.put(
        "1",
        standard=(
            "2024-05-01 10:00:00 - Epoch 1:\n2024-05-01 10:00:09 - Duration: 0:00:09.00\n"
            "2024-05-01 10:00:09 - Average power usage (W) for gpu: 12"
        ),
    )

    run = only_run(logs)

    assert run.epochs[0].powers == {}
    assert "torn" in run.problems[1] or "torn" in run.problems[0]


def test_an_epoch_without_its_duration_is_left_out_and_named(logs, head):
    logs.put("1", standard=[*head, "Epoch 1:", "Duration: 0:00:09.00", "Epoch 2:"])

    run = only_run(logs)

    assert [epoch.number for epoch in run.epochs] == [1]
    assert "epoch 2 has no duration and is left out" in run.problems


def test_logs_without_a_partner_are_runs_of_their_own(logs, head, told):
    logs.put("1", standard=[*head, "Epoch 1:", "Duration: 0:00:09.00"])
    logs.put("2", output=[told("Actual")])

    alone, other = read_directory(logs.directory)

    assert (len(alone.epochs), alone.actual, alone.output_log) == (1, None, None)
    assert (other.epochs, other.actual.kwh, other.standard_log) == ((), 0.5, None)
    assert any("no output log" in problem for problem in alone.problems)


def test_a_consumption_without_a_number_of_epochs_is_read(logs, told):
    logs.put("1", output=[told("Actual", epochs=None)])

    actual = only_run(logs).actual

    assert (actual.epochs, actual.duration_s, actual.grams) == (None, 3723.0, 100.0)


def test_a_consumption_torn_in_its_middle_has_what_stands_there(logs):
    logs.put(
        "1",
        output="2024-05-01 10:00:00 - CarbonTracker: \nActual consumption for 2 epoch(s):\n\tTime:\t0:00:10\n\tEnergy:\t0.12",
    )

    actual = only_run(logs).actual

    assert (actual.duration_s, actual.kwh, actual.grams) == (10.0, None, None)


def test_unknown_co2eq_is_none(logs, told):
    logs.put("1", output=[told("Actual", grams="nan")])

    assert only_run(logs).actual.grams is None


def test_two_runs_in_one_file_lose_no_epoch(logs, head):
    epoch = ["Epoch 1:", "Duration: 0:00:09.00"]
    logs.put("1", standard=[*head, *epoch, *epoch])

    assert [each.number for each in only_run(logs).epochs] == [1, 2]


def test_empty_and_foreign_files_are_no_runs(logs):
    logs.put("1", standard="", output="")
    (logs.directory / "notes.log").write_text("x")

    runs = read_directory(logs.directory)

    assert all(run.epochs == () and run.actual is None for run in runs)
    assert len(runs) <= 1


def test_a_pipe_in_the_directory_does_not_hang(logs):
    os.mkfifo(logs.directory / "1_carbontracker.log")

    assert "1_carbontracker.log cannot be read: it is no ordinary file" in only_run(logs).problems


def test_lines_without_end_and_files_without_end_are_bounded(logs, monkeypatch):
    monkeypatch.setattr(messages, "MOST_BYTES", 1 << 20)
    line = "2024-05-01 10:00:00 - Epoch 1:\n2024-05-01 10:00:01 - Duration: 0:00:09.00\n"
    logs.put("1", standard=line + "x" * 200_000 + "\n" + "y\n" * 600_000)

    run = only_run(logs)

    assert len(run.epochs) == 1
    assert any("200001 bytes" in problem for problem in run.problems)
    assert any("only to its first" in problem for problem in run.problems)


def test_bytes_that_are_no_text_harm_nothing(logs):
    path = logs.directory / "1_carbontracker.log"
    path.write_bytes(b"\xff\xfe\x00 nonsense\n2024-13-45 99:99:99 - Epoch 1:\n2024-05-01 10:00:01 - Duration: 0:00:09.00\n")

    assert only_run(logs).epochs[0].duration_s == 9.0


def test_a_directory_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(JournalError, match="nowhere cannot be read"):
        read_directory(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("written", "step", "rough"), [("0.000", 1e-3, True), ("0.123456789012", 1e-12, False), ("12", 1.0, True)]
)
def test_how_far_a_consumption_was_rounded_is_read(logs, told, written, step, rough):
    logs.put("a", output=[told("Actual", kwh=written)])
    (run,) = read_directory(logs.directory)
    assert run.actual.kwh_step == pytest.approx(step)
    assert run.actual.rough is rough
