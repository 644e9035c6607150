import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.sinks import memory


def test_events_are_kept_in_order_and_found_by_key(make_sink, story):
    sink = make_sink(memory, key="mine")
    events = story.whole()

    for event in events:
        sink.handle(event)

    assert memory.recorded("mine").events == events


def test_only_the_newest_are_kept(make_sink, story):
    sink = make_sink(memory, limit=2)

    for number in range(3):
        sink.handle(story.warned(str(number)))

    assert [event.text for event in sink.events] == ["1", "2"]


def test_a_key_that_nobody_used_is_named():
    with pytest.raises(LookupError, match="'nobody'"):
        memory.recorded("nobody")


def test_a_limit_below_one_is_refused(make_sink):
    with pytest.raises(SettingsError, match="at least one"):
        make_sink(memory, limit=0)
