"""The question whether to go on after the forecast, asked only with `stop_and_confirm=True`."""

from typing import TextIO


def confirmed(answers: TextIO | None, questions: TextIO | None) -> bool | None:
    """Ask, in carbontracker's words, whether to go on until the answer is y or n; None where no terminal is, or it ends."""
    if answers is None or questions is None or answers.closed or not answers.isatty():
        return None
    _say(questions, "Continue training (y/n)? ")
    while line := answers.readline():
        match line.strip().lower():
            case "y":
                _say(questions, "Continuing...\n")
                return True
            case "n":
                _say(questions, "Quitting...\n")
                return False
        _say(questions, "Input not recognized. Try again (y/n): ")
    _say(questions, "\n", speaker="")
    return None


def _say(stream: TextIO, text: str, *, speaker: str = "CarbonTracker: ") -> None:
    stream.write(speaker + text)
    stream.flush()
