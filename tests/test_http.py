"""The HTTP client against a service on loopback, faults included."""

import gc
import gzip
import http.client
import logging
import threading
import time
import traceback
import tracemalloc
from datetime import UTC, datetime

import pytest

from carbonsdk.errors import BadAnswer, Offline, RateLimited, ServiceError, ServiceUnavailable, Unauthorized
from carbonsdk.http import OfflineHttp, RequestsHttp
from carbonsdk.http.answers import retry_after_s
from carbonsdk.interfaces import HttpClient
from carbonsdk.secret import Secret
from carbonsdk.testing.http import Fault, LoopbackService, Reply

TOKEN = "s3cr3t-t0ken"
HEADERS = {"auth-token": Secret(TOKEN)}


@pytest.fixture
def service():
    with LoopbackService() as running:
        yield running


@pytest.fixture
def client():
    return RequestsHttp()


def refused(client, service, path="/it", **how):
    with pytest.raises(ServiceError) as caught:
        client.fetch_json(service.url + path, headers=HEADERS, **how)
    assert_no_secret(caught.value)
    return caught.value


def assert_no_secret(error):
    """Look wherever an exception is shown or kept: text, repr, cause, context, formatted traceback."""
    seen = []
    while error is not None:
        seen += [str(error), repr(error), repr(error.__dict__), "".join(traceback.format_exception(error))]
        error = error.__cause__ or error.__context__
    assert not any(TOKEN in text for text in seen)


def test_both_clients_are_what_a_plugin_is_promised(client):
    promised: list[HttpClient] = [client, OfflineHttp()]
    assert all(hasattr(each, "fetch_json") and hasattr(each, "fetch_text") for each in promised)


def test_json_comes_back_decoded(service, client):
    service.on("/it", {"carbonIntensity": 216})
    assert client.fetch_json(service.url + "/it") == {"carbonIntensity": 216}


def test_text_comes_back_as_text(service, client):
    service.on("/it", "europe-west1-b")
    assert client.fetch_text(service.url + "/it") == "europe-west1-b"


def test_parameters_method_and_revealed_headers_reach_the_service(service, client):
    service.on("/it", {})
    client.fetch_json(service.url + "/it", params={"zone": "DK-DK1", "note": "a&b"}, headers=HEADERS, method="PUT")
    (asked,) = service.asked
    assert (asked.method, asked.params, asked.headers["auth-token"]) == ("PUT", {"zone": "DK-DK1", "note": "a&b"}, TOKEN)


def test_a_netrc_file_does_not_replace_the_authorization(service, client, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("default login somebody password else\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    service.on("/it", {})
    client.fetch_json(service.url + "/it", headers={"Authorization": Secret("Bearer x")})
    assert service.asked[0].headers["authorization"] == "Bearer x"


def test_a_proxy_is_not_asked_for_this_machine(service, client, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    service.on("/it", {"direct": True})
    assert client.fetch_json(service.url + "/it") == {"direct": True}


def test_a_proxy_from_the_environment_is_used_for_the_rest_and_watched_too(service, monkeypatch):
    monkeypatch.setenv("http_proxy", service.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    service.on("/it", {"through": "the proxy"}, Fault.TRICKLE)
    # The loopback service takes the whole address as a path's address; only the proxy could have been asked.
    assert RequestsHttp().fetch_json("http://grid.invalid/it") == {"through": "the proxy"}
    with pytest.raises(ServiceUnavailable, match="no whole answer"):
        RequestsHttp(total_s=0.3).fetch_json("http://grid.invalid/it")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_unauthorized(service, client, status):
    service.on("/it", Reply("Access denied", status))
    error = refused(client, service)
    assert isinstance(error, Unauthorized)
    assert str(error) == f"127.0.0.1 answered {status}: Access denied (check the token, and that it is for this zone)"


def test_too_many_requests_carry_the_wait_that_was_asked_for(service, client):
    service.on("/it", Reply({"message": "slow down"}, 429, {"Retry-After": "17"}))
    error = refused(client, service)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 17.0


def test_a_wait_may_be_given_as_a_date():
    now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    assert retry_after_s("Mon, 05 Jan 2026 12:05:00 GMT", now) == 300.0


@pytest.mark.parametrize(
    ("header", "wait_s"), [("", None), ("soon", None), ("-5", 0.0), ("1e9", 86_400.0), ("nan", None), ("inf", None)]
)
def test_an_odd_wait_is_bounded_or_ignored(header, wait_s):
    assert retry_after_s(header, datetime(2026, 1, 5, tzinfo=UTC)) == wait_s


def test_not_found_says_what_the_service_said(service, client):
    service.on("/it", Reply({"error": 'No recent data for zone "US-MIDW-MISO"'}, 404))
    error = refused(client, service)
    assert isinstance(error, BadAnswer)
    assert str(error) == '127.0.0.1 answered 404: No recent data for zone "US-MIDW-MISO"'


def test_a_message_inside_an_error_object_is_found(service, client):
    service.on("/it", Reply({"error": {"code": "400 Bad Request", "message": "not a postcode"}}, 400))
    assert str(refused(client, service)) == "127.0.0.1 answered 400: not a postcode"


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failing_service_is_unavailable(service, client, status):
    service.on("/it", Reply("<html>oh dear</html>", status))
    error = refused(client, service)
    assert isinstance(error, ServiceUnavailable)
    assert str(error) == f"127.0.0.1 answered {status}"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "an empty answer"),
        (b"  \n", "an empty answer"),
        (b"<!doctype html><p>log in", "a web page"),
        (b"{", "something that is not JSON"),
        (b"\xff\xfe\xfa", "something that is not JSON"),
        (b'{"carbonIntensity": NaN}', "something that is not JSON"),
        (b"[" * 100_000, "something that is not JSON"),
    ],
)
def test_what_is_not_json_is_a_bad_answer(service, client, body, what):
    service.on("/it", body)
    error = refused(client, service)
    assert isinstance(error, BadAnswer)
    assert what in str(error)


def test_an_endless_answer_is_refused_at_its_bound(service):
    service.on("/it", b"1" * 5000)
    assert "more than 1000 bytes" in str(refused(RequestsHttp(most_bytes=1000), service))


def test_a_redirect_is_not_followed_and_the_secret_stays_here(service, client):
    with LoopbackService() as other:
        other.on("/", {"stolen": True})
        service.on("/it", Reply(b"", 302, {"Location": f"{other.url}/?{TOKEN}"}))
        error = refused(client, service)
        assert other.asked == []
    assert isinstance(error, BadAnswer)
    assert "redirect" in str(error)


def test_the_body_of_a_redirect_is_not_read_whole(service, client):
    bomb = gzip.compress(bytes(256 << 20))
    service.on("/it", Reply(bomb, 302, {"Location": "/there", "Content-Encoding": "gzip"}))
    tracemalloc.start()
    refused(client, service)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 32 << 20


def test_a_packed_answer_is_unpacked(service, client):
    service.on("/it", Reply(gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}))
    assert client.fetch_json(service.url + "/it") == {"a": 1}
    assert service.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd"])
