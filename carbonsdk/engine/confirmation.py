"""The one question that is ever asked, and only if `stop_and_confirm=True` asks for it."""

from typing import TextIO


def confirmed(answers: TextIO | None, questions: TextIO | None) -> bool | None:
    """Ask whether to go on until the answer is y or n; None where there is no terminal, or it ends."""
    if answers is None or questions is None or answers.closed or not answers.isatty():
        return None
    while True:
        questions.write("Continue training (y/n)? ")
        questions.flush()
        line = answers.readline()
        if not line:
            return None
        match line.strip().lower():
            case "y":
                return True
            case "n":
                return False
