import pytest

from carbonsdk.equivalents import TABLE, Factor, equivalents


def test_ten_kilograms_compare_to_car_phone_and_tree():
    car, phone, tree = equivalents(10_680.0)

    assert car.amount == pytest.approx(100.0)  # 106.8 g a km
    assert phone.amount == pytest.approx(861.290, abs=1e-3)  # 12.4 g a charge
    assert tree.amount == pytest.approx(21.36)  # 500 g a month


def test_every_equivalent_names_its_source_and_year():
    assert all(each.source and 2018 <= each.year <= 2030 for each in equivalents(1.0))


def test_unknown_grams_have_no_equivalent():
    assert equivalents(None) == ()


def test_the_table_can_be_extended():
    kettle = Factor(name="kettle", unit="kettles boiled", grams_per_unit=50.0, source="measured at home", year=2025)

    *_, last = equivalents(100.0, table=(*TABLE, kettle))

    assert (last.amount, last.unit, last.source) == (2.0, "kettles boiled", "measured at home")


@pytest.mark.parametrize(
    ("grams", "text"),
    [
        (0.0, "0 km travelled by car"),
        (1e-5, "0.0000000936 km travelled by car"),
        (106.8 * 4.171, "4.17 km travelled by car"),
        (106.8 * 123_456, "123,456 km travelled by car"),
    ],
)
def test_text_has_three_digits_and_the_unit(grams, text):
    assert equivalents(grams)[0].text == text
