import pytest

from carbonsdk.engine.devices.crosscheck import CrossCheck
from carbonsdk.model import CounterReading, PowerReading


def told(watts, counter_watts, *, seconds=60, every_s=1.0, window_s=1.0):
    """Return what a check says of steady power when it is fed for some time."""
    check = CrossCheck()
    sentences = [
        check.add(round(n * every_s * 1e9), CounterReading(n * every_s * counter_watts), PowerReading(watts, window_s))
        for n in range(int(seconds / every_s) + 1)
    ]
    return check, [sentence for sentence in sentences if sentence]


def test_counter_and_power_that_agree_within_5_percent_say_nothing():
    check, sentences = told(100, 96)
    assert check.disagreement == pytest.approx(0.04)
    assert sentences == []


def test_a_counter_that_misses_two_fifths_is_told_with_both_figures():
    # 187 J against 327 J in 5 s was reported of an idle board.
    check, sentences = told(65.4, 37.4, seconds=30)
    assert check.disagreement == pytest.approx(0.428, abs=0.001)
    figures, advice = sentences[0].split(": ")
    assert figures == "its energy counter says 1122 J where its power sensor says 1962 J (43% apart over 30 s)"
    assert advice == "the counter is what is reported"


def test_nothing_is_said_before_half_a_minute():
    check, sentences = told(200, 100, seconds=29)
    assert check.disagreement is None
    assert sentences == []


def test_instants_are_not_compared():
    check, _ = told(400, 225, window_s=0.0)
    assert check.disagreement is None


def test_readings_far_apart_are_not_compared():
    check, _ = told(400, 225, every_s=5.0, seconds=100)
    assert check.disagreement is None


def test_readings_closer_than_the_window_are_passed_over():
    check, _ = told(100, 100, every_s=0.25)
    assert check.disagreement == pytest.approx(0)


def test_ticks_that_come_early_and_late_are_compared_all_the_same():
    check = CrossCheck()
    early_and_late = [n + (0.02 if n % 2 else -0.02) for n in range(40)]
    sentences = [check.add(round(at_s * 1e9), CounterReading(at_s * 120), PowerReading(100, 1.0)) for at_s in early_and_late]
    told_at_s = [at_s for at_s, sentence in zip(early_and_late, sentences, strict=True) if sentence]
    assert told_at_s[0] < 31.1
    assert check.disagreement == pytest.approx(1 / 6)


def test_a_counter_that_steps_back_starts_again():
    check = CrossCheck()
    for n in range(70):
        joules = 100.0 * (n if n < 35 else n - 35)
        assert check.add(n * 10**9, CounterReading(joules), PowerReading(100.0, 1.0)) is None
    assert check.disagreement == pytest.approx(0)
