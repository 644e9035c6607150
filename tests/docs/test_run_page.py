"""The runner of pages notices what is wrong with a page: otherwise the pages would always pass."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("run_page.py")


@pytest.fixture
def run(tmp_path):
    def run(language, text, *, printed=None, not_run=""):
        step = {"language": language, "text": text, "line": 1, "printed": printed, "not_run": not_run}
        done = subprocess.run(
            [sys.executable, RUNNER],
            input=json.dumps({"page": "page.md", "steps": [step]}),
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr

    return run


def test_a_block_that_raises_fails_with_its_line_in_the_page(run):
    code, error = run("python", "x = 1\nassert x == 2\n")
    assert code != 0
    assert 'page.md", line 3' in error


@pytest.mark.parametrize("shown", ["8.1 J estimated", "812 mJ measured", "… estimated", "  0.5 kWh   integrated"])
def test_figures_units_and_quality_may_differ_from_what_the_page_shows(run, shown):
    assert run("python", "print('6.16 J estimated')", printed=shown)[0] == 0


def test_a_figure_may_be_so_small_that_it_has_an_exponent(run):
    assert run("python", "print('9.8e-05 g CO2eq')", printed="0.000245 g CO2eq")[0] == 0


@pytest.mark.parametrize("printed", ["2 kWh (a forecast, -3% to +4.5%)", "2 kWh (a forecast)"])
@pytest.mark.parametrize("shown", ["7 kWh (a forecast, -27% to +7%)", "7 kWh (a forecast, …", "7 kWh …"])
def test_a_forecast_may_have_no_range(run, shown, printed):
    assert run("python", f"print({printed!r})", printed=shown)[0] == 0


@pytest.mark.parametrize("shown", ["six J estimated", "6.16 J estimated ± 2", "6.16 g estimated", "6.16 J\nestimated"])
def test_words_may_not(run, shown):
    code, error = run("python", "print('6.16 J estimated')", printed=shown)
    assert code != 0
    assert "the page shows" in error


def test_lines_may_be_left_out_but_not_swapped(run):
    assert run("python", "print('one', 'two', 'three', sep='\\n')", printed="one\nthree")[0] == 0
    assert run("python", "print('one', 'two', 'three', sep='\\n')", printed="three\none")[0] != 0


def test_a_block_that_is_not_run_must_still_be_python(run):
    assert run("python", "unknown()", not_run="somebody else's")[0] == 0
    assert run("python", "unknown(", not_run="somebody else's")[0] != 0


def test_a_command_that_fails_is_noticed(run):
    assert run("console", "$ carbonsdk --version\ncarbonsdk 0.0.0\n")[0] == 0
    code, error = run("console", "$ carbonsdk runs shwo\n")
    assert code != 0
    assert "exited with 2" in error


def test_only_carbonsdk_runs_in_a_console_block(run):
    code, error = run("console", "$ rm -rf somewhere\n")
    assert code != 0
    assert "in a sh block" in error


@pytest.mark.parametrize(
    ("text", "hint"),
    [("zon = 'DE'", "unknown setting 'zon'"), ("[sinks.csv]\npth = 'x.csv'", "no option 'pth'"), ("zone = ", "Invalid value")],
)
def test_settings_that_nobody_could_use_are_noticed(run, text, hint):
    code, error = run("toml", text)
    assert code != 0
    assert hint in error
