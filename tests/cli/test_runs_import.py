"""`carbonsdk runs import` and `runs total`, on logs that carbontracker itself wrote and on damaged ones."""

import json
import shutil
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "carbontracker_logs" / "data"


@pytest.fixture
def logs(tmp_path):
    """Return a copy of the logs of carbontracker 2.4.7: a finished run of three epochs, and one stopped after two."""
    return Path(shutil.copytree(DATA / "2.4.7", tmp_path / "logs"))


@pytest.fixture
def imported(carbonsdk, home):
    """Import a directory; return what was imported, and what was complained of."""

    def run(directory):
        done = carbonsdk("runs", "import", directory, "--state-dir", home / "state", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    return run


@pytest.mark.parametrize("release", ["1.2.5", "2.2.0", "2.4.7"])
def test_the_logs_of_releases_become_runs(imported, carbonsdk, home, release):
    runs, complaints = imported(DATA / release)
    assert complaints == ""
    listed = json.loads(carbonsdk("runs", "list", "--json", "--state-dir", home / "state").stdout)
    assert {run["run_id"] for run in listed} == {run["run_id"] for run in runs}
    assert {run["state"] for run in listed} == {"finished"}


def test_an_imported_run_can_be_shown_and_forecast(imported, carbonsdk, home):
    (finished, stopped), _ = imported(DATA / "2.4.7")
    shown = carbonsdk("runs", "show", finished["run_id"], "--state-dir", home / "state").stdout
    # Two packages of 50 W and 30 W over three epochs of 2.6 s.
    assert finished["energy_joules"] == pytest.approx(80 * 3 * 2.6, rel=0.02)
    assert "total: 3 epochs" in shown
    assert "mean power × time; mean over the component's devices" in shown
    said = json.loads(carbonsdk("predict", stopped["run_id"], "--state-dir", home / "state", "--json").stdout)
    assert (said["epochs_seen"], said["epochs_total"]) == (2, 3)


def test_importing_again_makes_no_second_run(imported, carbonsdk, home):
    first, _ = imported(DATA / "2.4.7")
    again, _ = imported(DATA / "2.4.7")
    assert [run["run_id"] for run in again] == [run["run_id"] for run in first]
    assert ([run["renewed"] for run in first], [run["renewed"] for run in again]) == ([False, False], [True, True])
    assert len(json.loads(carbonsdk("runs", "list", "--json", "--state-dir", home / "state").stdout)) == 2


def test_a_torn_log_is_imported_as_far_as_it_goes(imported, carbonsdk, home, logs):
    standard = min(path for path in logs.iterdir() if path.name.endswith("_carbontracker.log"))
    text = standard.read_text()
    standard.write_text(text[: text.index("Epoch 3:") + 4])
    standard.with_name(standard.name.replace(".log", "_output.log")).unlink()
    runs, complaints = imported(logs)
    assert [run["epochs"] for run in runs] == [2, 2]
    assert "the last line of" in complaints
    assert "there is no output log" in complaints
    listed = json.loads(carbonsdk("runs", "list", "--json", "--state-dir", home / "state").stdout)
    assert {run["run_id"]: run["state"] for run in listed}[runs[0]["run_id"]] == "interrupted"


def test_an_output_log_alone_is_a_run_with_the_consumption_as_told(imported, logs):
    for path in logs.glob("*_carbontracker.log"):
        path.unlink()
    runs, complaints = imported(logs)
    assert [run["epochs"] for run in runs] == [0, 0]
    assert "there is no standard log" in complaints


def test_a_log_without_any_time_is_left_out_and_the_others_are_not(imported, logs):
    (logs / "odd_carbontracker.log").write_text("Epoch 1:\nno time here\n")
    runs, _ = imported(logs)
    assert len(runs) == 2


def test_a_directory_without_logs_is_an_error(carbonsdk, tmp_path):
    for command in ("import", "total"):
        done = carbonsdk("runs", command, tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith(f"carbonsdk: {tmp_path} holds no log of carbontracker")
    assert carbonsdk("runs", "total", tmp_path / "nowhere").returncode == 2


def test_the_logs_stay_as_they_are(imported, logs):
    before = {path.name: path.read_bytes() for path in logs.iterdir()}
    imported(logs)
    assert {path.name: path.read_bytes() for path in logs.iterdir()} == before


def test_the_total_is_the_sentence_to_cite(carbonsdk):
    done = carbonsdk("runs", "total", DATA / "2.4.7")
    # 0.000136997572 and 0.000091444218 kWh as told, which average two packages that add up; 445 g/kWh.
    assert done.stdout == (
        "The training of models in this work is estimated to use 0.0004569 kWh of electricity contributing to 0.0002033 kg of"
        " CO2eq. This is equivalent to 0.0019 km travelled by car or 0.0164 smartphone charges or 0.000407 months of an urban"
        " tree's growth. Measured by carbontracker 2.4.7, added up by carbonsdk. 2 runs corrected, since the log averages"
        " devices that it should add.\n"
    )


def test_the_total_is_there_in_figures_too(carbonsdk):
    summed = json.loads(carbonsdk("runs", "total", DATA / "2.4.7", "--json").stdout)
    assert summed["kwh"] == pytest.approx(0.0004568836)
    assert summed["grams"] == pytest.approx(0.0004568836 * 445, rel=1e-6)
    assert (summed["runs"], summed["corrected"]) == (2, 2)
    assert summed["equivalents"][0]["unit"] == "km travelled by car"
