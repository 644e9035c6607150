"""Asking a person, on something that says it is a terminal."""

import io

from carbonsdk.engine.rules.confirmation import confirmed


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_y_goes_on_and_n_does_not():
    assert confirmed(Terminal("y\n"), io.StringIO()) is True
    assert confirmed(Terminal("N\n"), io.StringIO()) is False


def test_it_speaks_as_carbontracker_does_and_anything_else_is_asked_again():
    questions = io.StringIO()
    assert confirmed(Terminal("\nperhaps\ny\n"), questions) is True
    assert questions.getvalue() == (
        "CarbonTracker: Continue training (y/n)? "
        "CarbonTracker: Input not recognized. Try again (y/n): "
        "CarbonTracker: Input not recognized. Try again (y/n): "
        "CarbonTracker: Continuing...\n"
    )


def test_without_a_terminal_nothing_is_asked():
    questions = io.StringIO()
    assert confirmed(io.StringIO("n\n"), questions) is None
    assert questions.getvalue() == ""


def test_the_end_of_input_is_no_answer():
    assert confirmed(Terminal(""), io.StringIO()) is None
