"""`carbonsdk intensity` and `carbonsdk when`, against a service on loopback."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from support.services import TOKEN, danish, mapped

from carbonsdk.cli import quantities
from carbonsdk.testing.http import LoopbackService, Reply

HOUR = timedelta(hours=1)


@pytest.fixture
def now():
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def service(home, now):
    """Denmark's service, at home in the settings: 100 g in the past, in the hours to come 400 g but for 200 g in the third."""
    with LoopbackService() as running:
        running.on("/dataset/CO2Emis", danish(now - 13 * HOUR, 13 * 12 + 12, lambda _: 100))
        running.on("/dataset/CO2EmisProg", danish(now, 26 * 12, lambda index: 200 if 36 <= index < 48 else 400))
        (home / "carbonsdk.toml").write_text(f'zone = "DK-DK1"\n[intensity.denmark]\nbase_url = "{running.url}"\n')
        yield running


def test_intensity_shows_the_present_the_past_and_the_future(service, carbonsdk, now):
    done = carbonsdk("intensity", "--past", 3, "--ahead", 6)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("DK-DK1 now: 100 gCO2eq/kWh")
    assert "Energi Data Service" in done.stdout
    rows = [line for line in done.stdout.splitlines() if "█" in line]
    assert len(rows) == 10
    assert "settled" in rows[0]
    assert sum("← now" in row for row in rows) == 1
    assert "forecast" in rows[-1]
    assert rows[-1].count("█") == 32  # 400 g, the most
    third = f"{(now + 3 * HOUR).astimezone():%a %H:%M}"
    assert 16 in [row.count("█") for row in rows if third in row]  # 200 g; where clocks go back, two hours have one name
    assert rows[0].count("█") == 8  # 100 g
    assert "lowest: 100 gCO2eq/kWh" in done.stdout


def test_intensity_as_json_has_every_value(service, carbonsdk):
    told = json.loads(carbonsdk("intensity", "DK-DK1", "--past", 2, "--ahead", 1, "--json").stdout)
    assert told["zone"]["key"] == "DK-DK1"
    assert told["now"]["grams_per_kwh"] == 100
    assert told["now"]["basis"] == "direct"
    assert 24 <= len(told["history"]) <= 25 + 12
    assert {value["forecast"] for value in told["forecast"]} == {True}
    assert told["marginal"] is None


def test_intensity_without_a_service_is_the_average_of_the_table(carbonsdk):
    done = carbonsdk("intensity", "DE", "--offline")
    assert done.returncode == 0
    assert done.stdout.startswith("DE now: 344.1 gCO2eq/kWh")
    assert "No service has told of single hours" in done.stdout


def test_the_zone_may_be_named_as_everywhere_else(carbonsdk):
    assert carbonsdk("intensity", "--zone", "DE", "--offline").stdout == carbonsdk("intensity", "DE", "--offline").stdout
    twice = carbonsdk("intensity", "DE", "--zone", "FR", "--offline")
    assert (twice.returncode, twice.stdout) == (2, "")
    assert "the zone is named twice" in twice.stderr


def test_intensity_of_a_service_that_fails_says_so_and_goes_on(service, carbonsdk):
    service.on("/dataset/CO2Emis", Reply(b"", 500))
    service.on("/dataset/CO2EmisProg", Reply(b"", 500))
    done = carbonsdk("intensity")
    assert done.returncode == 0
    assert done.stderr == "carbonsdk: denmark: 127.0.0.1 answered 500\n"
    assert "fallback" in done.stdout


def test_of_a_service_that_lacks_its_token_a_person_is_told(carbonsdk):
    done = carbonsdk("intensity", "DE", "--fetchers", "electricitymaps")
    assert "DE now: unknown" in done.stdout
    told = "electricitymaps does not serve it, or wants a token (see `carbonsdk plugins`)\n"
    assert done.stderr == f"carbonsdk: nobody tells the carbon intensity of DE: {told}"


def test_a_token_from_the_environment_is_used_and_not_shown(service, carbonsdk, now):
    service.on("/v4/carbon-intensity/latest", mapped(now, 1, lambda _: 321)[0])
    done = carbonsdk(
        "intensity",
        "DE",
        CARBONSDK_API_KEYS__ELECTRICITYMAPS=TOKEN,
        CARBONSDK_INTENSITY__ELECTRICITYMAPS__BASE_URL=service.url,
    )
    assert done.stdout.startswith("DE now: 321 gCO2eq/kWh")
    assert TOKEN not in done.stdout + done.stderr


