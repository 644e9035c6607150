"""Every service in all the ways in which services fail: the right error, in time, and no secret in it."""

import pytest
from support.services import FAULTS, PASSWORD, SERVICES, TOKEN, hour, tells

from carbonsdk.plugin import SupportsForecast, SupportsHistory

LOGIN = {"token": TOKEN}


def deadline_s(fault):
    """Return a short deadline for what never ends, and one that a busy machine keeps for what does."""
    return 0.2 if fault in {"a trickle", "trickled headers", "silence"} else 10.0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SERVICES)
def test_each_fault_is_an_error_of_its_kind_without_a_secret(service, name, fault):
    reply, expected = FAULTS[fault]
    service.on("*", reply)
    service.on("/login", LOGIN)
    fetcher = SERVICES[name].at(service, total_s=deadline_s(fault))
    with pytest.raises(expected) as caught:
        fetcher.current(SERVICES[name].zone)
    # A service can only repeat what it was sent.
    assert not (tells(caught.value, TOKEN) and any(TOKEN in str(asked.headers) for asked in service.asked))
    assert not any(asked.path == "/elsewhere" for asked in service.asked)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_the_login_is_an_error_without_a_secret(service, fault):
    reply, expected = FAULTS[fault]
    service.on("/login", reply)
    fetcher = SERVICES["watttime"].at(service, total_s=deadline_s(fault))
    with pytest.raises(Exception, match=r".") as caught:
        fetcher.current(SERVICES["watttime"].zone)
    assert isinstance(caught.value, expected) or "hold the password" in str(caught.value)
    assert not tells(caught.value, PASSWORD)


@pytest.mark.parametrize("fault", ["403 in plain text", "429 with Retry-After", "JSON without the key", "null"])
@pytest.mark.parametrize("name", SERVICES)
def test_the_past_and_the_future_fail_as_the_present_does(service, name, fault):
    reply, expected = FAULTS[fault]
    service.on("*", reply)
    service.on("/login", LOGIN)
    fetcher, zone = SERVICES[name].at(service), SERVICES[name].zone
    asks = [fetcher.history] if isinstance(fetcher, SupportsHistory) else []
    asks += [fetcher.forecast] if isinstance(fetcher, SupportsForecast) else []
    for ask in asks:
        with pytest.raises(expected):
            ask(zone, start=hour("2026-01-05 09:00"), end=hour("2026-01-05 15:00"))


def test_what_retry_after_says_is_kept(service):
    service.on("*", FAULTS["429 with Retry-After"][0])
    for name in ("electricitymaps", "denmark", "great_britain", "france"):
        with pytest.raises(FAULTS["429 with Retry-After"][1]) as caught:
            SERVICES[name].at(service).current(SERVICES[name].zone)
        assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("name", SERVICES)
def test_settings_do_not_show_their_secrets(service, name):
    (registration,) = SERVICES[name].plugin.carbonsdk_intensity_fetchers()
    fetcher = SERVICES[name].at(service)
    shown = repr(vars(fetcher)) + repr(registration.settings())
    assert TOKEN not in shown
    assert PASSWORD not in shown
