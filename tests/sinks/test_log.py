import json
import logging
import subprocess
import sys

import pytest
import structlog

from carbonsdk.model import DeviceKind, Quality
from carbonsdk.sinks import log


@pytest.fixture
def structured():
    """The events that reach a structlog which the program configured to keep them."""
    kept = structlog.testing.LogCapture()
    structlog.configure(processors=[kept])
    yield kept.entries
    structlog.reset_defaults()


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.DEBUG, logger="carbonsdk.events")
    return caplog


def test_events_reach_the_named_logger_with_fitting_levels(make_sink, story, caplog):
    caplog.set_level(logging.DEBUG, logger="mine")
    sink = make_sink(log, logger="mine")

    for event in (story.epoch(1), story.warned(), story.sampled()):
        sink.handle(event)

    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("mine", "INFO"),
        ("mine", "WARNING"),
        ("mine", "DEBUG"),
    ]


def test_an_epoch_is_text_for_people_and_values_for_handlers(make_sink, story, logged):
    make_sink(log).handle(story.epoch(3))

    (record,) = logged.records
    assert record.getMessage().startswith('epoch_finished run_id="0123abcd" rank=0 epoch=3')
    assert "energy_joules=5400" in record.getMessage()
    assert record.carbonsdk["energy_joules"] == 5400.0


def test_what_is_simulated_is_logged_as_such(make_sink, story, logged):
    device = story.device("cpu", DeviceKind.CPU, "Made up", quality=Quality.ESTIMATED, simulated=True)
    make_sink(log).handle(story.epoch(1, joules={device: 3600.0}))
    assert 'quality="estimated" simulated=True' in logged.text


def test_devices_are_logged_with_what_their_figures_are(make_sink, story, logged):
    make_sink(log).handle(story.chosen())
    assert 'devices=["Xeon 2.20GHz", "A100"] qualities=["measured", "integrated"]' in logged.text


def test_an_intensity_is_logged_with_its_basis_and_what_sort_of_value_it_is(make_sink, story, logged):
    make_sink(log).handle(story.found(fallback=True))
    assert 'basis="lifecycle" signal="average" kind="average, fallback"' in logged.text


def test_a_forecast_is_logged_with_its_interval(make_sink, story, logged):
    make_sink(log).handle(story.forecast(joules=1000.0))
    assert "energy_joules=1250 energy_joules_low=1000 energy_joules_high=1500" in logged.text


def test_messages_can_be_json(make_sink, story, logged):
    make_sink(log, format="json").handle(story.warned("100 % odd"))

    (record,) = logged.records
    assert json.loads(record.getMessage())["text"] == "100 % odd"


def test_every_kind_of_event_can_be_logged(make_sink, story, logged):
    sink = make_sink(log)

    for event in story.whole():
        sink.handle(event)

    assert len(logged.records) == 9


def test_a_program_that_configured_structlog_gets_events_through_it_alone(make_sink, story, logged, structured):
    sink = make_sink(log)

    sink.handle(story.epoch(3))
    sink.handle(story.warned("odd"))
    sink.handle(story.sampled())

    assert [(entry["event"], entry["log_level"]) for entry in structured] == [
        ("epoch_finished", "info"),
        ("warning_raised", "warning"),
        ("power_sampled", "debug"),
    ]
    assert (structured[0]["epoch"], structured[0]["energy_joules"]) == (3, 5400.0)
    assert structured[1]["text"] == "odd"
    assert logged.records == []


def test_every_kind_of_event_goes_through_structlog_onto_the_standard_library(make_sink, story, caplog):
    caplog.set_level(logging.DEBUG, logger="mine")
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer(key_order=["event"])],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    try:
        sink = make_sink(log, logger="mine")
        for event in story.whole():
            sink.handle(event)
    finally:
        structlog.reset_defaults()
    assert [record.name for record in caplog.records] == ["mine"] * 9
    assert caplog.records[0].getMessage().startswith("event='run_started' run_id='0123abcd'")


def test_a_level_that_is_switched_off_is_left_off(make_sink, story, caplog):
    logging.getLogger("quiet").setLevel(logging.ERROR)

    make_sink(log, logger="quiet").handle(story.epoch(1))

    assert caplog.records == []


def test_the_program_s_logging_and_structlog_are_untouched(make_sink, story):
    root = logging.getLogger()
    before = (list(root.handlers), root.level, structlog.is_configured(), structlog.get_config())

    make_sink(log).handle(story.epoch(1))

    assert (list(root.handlers), root.level, structlog.is_configured(), structlog.get_config()) == before
    assert logging.getLogger("carbonsdk.events").handlers == []


def test_the_program_s_random_numbers_go_on_as_they_would_have():
    drawn = """
import random, sys
random.seed(7)
{}
print(random.random())
"""
    logged = """
from carbonsdk.sinks._log import EventLog
EventLog("mine", as_json=False)
assert "structlog" in sys.modules
"""
    bare, with_log = (
        subprocess.run([sys.executable, "-c", drawn.format(body)], capture_output=True, text=True, check=True).stdout
        for body in ("", logged)
    )
    assert with_log == bare
