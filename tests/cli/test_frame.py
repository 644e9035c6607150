"""The frame of the command line: help for people, errors in one line, commands loaded when asked for."""

import re
import subprocess
import sys

import pytest

import carbonsdk as package
from carbonsdk.cli.group import BUILT_IN


def test_help_tells_every_command(carbonsdk):
    done = carbonsdk("--help")
    assert done.returncode == 0
    assert [name for name in BUILT_IN if f"\n  {name} " not in done.stdout] == []


def test_the_package_runs_as_the_script_does(home):
    done = subprocess.run([sys.executable, "-m", "carbonsdk", "--version"], cwd=home, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"carbonsdk {package.__version__}\n")


@pytest.mark.parametrize("group", [(), ("runs",), ("plugin",)])
def test_no_line_of_a_groups_help_is_cut_off(carbonsdk, group):
    assert "..." not in carbonsdk(*group, "--help", COLUMNS="80").stdout.split("Commands:")[1]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_command_has_help(carbonsdk, name):
    done = carbonsdk(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: carbonsdk {name}")


@pytest.mark.parametrize("group", [(), ("runs",)])
def test_a_group_without_a_command_shows_its_help_as_it_is(carbonsdk, group):
    done = carbonsdk(*group)
    assert done.returncode == 2
    assert (done.stdout + done.stderr).startswith("Usage: carbonsdk")


def test_a_program_without_standard_output_is_no_error(home):
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m carbonsdk.cli config --set >&-"], cwd=home, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_told(carbonsdk):
    assert carbonsdk("--version").stdout == f"carbonsdk {package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rnu"], "no command 'rnu'; did you mean 'run'? (see `carbonsdk --help`)"),
        (["config", "--jsn"], "No such option '--jsn'"),
        (["run", "--zoen", "DE", "true"], "No such option '--zoen'"),
        (["run"], "Missing argument '-- COMMAND…'. (see `carbonsdk run --help`)"),
        (["run", "--pue", "0.1", "true"], "pue (--pue) must be at least 1, not 0.1"),
        (["demo", "--epochs", "0"], "Invalid value for '--epochs'"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(carbonsdk, arguments, told):
    done = carbonsdk(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("carbonsdk: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_broken_settings_file_is_one_line_and_code_2(carbonsdk, home):
    (home / "carbonsdk.toml").write_text("zone =\n")
    done = carbonsdk("config")
    assert done.returncode == 2
    assert done.stderr.startswith(f"carbonsdk: {home}/carbonsdk.toml: not valid TOML")
    assert done.stderr.count("\n") == 1


def test_help_is_there_with_a_broken_settings_file(carbonsdk, home):
    (home / "carbonsdk.toml").write_text("zone =\n")
    done = carbonsdk("--help")
    assert done.returncode == 0
    assert "commands of plugins are left out" in done.stderr


def test_a_reader_who_has_seen_enough_is_no_error(home):
    command = f"'{sys.executable}' -m carbonsdk.cli --help | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=home, capture_output=True, text=True)
    assert done.stderr == ""


def test_only_the_command_that_is_asked_for_is_imported():
    script = (
        "import sys; from carbonsdk.cli import _run; _run(['config', '--help']);"
        "print([name for name in ('run', 'demo', 'runs', 'doctor') if f'carbonsdk.cli.{name}' in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


def test_a_terminal_that_has_ascii_alone_still_gets_its_answer(carbonsdk):
    assert carbonsdk("run", "--", sys.executable, "-c", "sum(range(10**6))").returncode == 0
    done = carbonsdk("runs", "list", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "finished" in done.stdout


def test_a_locale_that_has_ascii_alone_gets_the_units_in_its_own_letters(carbonsdk):
    carbonsdk("run", "--intensity", "1", "--", "true")
    # Python's own ways out, which a system may have switched off.
    done = carbonsdk("runs", "list", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"\d ug\b", done.stdout)
