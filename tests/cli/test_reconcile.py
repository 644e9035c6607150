"""`carbonsdk runs reconcile`: a run that was measured offline, with the intensities of its hours."""

import json
from datetime import timedelta

import pytest
from support.services import danish

from carbonsdk import runs
from carbonsdk.journal.writer import JournalWriter
from carbonsdk.model import Zone
from carbonsdk.testing.http import LoopbackService, Reply

KWH = 3_600_000
RUN = "20261122-120000-ab12cd"


@pytest.fixture
def service(home, sample):
    with LoopbackService() as running:
        # 24 values of the two hours: 60 g in the first, 120 g in the second.
        running.on("/dataset/CO2Emis", danish(sample.START, 24, lambda index: 60 if index < 12 else 120))
        (home / "carbonsdk.toml").write_text(f'state_dir = "state"\n[intensity.denmark]\nbase_url = "{running.url}"\n')
        yield running


@pytest.fixture
def path(home, sample):
    began = sample.run()._replace(zone=Zone(key="DK-DK1"))
    path = runs.journal_path(began.run, home / "state")
    writer = JournalWriter(path, on_problem=pytest.fail)
    known = sample.intensity(143.3, zone="DK-DK1")
    for each in (began, sample.device(), known, sample.slot(3600, KWH), sample.end(7200, 3 * KWH)):
        writer.write(each)
    writer.close()
    return path


def test_both_figures_are_told_and_the_new_ones_stay(service, path, carbonsdk):
    done = carbonsdk("runs", "reconcile", RUN)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{RUN}: 3.000 kWh" in done.stdout
    old, new = [line for line in done.stdout.splitlines() if " g " in line]
    assert old.split()[:5] == ["at", "the", "time", "429.9", "g"]
    assert new.split()[:6] == ["now,", "in", "DK-DK1", "300.0", "g", "100"]  # 1 kWh at 60 g and 2 kWh at 120 g
    assert "Energi Data Service" in new
    assert "The record holds both" in done.stdout
    shown = json.loads(carbonsdk("runs", "show", RUN, "--json").stdout)
    assert shown["co2eq_grams"] == pytest.approx(300)


def test_a_hypothetical_zone_is_told_and_not_kept(service, path, carbonsdk):
    before = path.read_bytes()
    done = carbonsdk("runs", "reconcile", RUN[:8], "--zone", "SE", "--hypothetical")
    assert done.returncode == 0
    assert "had it been in SE" in done.stdout
    assert "The record" not in done.stdout
    assert path.read_bytes() == before


def test_as_json_the_figures_stand_side_by_side(service, path, carbonsdk):
    told = json.loads(carbonsdk("runs", "reconcile", RUN, "--json").stdout)
    assert (told["written"], told["zones"], told["energy_joules"]) == (True, ["DK-DK1"], 3 * KWH)
    assert told["original"]["co2eq_grams"] == pytest.approx(3 * 143.3)
    assert told["after"]["co2eq_grams"] == pytest.approx(300)
    assert told["after"]["carbon"]["parts"][0][0]["source"].startswith("Energinet")


def test_once_more_shows_what_was_known_until_then(service, path, carbonsdk, sample):
    carbonsdk("runs", "reconcile", RUN, XDG_CACHE_HOME=str(path.parent / "one"))
    service.on("/dataset/CO2Emis", danish(sample.START - timedelta(minutes=5), 25, lambda _: 50))
    done = carbonsdk("runs", "reconcile", RUN, XDG_CACHE_HOME=str(path.parent / "two"))
    figures = [line for line in done.stdout.splitlines() if " g " in line]
    assert [line.split()[0] for line in figures] == ["at", "until", "now,"]
    assert "150.0 g" in figures[2]


def test_a_service_that_is_down_is_said_and_nothing_is_written(service, path, carbonsdk):
    service.on("/dataset/CO2Emis", Reply(b"", 503))
    before = path.read_bytes()
    carbonsdk("runs", "reconcile", RUN)  # takes in the table's average
    after = path.read_bytes()
    assert after.startswith(before)
    done = carbonsdk("runs", "reconcile", RUN)
    assert done.returncode == 0
    assert "denmark: 127.0.0.1 answered 503" in done.stderr
    assert path.read_bytes() == after
    assert "nothing is known that it does not hold already" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [(["20200101"], 1, "no run"), ([RUN, "--hypothetical"], 2, "needs a --zone"), ([], 2, "Missing argument 'RUN'")],
)
def test_what_cannot_be_is_one_line(service, path, carbonsdk, arguments, code, told):
    done = carbonsdk("runs", "reconcile", *arguments)
    assert done.returncode == code
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_show_tells_which_hours_were_settled_and_which_were_not(service, path, carbonsdk, sample):
    writer = JournalWriter(path, on_problem=pytest.fail)
    writer.write(sample.intensity(200.0, 3600, 7200, zone="DK-DK1", estimated=True, fallback=True))
    writer.write(sample.intensity(60.0, 0, 3600, zone="DK-DK1", settled=True))
    writer.close()
    shown = carbonsdk("runs", "show", RUN).stdout
    assert "values     67% estimated, fallback; 33% settled" in shown  # 2 kWh of 3 in the second hour
    first, second = [line.split() for line in shown.splitlines() if line.rstrip().endswith(" test")]
    assert first[4:] == ["60", "1.000", "kWh", "settled", "test"]
    assert second[4:] == ["200", "2.000", "kWh", "estimated,", "fallback", "test"]
