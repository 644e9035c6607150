"""Every built-in sink keeps the promises that carbonsdk.testing checks, and is found by its entry point."""

import importlib
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from carbonsdk.testing import check_sink

SINKS = ("console", "csv", "log", "jsonl", "emissions_csv", "model_card", "memory", "carbontracker_log")


def options(name, directory):
    match name:
        case "csv" | "jsonl" | "emissions_csv":
            return {"path": directory / name}
        case "model_card":
            return {"path": directory / "README.md"}
        case "carbontracker_log":
            return {"log_dir": directory}
        case "console":
            return {"verbose": 2}
    return {}


@pytest.mark.parametrize("name", SINKS)
def test_the_sink_keeps_its_promises(name, tmp_path, make_sink, capsys):
    module = importlib.import_module(f"carbonsdk.sinks.{name}")

    check_sink(lambda: make_sink(module, **options(name, tmp_path)))


def test_the_other_style_of_the_console_keeps_them_too(make_sink, capsys):
    from carbonsdk.sinks import console

    check_sink(lambda: make_sink(console, style="carbontracker", verbose=2))


@pytest.mark.parametrize("name", SINKS)
def test_the_entry_module_registers_one_sink_of_its_name_that_nobody_gets_unasked(name):
    (point,) = entry_points(group="carbonsdk", name=name)
    (registration,) = point.load().carbonsdk_sinks()

    assert registration.name == name
    assert registration.automatic is False
    assert registration.summary


@pytest.mark.parametrize("name", SINKS)
def test_importing_the_entry_module_imports_nothing_heavy(name):
    script = (
        "import sys, carbonsdk.plugin; before = set(sys.modules); "
        f"import carbonsdk.sinks.{name}; print(*set(sys.modules) - before)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    new = set(done.stdout.split()) - {"carbonsdk.sinks", f"carbonsdk.sinks.{name}"}
    assert not {each for each in new if each.startswith("carbonsdk.") or each in {"structlog", "psutil", "numpy", "json"}}


@pytest.mark.parametrize("name", sorted(set(SINKS) - {"jsonl", "csv", "emissions_csv", "model_card", "carbontracker_log"}))
def test_nothing_is_written_into_the_working_directory(name, tmp_path, make_sink, story, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    sink = make_sink(importlib.import_module(f"carbonsdk.sinks.{name}"))
    for event in story.whole():
        sink.handle(event)

    assert list(tmp_path.iterdir()) == []
