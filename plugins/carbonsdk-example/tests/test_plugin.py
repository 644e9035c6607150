"""What carbonsdk-example promises, and what every plugin must keep."""

import click
import pytest
from click.testing import CliRunner

import carbonsdk_example as plugin
from carbonsdk.host import PluginHost
from carbonsdk.plugin import BadAnswer, PowerReading, RetryLater, SensorAbsent, Zone, ZoneUnknown
from carbonsdk.testing import (
    CannedHttp,
    build,
    check_backend,
    check_fetcher,
    check_locator,
    check_plugin,
    check_sink,
    registration_of,
    sample_events,
)

ZONE = Zone(key="DK-DK1")
ANSWER = {"grams_per_kwh": 112.0, "start": "2026-01-05T12:00:00+00:00", "end": "2026-01-05T13:00:00+00:00"}


def test_carbonsdk_takes_all_of_it():
    check_plugin(plugin)


def test_it_is_installed_and_nothing_of_it_is_refused():
    (info,) = [each for each in PluginHost.discover().plugins if each.distribution == "carbonsdk-example"]
    assert (info.name, info.state, info.reason) == ("example", "loaded", None)
    assert {offer.kind for offer in info.offers} == {"backend", "fetcher", "locator", "sink"}


def meter(path):
    return build(registration_of(plugin, "backend", "example"), {"path": path})


@pytest.fixture
def watts(tmp_path):
    path = tmp_path / "watts"
    path.write_text("61.5\n")
    return path


def test_the_meter_is_a_good_backend(watts):
    check_backend(lambda: meter(watts))


def test_the_meter_reads_watts(watts):
    backend = meter(watts)
    (device,) = backend.open()
    assert backend.read(device) == PowerReading(61.5)


def test_without_a_meter_there_is_nothing_to_measure(tmp_path):
    with pytest.raises(SensorAbsent, match="start its daemon"):
        meter(tmp_path / "watts").open()


def test_a_half_written_file_is_read_again_later(watts):
    backend = meter(watts)
    (device,) = backend.open()
    watts.write_text("")
    with pytest.raises(RetryLater):
        backend.read(device)


def service(answer, **options):
    http = CannedHttp({"http://localhost:8000/intensity": answer})
    return build(registration_of(plugin, "fetcher", "example"), {"zones": ["DK-DK1"], **options}, http=http)


def test_the_service_is_a_good_fetcher():
    check_fetcher(lambda: service(ANSWER), zone=ZONE)


def test_the_service_answers_an_intensity():
    assert service(ANSWER).current(ZONE).grams_per_kwh == 112.0


@pytest.mark.parametrize("answer", [{}, [], None, {**ANSWER, "start": "noon"}, {**ANSWER, "grams_per_kwh": -1}])
def test_a_garbled_answer_is_refused(answer):
    with pytest.raises(BadAnswer):
        service(answer).current(ZONE)


def test_a_zone_that_is_not_named_is_not_asked_for():
    with pytest.raises(ZoneUnknown):
        service(ANSWER).current(Zone(key="DE"))


def site(path):
    return build(registration_of(plugin, "locator", "example"), {"path": path})


def test_the_site_is_a_good_locator(tmp_path):
    path = tmp_path / "zone"
    path.write_text("DK-DK1\n")
    check_locator(lambda: site(path))
    assert site(path).locate() == Zone(key="DK-DK1", found_by="example")


def test_a_site_that_nobody_wrote_down_is_unknown(tmp_path):
    assert site(tmp_path / "zone").locate() is None


def board(path):
    return build(registration_of(plugin, "sink", "example"), {"path": path})


def test_the_board_is_a_good_sink(tmp_path):
    check_sink(lambda: board(tmp_path / "board.txt"))


def test_the_board_has_a_line_an_epoch(tmp_path):
    path = tmp_path / "board.txt"
    sink = board(path)
    for event in sample_events():
        sink.handle(event)
    sink.close()
    assert path.read_text().splitlines() == [
        "epoch 0: 2500 J integrated, 0.208 g CO2eq",
        "epoch 1: unknown energy (no reading), unknown CO2eq",
    ]


@pytest.fixture
def cli():
    group = click.Group("carbonsdk")
    plugin.carbonsdk_commands(group)
    return group


def test_the_command_shows_the_meter(cli, watts):
    assert CliRunner().invoke(cli, ["example", "--path", str(watts)]).output == "power meter: 61.5 W\n"


def test_the_command_says_what_is_missing_in_a_line(cli, tmp_path):
    result = CliRunner().invoke(cli, ["example", "--path", str(tmp_path / "watts")])
    assert result.exit_code == 1
    assert "no meter writes to" in result.output
