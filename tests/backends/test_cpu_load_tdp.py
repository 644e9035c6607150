"""Finding a processor's TDP by the name that its system gives it."""

import csv
from importlib.resources import files

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carbonsdk.backends.cpu_load.tdp import find_tdp


@pytest.mark.parametrize(
    ("model", "entry", "tdp_watts"),
    [
        ("Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz", "Intel Xeon E5-2620 v3", 85.0),
        ("Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz", "Intel Xeon E3-1240 v2", 69.0),
        ("Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", "Intel Xeon Gold 6248R", 205.0),
        ("INTEL(R) XEON(R) PLATINUM 8562Y+", "Intel Xeon Platinum 8562Y+", 300.0),
        ("11th Gen Intel(R) Core(TM) i7-1185G7 @ 3.00GHz", "Intel Core i7-1185G7", 28.0),
        ("Intel(R) Core(TM)2 Duo CPU     E8400  @ 3.00GHz", "Intel Core 2 Duo E8400", 65.0),
        ("Intel(R) Core(TM) i3 CPU         530  @ 2.93GHz", "Intel Core i3-530", 73.0),
        ("Intel(R) Core(TM) i5 CPU       M 520  @ 2.40GHz", "Intel Core i5-520M", 35.0),
        ("Intel(R) Core(TM) i7 CPU       Q 720  @ 1.60GHz", "Intel Core i7-720QM", 45.0),
        ("Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz", "Intel Xeon E5-2680", 130.0),
        ("Intel(R) Core(TM) Ultra 7 155H", "Intel Core Ultra 7 155H", 28.0),
        ("AMD EPYC 7742 64-Core Processor", "AMD EPYC 7742", 225.0),
        ("AMD Ryzen Threadripper 1950X 16-Core Processor", "AMD Ryzen Threadripper 1950X", 180.0),
        ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", "AMD Ryzen Threadripper PRO 5995WX", 280.0),
        ("AMD Ryzen 7 PRO 5850U with Radeon Graphics", "AMD Ryzen 7 PRO 5850U", 15.0),
        ("AMD FX(tm)-6100 Six-Core Processor", "AMD FX 6100", 95.0),
        ("AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G", "AMD A10-7850K", 95.0),
    ],
)
def test_a_known_model_is_found_as_it_calls_itself(model, entry, tdp_watts):
    match = find_tdp(model)

    assert match is not None
    assert (match.model, match.tdp_watts) == (entry, tdp_watts)


def test_every_row_of_the_table_has_a_power_and_a_source():
    table = files("carbonsdk.backends.cpu_load").joinpath("data/cpu_tdp.csv").read_text()
    rows = list(csv.DictReader(table.splitlines()))

    assert len(rows) > 4800
    assert all(row["model"] and 0.3 <= float(row["tdp_watts"]) <= 600 and row["source"] for row in rows)


@pytest.mark.parametrize(
    "model",
    [
        "Intel(R) Xeon(R) Processor",  # what a cloud shows
        "Intel(R) Xeon(R) CPU @ 2.20GHz",
        "Intel Xeon Processor (Skylake, IBRS)",
        "AMD EPYC-Rome Processor",
        "QEMU Virtual CPU version 2.5+",
        "Apple M1",
        "Neoverse-N1",
        "Intel(R) Xeon(R) Gold 9999Z CPU @ 3.00GHz",  # nearest neighbours are no match
        "Intel 7",
        "AMD 64",
        "2620",
        "",
    ],
)
def test_an_unknown_model_matches_nothing(model):
    assert find_tdp(model) is None


def test_a_generation_apart_is_another_model():
    second, third = find_tdp("Intel(R) Xeon(R) CPU E5-2620 v2 @ 2.10GHz"), find_tdp("Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz")

    assert second is not None
    assert third is not None
    assert second.model != third.model


@settings(deadline=None)
@given(st.text())
@example("AMD (0w) 6100")
@example("Intel " + "i7-" * 50)
def test_no_text_makes_it_fail(model):
    find_tdp(model)


@settings(deadline=None)
@given(st.text(alphabet="0123456789xeonriyzEPYC -@()", max_size=30).map(lambda tail: f"Intel Xeon E5-{tail}"))
def test_a_match_has_every_numbered_part_of_the_name(model):
    match = find_tdp(model)

    assert match is None or "e5" in match.model.lower()
