"""Tables: whole in a file or a pipe, fitted to a terminal."""

import re

import pytest

from carbonsdk.cli import tables

HEADINGS = ("Run", "Name", "Started", "Energy")
ROWS = [("20260105-120000-0123ab", "a name of several words", "2026-01-05 12:00", "42.81 mJ")]


@pytest.fixture
def shown(monkeypatch, capsys):
    """Show the table in a terminal of so many columns; return its lines as they read."""

    def show(columns):
        monkeypatch.setenv("FORCE_COLOR", "1")  # rich's name for a terminal
        monkeypatch.setenv("COLUMNS", str(columns))
        tables.show(HEADINGS, ROWS, right=("Energy",), spare=("Started", "Name"))
        return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()]

    return show


def test_where_there_is_room_a_row_is_a_line(shown):
    head, rule, row = shown(75)
    assert head == "Run                     Name                     Started             Energy"
    assert row == "20260105-120000-0123ab  a name of several words  2026-01-05 12:00  42.81 mJ"
    assert set(rule) == {"─"}


def test_in_a_narrow_terminal_the_spare_columns_go_first(shown):
    head, _, row = shown(57)
    assert head.split() == ["Run", "Name", "Energy"]
    assert row == "20260105-120000-0123ab  a name of several words  42.81 mJ"


def test_then_texts_are_broken_and_never_figures(shown):
    _, _, *rows = shown(46)
    assert rows == [
        "20260105-120000-0123ab  a name of     42.81 mJ",
        "                        several",
        "                        words",
    ]


def test_in_a_terminal_too_narrow_for_anything_figures_stay_whole(shown):
    _, _, row = shown(20)
    assert row == "20260105-120000-0123ab  42.81 mJ"


def test_a_drawing_is_whole_or_left_out(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for columns, drawn in ((35, True), (34, False)):
        monkeypatch.setenv("COLUMNS", str(columns))
        tables.show(("Hour", "", "Values"), [("Mon 03:00", "█" * 10, "settled, estimated")], spare=("",))
        assert ("█" * 10 in capsys.readouterr().out) == drawn


def test_in_a_pipe_nothing_is_left_out_or_broken(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    tables.show(HEADINGS, ROWS, spare=("Started", "Name"))
    assert "a name of several words  2026-01-05 12:00  42.81 mJ" in capsys.readouterr().out
