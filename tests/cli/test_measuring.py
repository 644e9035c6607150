"""`run`, `demo`, `runs` and `doctor`, from a command to its record, on a pretended CPU of 100 W at half load."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing

import pytest

from carbonsdk.clock import SystemClock
from carbonsdk.testing import Profile
from carbonsdk.testing.nvml import FakeGpu, FakeNvml
from carbonsdk.testing.powercap import PowercapTree, server_zones

FIFTY_WATTS = {"CARBONSDK_SIM_CPU": "Pretended", "CARBONSDK_SIM_CPU_TDP": "100", "CARBONSDK_INTENSITY": "360"}
# 360 g/kWh are 0.1 mg a joule.


def recorded(carbonsdk):
    return json.loads(carbonsdk("runs", "list", "--json").stdout)


def test_a_command_is_measured_and_its_output_left_alone(carbonsdk):
    done = carbonsdk("run", "--json", "--", sys.executable, "-c", "import time; time.sleep(0.5); print('said')", **FIFTY_WATTS)
    assert done.returncode == 0
    assert done.stdout == "said\n"
    report = json.loads(done.stderr)
    (epoch,) = report["epochs"]
    assert epoch["duration_s"] >= 0.5
    assert epoch["energy"]["joules"] == pytest.approx(50 * epoch["duration_s"], rel=0.01)
    assert report["co2eq_grams"] == pytest.approx(report["energy"]["joules"] * 1e-4, rel=1e-6)


def test_the_summary_goes_to_standard_error(carbonsdk):
    done = carbonsdk("run", "--name", "mine", "--", "echo", "said", **FIFTY_WATTS)
    assert done.stdout == "said\n"
    assert done.stderr.startswith("carbonsdk: echo ended with exit code 0\n")
    for label in ("energy", "CO2eq", "intensity", "covered", "record"):
        assert f"\n  {label}" in done.stderr
    assert recorded(carbonsdk)[0]["name"] == "mine"


def test_quiet_says_nothing_and_records_all_the_same(carbonsdk):
    done = carbonsdk("run", "--quiet", "true", **FIFTY_WATTS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [run["name"] for run in recorded(carbonsdk)] == ["true"]


def test_a_sink_may_be_named_with_its_file(carbonsdk, home):
    done = carbonsdk("run", "--quiet", "--sinks", "csv=out/epochs.csv", "true", **FIFTY_WATTS)
    assert (done.returncode, done.stderr) == (0, "")
    assert (home / "out" / "epochs.csv").read_text().count("\n") == 2


def test_a_sink_that_cannot_write_says_where_and_what_to_do(carbonsdk, home):
    (home / "taken").write_text("")
    said = carbonsdk("run", "--sinks", "csv=taken/epochs.csv", "true", **FIFTY_WATTS).stderr
    assert "  warning    sink csv: " in said
    assert "taken/epochs.csv: File exists; name another place, or see that this one can be written to\n" in said
    assert "  warning    sink csv lost 1 event\n" in said


def test_the_exit_code_is_the_commands(carbonsdk):
    assert carbonsdk("run", "--", "sh", "-c", "exit 7").returncode == 7


def test_a_command_that_is_not_there_is_one_line_and_code_127(carbonsdk):
    done = carbonsdk("run", "no-such-command-anywhere")
    assert (done.returncode, done.stderr) == (127, "carbonsdk: no-such-command-anywhere: command not found\n")
    assert recorded(carbonsdk) == []


def test_a_file_that_cannot_be_run_is_one_line_and_code_126(carbonsdk, home):
    (home / "text").write_text("no program")
    done = carbonsdk("run", "./text")
    assert (done.returncode, done.stderr) == (126, "carbonsdk: ./text: cannot be run: Permission denied\n")


def test_a_file_that_is_no_program_is_one_line_and_code_126(carbonsdk, home):
    (home / "text").write_text("no program")
    (home / "text").chmod(0o755)
    done = carbonsdk("run", "./text")
    assert (done.returncode, done.stderr) == (126, "carbonsdk: ./text: cannot be run: Exec format error\n")


def test_a_run_that_cannot_begin_leaves_no_record(carbonsdk):
    done = carbonsdk("run", "--backends", "constant", "true")
    assert done.returncode in {1, 2}
    assert done.stderr.count("\n") == 1
    assert recorded(carbonsdk) == []


def test_the_commands_options_are_the_commands(carbonsdk):
    assert carbonsdk("run", "--quiet", "echo", "--json", "-q").stdout == "--json -q\n"


def test_a_backend_that_is_not_there_keeps_the_command_from_starting(carbonsdk):
    done = carbonsdk("run", "--backends", "ralp", "echo", "said")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "no backend is called 'ralp'; did you mean 'rapl'?" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("code", "told"), [(137, "137 (SIGKILL)"), (163, "163"), (128, "128"), (255, "255"), (3, "3")])
def test_the_summary_names_the_signal_that_a_code_stands_for(carbonsdk, code, told):
    done = carbonsdk("run", "--", "sh", "-c", f"exit {code}", **FIFTY_WATTS)
    assert done.stderr.startswith(f"carbonsdk: sh ended with exit code {told}\n")


def test_a_run_that_is_ended_by_a_signal_is_recorded(carbonsdk, home, tmp_path):
    script = "import sys, time; print('ready', flush=True); time.sleep(60)"
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", **FIFTY_WATTS}
    command = [sys.executable, "-m", "carbonsdk.cli", "run", "--", sys.executable, "-c", script]
    with subprocess.Popen(command, env=environ, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert "ended with exit code 143 (SIGTERM)" in said
    assert [run["state"] for run in recorded(carbonsdk)] == ["finished"]


def test_a_recorded_run_is_shown_by_the_beginning_of_its_id(carbonsdk):
    carbonsdk("run", "--quiet", "--name", "mine", "true", **FIFTY_WATTS)
    (run,) = recorded(carbonsdk)
    done = carbonsdk("runs", "show", run["run_id"][:10])
    assert done.returncode == 0
    assert done.stdout.startswith(f"{run['run_id']} (mine): finished")
    assert "energy     " in done.stdout
    assert "constant power, as given" in done.stdout
    shown = json.loads(carbonsdk("runs", "show", "--json", run["run_id"]).stdout)
    assert shown["energy"]["joules"] == pytest.approx(run["energy_joules"])


def test_a_run_is_shown_with_its_newest_epochs_and_how_many_are_older(carbonsdk):
    carbonsdk("demo", "--epochs", "3", **FIFTY_WATTS)
    done = carbonsdk("runs", "show", "--epochs", "1")
    assert done.stdout.splitlines()[-1].split()[0] == "2"
    assert done.stderr == "2 older epochs are left out: `--epochs 3` shows all.\n"
    assert carbonsdk("runs", "show").stderr == ""


@pytest.mark.parametrize("latest", [(), ("latest",)])
def test_without_a_name_the_newest_run_is_shown(carbonsdk, latest):
    for name in ("first", "second"):
        carbonsdk("run", "--quiet", "--name", name, "true", **FIFTY_WATTS)
    done = carbonsdk("runs", "show", *latest)
    assert (done.returncode, done.stderr) == (0, "")
    assert "(second): finished" in done.stdout.splitlines()[0]


def test_where_there_is_no_run_yet_the_newest_is_one_line_and_code_1(carbonsdk):
    done = carbonsdk("runs", "show")
    assert done.returncode == 1
    assert done.stderr.startswith("carbonsdk: there is no run in ")
    assert done.stderr.count("\n") == 1
    assert carbonsdk("runs", "show", "--state-dir", "there").stderr.endswith("/there` makes one\n")


def test_without_a_run_the_list_says_how_to_make_one(carbonsdk):
    assert "`carbonsdk demo` makes one" in carbonsdk("runs", "list").stdout
    assert "there` makes one" in carbonsdk("runs", "list", "--state-dir", "there").stdout


def test_an_unknown_run_is_one_line_and_code_1(carbonsdk):
    done = carbonsdk("runs", "show", "nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("carbonsdk: no run in ")
    assert done.stderr.count("\n") == 1


def test_the_list_says_of_each_energy_what_it_is(carbonsdk):
    carbonsdk("run", "--quiet", "true", **FIFTY_WATTS)
    heading, _, run = carbonsdk("runs", "list").stdout.splitlines()
    assert heading.split()[-1] == "Quality"
    assert run.rstrip().endswith("simulated, estimated")


def test_no_more_runs_are_listed_than_asked_for(carbonsdk):
    for name in ("first", "second"):
        carbonsdk("run", "--quiet", "--name", name, "true", **FIFTY_WATTS)
    done = carbonsdk("runs", "list", "--limit", "1")
    assert "second" in done.stdout
    assert "first" not in done.stdout
    assert "1 older run is left out" in done.stderr


def test_the_demo_trains_measures_and_says_where_the_record_lies(carbonsdk):
    done = carbonsdk("demo", "--epochs", "2", **FIFTY_WATTS)
    assert done.returncode == 0, done.stderr
    losses = [float(line.split("loss ")[1].split()[0]) for line in done.stdout.splitlines() if "loss" in line]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    (run,) = recorded(carbonsdk)
    assert (run["name"], run["epoch_count"], run["epochs_planned"]) == ("demo", 2, 2)
    assert f"  record     {run['path']}" in done.stdout


def test_the_doctor_says_what_is_measured_and_leaves_no_record(carbonsdk):
    done = carbonsdk("doctor", "--seconds", "0.3", **FIFTY_WATTS)
    assert done.returncode == 0, done.stderr
    assert "cpu     Pretended: 50 W, simulated, " in done.stdout
    assert "360 gCO2eq/kWh" in done.stdout
    assert recorded(carbonsdk) == []


def test_the_doctor_tells_equal_boards_apart(carbonsdk, tmp_path):
    boards = [{"kind": "gpu", "name": "A100", "id": ident, "watts": 50} for ident in ("GPU-1", "GPU-2")]
    (tmp_path / "boards.json").write_text(json.dumps({"devices": boards}))
    replayed = {"CARBONSDK_BACKENDS": "replay", "CARBONSDK_BACKENDS__REPLAY__PATH": str(tmp_path / "boards.json")}
    done = carbonsdk("doctor", "--seconds", "0.3", **replayed)
    # 50 W each, as far as a busy machine lets them be read in time.
    assert re.search(r"gpu     A100 \(GPU-1\): [45]\d(?:\.\d)? W, simulated", done.stdout)
    assert re.search(r"gpu     A100 \(GPU-2\): [45]\d(?:\.\d)? W, simulated", done.stdout)
    assert re.search(r"together: (?:9\d\.\d|1\d\d) W, simulated, estimated, ±\d+%\n", done.stdout)


def test_what_holds_for_several_kinds_is_told_once(carbonsdk):
    done = carbonsdk("doctor", "--seconds", "0.3", CARBONSDK_DISABLE_PLUGINS="cpu_load,nvml")
    assert done.stdout.count("no RAPL zone") + done.stdout.count("RAPL is read through") == 1
    assert "  cpu, memory: rapl: " in done.stdout


def test_the_doctors_findings_are_there_as_json(carbonsdk, home):
    found = json.loads(carbonsdk("doctor", "--seconds", "0.3", "--json", **FIFTY_WATTS).stdout)
    assert [each["device"]["name"] for each in found["devices"]] == ["Pretended"]
    assert found["records"].startswith(str(home))
    assert found["records_writable"] is True
    assert set(found["missing"]) == {"memory", "gpu"}
    assert set(found) == {
        *("devices", "seconds", "missing", "rejected", "carbon", "plugins", "records", "records_writable", "warnings"),
        *("version", "system"),
    }


def test_the_doctor_calls_nothing_unmeasured_that_a_modules_counter_holds(carbonsdk, home, fake_nvml_library):
    power = Profile.constant(300.0)
    module = FakeGpu(uuid="GPU-1", name="NVIDIA GH200 480GB", profile=power, module=Profile.constant(500.0))
    with closing(FakeNvml(home / "driver", [module], real_time=True)) as driver:
        variables = {name: driver.environ(fake_nvml_library)[name] for name in ("FAKE_NVML", "LD_LIBRARY_PATH")}
        found = json.loads(carbonsdk("doctor", "--seconds", "0.3", "--json", **variables).stdout)
    assert [each["device"]["id"] for each in found["devices"] if each["energy"]["joules"]] == ["GPU-1"]
    assert found["missing"] == {}
    assert not [text for text in found["warnings"] if "variable" in text]


def test_a_remedy_of_several_commands_keeps_its_lines(carbonsdk, tmp_path):
    PowercapTree(tmp_path / "sys", SystemClock(), zones=server_zones(Profile.constant(10.0))).mask()
    done = carbonsdk("doctor", "--backends", "rapl", CARBONSDK_BACKENDS__RAPL__ROOT=str(tmp_path / "sys"))
    assert done.returncode == 1
    first, *others = done.stderr.splitlines()
    assert first.startswith("carbonsdk: ")
    assert "masked by this container" in first
    assert any(line.startswith("Whoever reads these counters") for line in others)


@pytest.mark.skipif(os.geteuid() == 0, reason="root enters every folder")
@pytest.mark.parametrize("arguments", [("runs", "show"), ("runs", "list")])
def test_a_folder_that_may_not_be_entered_is_one_line_and_code_1(carbonsdk, home, arguments):
    (home / "closed").mkdir(mode=0)
    done = carbonsdk(*arguments, "--state-dir", home / "closed" / "state")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"carbonsdk: cannot read {home}/closed/state/runs: Permission denied\n"


def test_the_doctor_says_that_records_cannot_be_written(carbonsdk, home):
    (home / "file").write_text("no folder")
    done = carbonsdk("doctor", "--seconds", "0.1", CARBONSDK_STATE_DIR=str(home / "file" / "state"))
    assert done.returncode == 0, done.stderr
    assert f"{home}/file/state  (not writable" in done.stdout


def test_a_run_whose_record_cannot_be_written_names_none(carbonsdk, home):
    (home / "file").write_text("no folder")
    done = carbonsdk("run", "--state-dir", home / "file", "true")
    assert done.returncode == 0
    assert "  record " not in done.stderr
    assert "  warning    cannot write the record" in done.stderr


def test_a_name_that_no_run_can_have_is_one_line_and_code_1(carbonsdk):
    done = carbonsdk("runs", "show", "x" * 5000)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
