"""What a person at the screen reads, next to what carbontracker 2.4.7 writes of the same run."""

import re

import pytest

# The messages of a run of two epochs as carbontracker 2.4.7 writes them, digits aside.
ACTUAL = """\
CarbonTracker:\x20
Actual consumption for 2 epoch(s):
	Time:	N:N:N
	Energy:	N kWh
	CO2eq:	N g
	This is equivalent to:
	N km travelled by car
"""


@pytest.fixture
def shown(tracker, train, capsys):
    """Train two epochs and return what was shown."""

    def run(**settings):
        train(tracker(2, **settings), 2)
        return capsys.readouterr().out

    return run


def blocks(text):
    """The messages, each with its continuation lines, without remarks in brackets and with digits as N."""
    plain = re.sub(r" \([^()]*(?:estimated|forecast)[^()]*\)", "", text)
    return re.split(r"^(?=CarbonTracker: )", re.sub(r"\b\d+(?:\.\d+)?(?! epoch)", "N", plain), flags=re.MULTILINE)[1:]


def test_the_messages_are_carbontracker_s_in_its_order(shown):
    messages = blocks(shown())
    assert (
        messages[0] == "CarbonTracker: The following components were found: GPU with device(s) A100. CPU with device(s) Xeon.\n"
    )
    assert messages[1].startswith(ACTUAL.replace("Actual", "Predicted"))
    assert messages[2].startswith("CarbonTracker: Average carbon intensity during training was N gCO2eq/kWh")
    assert messages[3].startswith(ACTUAL)
    assert messages[4] == "CarbonTracker: Finished monitoring.\n"


def test_the_intensity_has_its_place_and_its_source(shown):
    assert (
        "Average carbon intensity during training was 143.30 gCO2eq/kWh at detected location: DK. Source: Denmark 2024, Ember"
    ) in shown()


def test_verbose_zero_writes_nothing_at_all(tracker, train, capfd):
    train(tracker(2, verbose=0, zone=None), 2)
    assert capfd.readouterr() == ("", "")


def test_verbose_two_adds_each_epoch(shown):
    text = shown(verbose=2)
    assert re.search(
        r"^CarbonTracker: Epoch 1: 0:00:00\.\d\d, \d\.\d{12} kWh \(estimated\), \d\.\d{12} g\.$", text, re.MULTILINE
    )
    assert "Current carbon intensity is 143.30 gCO2eq/kWh at detected location: DK." in text


def test_without_interpretation_there_are_no_equivalents(shown):
    text = shown(interpretable=False)
    assert "equivalent" not in text
    assert "CO2eq:" in text


@pytest.mark.parametrize("decimal_precision", [0, 3, 12])
def test_decimal_precision_is_that_of_every_figure(shown, decimal_precision):
    text = shown(decimal_precision=decimal_precision)
    figures = re.findall(r"(?:Energy:\t|CO2eq:\t|^\t)([\d.]+) (?:kWh|g|km|smartphone|months)", text, re.MULTILINE)
    assert len(figures) == 10  # energy, CO2eq and three equivalents, forecast and actual
    wanted = rf"\d+\.\d{{{decimal_precision}}}" if decimal_precision else r"\d+"
    assert all(re.fullmatch(wanted, figure) for figure in figures)


def test_energy_is_that_of_the_devices_alone_unless_a_pue_is_given(tracker, train, capsys):
    # carbontracker's 1.58 only for who asks for it.
    for pue, remark in ((1.0, ""), (1.58, ", PUE of 1.58 included")):
        report = train(tracker(1, epochs_before_pred=0, pue=pue), 1).report()
        told = rf"Energy:\t([\d.]+) kWh \(simulated, estimated(?:, ±[\d.]+%)?{re.escape(remark)}\)"
        (kwh,) = re.findall(told, capsys.readouterr().out)
        assert float(kwh) == pytest.approx(report.epochs_energy.kwh * pue, abs=1e-12)


def test_a_place_that_is_not_known_is_a_warning_at_any_verbosity_but_zero(shown):
    text = shown(zone=None, disable_plugins=("locators",), settle_s=5.0)  # so short a run would not look around otherwise
    assert "CarbonTracker: WARNING - where this machine stands is not known: name it, as zone='DK-DK1' or --zone DK-DK1" in text
    assert "Average carbon intensity during training was 473.00 gCO2eq/kWh at detected location: WORLD." in text
