import pytest

from carbonsdk import figures
from carbonsdk.model import CarbonIntensity, EnergyUse, Quality


@pytest.mark.parametrize(
    ("joules", "text"),
    [
        (None, "unknown"),
        (0.0, "0 J"),
        (0.0123, "12.30 mJ"),
        (512.25, "512.2 J"),
        (3599.0, "1.000 Wh"),
        (3600.0 * 12.345, "12.35 Wh"),
        (3.6e6 * 1.5, "1.500 kWh"),
        (3.6e9 * 20, "20.00 MWh"),
    ],
)
def test_energy_takes_the_unit_that_fits(joules, text):
    assert figures.energy(joules) == text


@pytest.mark.parametrize(
    ("grams", "text"),
    [
        (None, "unknown"),
        (0.0, "0 g"),
        (2e-6, "2.000 µg"),
        (0.5, "500.0 mg"),
        (12.3, "12.30 g"),
        (4567.0, "4.567 kg"),
        (2e6, "2.000 t"),
    ],
)
def test_mass_takes_the_unit_that_fits(grams, text):
    assert figures.mass(grams) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "0.012 s"), (12.34, "12.3 s"), (59.97, "1 min 00 s"), (200.0, "3 min 20 s"), (7380.0, "2 h 03 min")],
)
def test_duration_is_written_for_people(seconds, text):
    assert figures.duration(seconds) == text


def test_an_energy_states_uncertainty_in_its_own_unit_and_its_quality():
    use = EnergyUse(7200.0, Quality.ESTIMATED, "cpu load", bias_joules=720.0)

    assert figures.measured_energy(use) == "2.000 Wh ± 0.20, estimated"


def test_an_unknown_energy_states_the_reason():
    use = EnergyUse(None, Quality.MISSING, "rapl", reason="permission denied")

    assert figures.measured_energy(use) == "unknown: permission denied"


@pytest.mark.parametrize(("value", "text"), [(1.5e-9, "0.0000000015"), (123456789.0, "123457000"), (0.0, "0"), (-2.5, "-2.5")])
def test_plain_never_uses_an_exponent(value, text):
    assert figures.plain(value) == text


@pytest.mark.parametrize(
    ("name", "year", "text"),
    [("Ember", 2024, "Ember, 2024"), ("World 2024, Ember", 2024, "World 2024, Ember"), ("NESO", None, "NESO")],
)
def test_a_source_is_cited_with_its_year_once(name, year, text):
    assert figures.source(CarbonIntensity(grams_per_kwh=1.0, zone="DE", source=name, year=year)) == text


@pytest.mark.parametrize(
    ("value", "told"), [(7.0, "7.0"), (0.05, "0.050"), (12.4, "12"), (99.6, "100"), (1234.0, "1200"), (3.1e-7, "0.00000031")]
)
def test_an_uncertainty_has_two_digits_and_no_exponent(value, told):
    assert figures.doubt(value) == told
