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


# Names as machines and clouds tell them in /proc/cpuinfo, with the watts of their makers; none for what no maker lists.
TOLD = """\
- | Intel(R) Xeon(R) CPU @ 2.20GHz
- | Intel(R) Xeon(R) Processor @ 2.80GHz
- | Intel Xeon Processor (Cascadelake)
- | AMD EPYC-Milan Processor
225 | AMD EPYC 7R13 Processor
- | AMD EPYC 7R32
- | AMD EPYC 9R14
240 | AMD EPYC 7B12
- | AMD EPYC 7V13 64-Core Processor
280 | AMD EPYC 7763 64-Core Processor
360 | AMD EPYC 9654 96-Core Processor
400 | AMD EPYC 9684X 96-Core Processor
155 | AMD EPYC 7302P 16-Core Processor
- | Intel(R) Xeon(R) Platinum 8488C
300 | Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz
210 | Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz
240 | Intel(R) Xeon(R) Platinum 8175M CPU @ 2.50GHz
195 | Intel(R) Xeon(R) Platinum 8272CL CPU @ 2.60GHz
350 | Intel(R) Xeon(R) Platinum 8480+
- | Intel(R) Xeon(R) Platinum 8480C
330 | Intel(R) Xeon(R) Platinum 8468V
125 | Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz
185 | Intel(R) Xeon(R) Gold 6338N CPU @ 2.20GHz
85 | Intel(R) Xeon(R) Silver 4214 CPU @ 2.20GHz
500 | Intel(R) Xeon(R) 6980P
145 | Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz
- | Intel(R) Xeon(R) CPU E5-2666 v3 @ 2.90GHz
69 | Intel(R) Xeon(R) CPU E3-1230 V2 @ 3.30GHz
95 | Intel(R) Xeon(R) E-2288G CPU @ 3.70GHz
165 | Intel(R) Xeon(R) W-2295 CPU @ 3.00GHz
45 | Intel(R) Xeon(R) CPU D-1541 @ 2.10GHz
95 | Intel(R) Xeon(R) CPU           X5650  @ 2.67GHz
215 | Intel(R) Xeon Phi(TM) CPU 7250 @ 1.40GHz
350 | Intel(R) Xeon(R) CPU Max 9480
15 | Intel(R) Core(TM) i7-8565U CPU @ 1.80GHz
88 | Intel(R) Core(TM) i7-4790K CPU @ 4.00GHz
130 | Intel(R) Core(TM) i7 CPU         920  @ 2.67GHz
105 | Intel(R) Core(TM)2 Quad CPU    Q6600  @ 2.40GHz
125 | 13th Gen Intel(R) Core(TM) i9-13900K
- | Intel(R) Core(TM) i9-14900K
10 | Intel(R) Celeron(R) N5105 @ 2.00GHz
105 | AMD Ryzen 9 5950X 16-Core Processor
120 | AMD Ryzen 9 7950X3D 16-Core Processor
65 | AMD Ryzen 7 5700G with Radeon Graphics
28 | AMD Ryzen 7 7840U w/ Radeon  780M Graphics
28 | AMD Ryzen AI 9 HX 370 w/ Radeon 890M
55 | AMD RYZEN AI MAX+ 395 w/ Radeon 8060S
15 | AMD Ryzen Embedded V1605B with Radeon Vega Gfx
115 | AMD Opteron(tm) Processor 6276
125 | AMD FX(tm)-8350 Eight-Core Processor
- | Hygon C86 7185 32-core Processor
- | Apple M2 Pro
- | Neoverse-V1
- | Cortex-A76
- | Ampere(R) Altra(R) Processor Q80-30 CPU @ 3.0GHz
- | VirtualApple @ 2.50GHz
"""


@pytest.mark.parametrize("line", TOLD.splitlines())
def test_names_of_the_field_have_their_own_watts_or_none(line):
    watts, _, model = line.partition(" | ")
    match = find_tdp(model)

    assert (f"{match.tdp_watts:g}" if match else "-") == watts


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