def test_an_answer_packed_as_nobody_asked_for_is_refused(service, client, encoding):
    service.on("/it", Reply(gzip.compress(gzip.compress(b"{}")), headers={"Content-Encoding": encoding}))
    assert "packed as nobody asked for" in str(refused(client, service))


def test_a_refusal_that_cannot_be_unpacked_is_a_refusal_all_the_same(service, client):
    service.on(
        "/it", Reply(b"no gzip", 401, {"Content-Encoding": "gzip"}), Reply(b"no gzip", headers={"Content-Encoding": "gzip"})
    )
    assert isinstance(refused(client, service), Unauthorized)
    assert isinstance(refused(client, service), BadAnswer)


def test_a_service_that_echoes_the_token_does_not_get_it_into_the_message(service, client):
    service.on("/it", Reply({"error": f"bad token {TOKEN}\r\n\x1b[31m" + "x" * 1000}, 401))
    text = str(refused(client, service))
    assert "bad token … [31mxxx" in text
    assert len(text) < 300


def test_a_token_that_is_no_header_is_not_shown_either(service, client):
    with pytest.raises(ServiceError) as caught:
        client.fetch_json(service.url, headers={"auth-token": Secret(TOKEN + "\n")})
    assert_no_secret(caught.value)


@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.TRICKLE, Fault.TRICKLED_HEADERS])
def test_a_service_that_never_ends_is_cut_off_in_time(service, fault):
    service.on("/it", fault)
    client = RequestsHttp(total_s=0.2)
    began = time.monotonic()
    error = refused(client, service)
    assert time.monotonic() - began < 2
    assert isinstance(error, ServiceUnavailable)


def test_a_requests_own_deadline_counts_if_it_is_shorter(service):
    service.on("/it", Fault.TRICKLE)
    assert "0.1 s" in str(refused(RequestsHttp(total_s=60), service, deadline_s=0.1))


def test_a_service_that_hangs_up_is_unavailable(service, client):
    service.on("/it", Fault.HANG_UP)
    assert isinstance(refused(client, service), ServiceUnavailable)


def test_nobody_at_the_address_is_unavailable(client):
    with LoopbackService() as gone:
        url = gone.url
    with pytest.raises(ServiceUnavailable, match="no connection"):
        client.fetch_json(url, headers=HEADERS)


def test_a_secret_is_not_sent_in_the_clear_to_another_machine(client):
    with pytest.raises(ServiceError, match="use https") as caught:
        client.fetch_json("http://grid.invalid/", headers=HEADERS)
    assert_no_secret(caught.value)


def test_closing_ends_a_request_that_is_under_way(service):
    service.on("/it", Fault.SILENCE)
    client = RequestsHttp(total_s=60)
    errors = []

    def ask():
        try:
            client.fetch_json(service.url + "/it")
        except ServiceError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not service.asked:
        threading.Event().wait(0.005)
    client.close()
    thread.join(5)
    assert not thread.is_alive()
    assert isinstance(errors[0], ServiceUnavailable)


def test_a_closed_client_refuses(service, client):
    client.close()
    assert "closed" in str(refused(client, service))
    assert service.asked == []


def test_no_thread_is_left_after_a_request(service, client):
    service.on("/it", {})
    client.fetch_json(service.url + "/it")
    assert not [thread for thread in threading.enumerate() if thread.name == "carbonsdk-deadline"]


def test_no_socket_is_left_after_a_request(service, client):
    service.on("/it", {}, Reply({}, 500), Fault.HANG_UP)
    client.fetch_json(service.url + "/it")
    refused(client, service)
    refused(client, service)
    gc.collect()  # a leaked socket would be a ResourceWarning, which is an error here


def test_nothing_that_is_logged_holds_the_token(service, client, caplog):
    service.on("/it", {})
    with caplog.at_level(logging.DEBUG):
        client.fetch_json(service.url + "/it", headers=HEADERS)
    assert TOKEN not in caplog.text


def test_offline_refuses_and_opens_no_socket(monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr(http.client.HTTPConnection, "connect", refuse)
    client = OfflineHttp()
    with pytest.raises(Offline):
        client.fetch_json("http://127.0.0.1:1/")
    with pytest.raises(Offline):
        client.fetch_text("http://127.0.0.1:1/")