def test_two_calls_share_their_answers(service, carbonsdk):
    # The present alone: an hour that ends between the calls would be another question.
    for _ in range(2):
        assert carbonsdk("intensity", "--json", "--past", 0, "--ahead", 0).returncode == 0
    assert len(service.asked) == 1


def test_when_finds_the_best_hour_and_what_it_saves(service, carbonsdk):
    done = carbonsdk("when", "--duration", "1h", "--energy", "12kWh")
    assert (done.returncode, done.stderr) == (0, "")
    told = {line[:12].strip(): line[12:] for line in done.stdout.splitlines()}
    assert " in " in told["best start"]
    assert told["intensity"] == "200 gCO2eq/kWh"
    assert told["now"] == "400 gCO2eq/kWh"
    assert told["saves"] == "50.0% (2.400 kg)"
    assert told["CO2eq"] == "2.400 kg"
    assert "DK-DK1, until" in told["forecast"]


def test_when_as_json_is_for_schedulers(service, carbonsdk, now):
    done = carbonsdk("when", "--duration", "60min", "--energy", "500Wh", "--json")
    told = json.loads(done.stdout)
    assert datetime.fromisoformat(told["start"]) == now + 3 * HOUR
    assert datetime.fromisoformat(told["end"]) == now + 4 * HOUR
    assert 1.9 * 3600 < told["wait_s"] <= 3 * 3600
    assert (told["grams_per_kwh"], told["co2eq_grams"], told["is_now"]) == (200, 100, False)


def test_when_tells_a_scheduler_to_wait_by_its_exit_code_if_asked_to(service, carbonsdk):
    assert carbonsdk("when", "--duration", "1h", "--exit-code").returncode == 3
    assert carbonsdk("when", "--duration", "1h").returncode == 0
    constant = carbonsdk("when", "--duration", "1h", "--exit-code", "--intensity", "50")
    assert (constant.returncode, constant.stdout.splitlines()[0]) == (0, "best start  now")


def test_when_keeps_a_deadline(service, carbonsdk):
    told = json.loads(carbonsdk("when", "--duration", "30min", "--deadline", "45min", "--json").stdout)
    assert told["wait_s"] <= 15 * 60 + 1


def test_when_without_a_forecast_fails_in_one_line(carbonsdk):
    done = carbonsdk("when", "--duration", "6h", "--zone", "DE", "--offline")
    assert done.returncode == 1
    assert done.stderr.startswith("carbonsdk: nobody forecasts the carbon intensity of DE")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--duration", "6"], "'6' is no duration"),
        (["--duration", "1h soon"], "is no duration"),
        (["--duration", "99999999999d"], "is no duration"),
        (["--duration", "0h"], "takes longer than"),
        (["--duration", "1h", "--energy", "12"], "'12' is no energy"),
        (["--duration", "1h", "--energy", "12 parsecs"], "is no energy"),
        (["--duration", "1h", "--deadline", "tomorrow"], "is no time"),
        (["--duration", "1h", "--deadline", "30min"], "not over by"),
        ([], "Missing option '--duration'"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_code_2(carbonsdk, arguments, told):
    done = carbonsdk("when", "--zone", "DE", "--offline", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6h", 21600), ("90min", 5400), ("90m", 5400), ("1h30m", 5400), ("2d", 172800), ("1.5 h", 5400), ("45s", 45)],
)
def test_durations_are_read_with_their_units(text, seconds):
    assert quantities.duration(None, None, text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("text", "kwh"), [("12kWh", 12), ("800 Wh", 0.8), ("1.2MWh", 1200), ("1GWH", 1e6)])
def test_energies_are_read_with_their_units(text, kwh):
    assert quantities.energy_kwh(None, None, text) == pytest.approx(kwh)


def test_an_hour_that_comes_twice_is_told_with_its_offset(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Copenhagen")
    time.tzset()
    try:
        night = [datetime(2026, 10, 25, hour, tzinfo=UTC) for hour in (0, 1, 2)]
        assert quantities.clocks(night, "%H:%M") == ["02:00 +0200", "02:00 +0100", "03:00 +0100"]
        assert quantities.clocks(night[1:], "%H:%M") == ["02:00", "03:00"]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_times_are_local_unless_they_say_otherwise():
    assert quantities.moment(None, None, "2026-01-06T08:00Z") == datetime(2026, 1, 6, 8, tzinfo=UTC)
    assert quantities.moment(None, None, "2026-01-06T08:00").tzinfo is not None
