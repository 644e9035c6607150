"""Log files, written line by line as the releases write them."""

import pytest


@pytest.fixture
def logs(tmp_path):
    """Return a directory and a way to put a pair of logs into it."""

    class Logs:
        directory = tmp_path

        def put(self, name, *, standard=None, output=None):
            for suffix, lines in (("", standard), ("_output", output)):
                if lines is not None:
                    text = (
                        lines
                        if isinstance(lines, str)
                        else "".join(f"2024-05-01 10:00:{i:02d} - {x}\n" for i, x in enumerate(lines))
                    )
                    (tmp_path / f"{name}_carbontracker{suffix}.log").write_text(text)
            return self

    return Logs()


HEAD = (
    "carbontracker version 1.2.5",
    "Only predicted and actual consumptions are multiplied by a PUE coefficient of 1.55 (Someone, 2022, A Survey).",
)


def consumption(kind, *, epochs=2, kwh="0.5", grams="100.0"):
    counted = f" for {epochs} epoch(s)" if epochs else ""
    return (
        f"CarbonTracker: \n{kind} consumption{counted}:\n\tTime:\t1:02:03\n\tEnergy:\t{kwh} kWh\n\tCO2eq:\t{grams} g\n"
        "\tThis is equivalent to:\n\t0.5 km travelled by car"
    )


@pytest.fixture
def head():
    return HEAD


@pytest.fixture
def told():
    return consumption
