"""Secrets are nowhere but in the request that needs them: every output of a run is searched for them."""

import base64
import copy
import gzip
import json
import os
import pickle
import shutil
import ssl
import stat
import subprocess
import sys
import urllib.request
from dataclasses import asdict
from urllib.parse import quote

import pytest

import carbonsdk as ct
from carbonsdk.errors import BadAnswer, CarbonSDKError, ServiceUnavailable
from carbonsdk.http import RequestsHttp
from carbonsdk.secret import Secret, without_secrets
from carbonsdk.settings import resolve
from carbonsdk.testing.http import LoopbackService, Reply

TOKEN, PASSWORD, FROM_FILE = "em-t0ken/4711+abc", "p4ss word&more", "fr0m-a-file-0815"
SPELLINGS = [
    spelling
    for secret in (TOKEN, PASSWORD, FROM_FILE)
    for spelling in (secret, quote(secret), quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
]

# A plugin that repeats its secret in whatever it raises, as libraries do with addresses and headers.
LEAKY = """
from dataclasses import dataclass
from carbonsdk.plugin import *
from urllib.parse import quote

@dataclass(frozen=True, slots=True)
class Keys:
    key: Secret | None = None
    where: str = "read"

class Backend:
    def __init__(self, settings):
        self.key, self.where = settings.key.reveal(), settings.where
    def open(self):
        if self.where == "open":
            raise RuntimeError(f"cannot open with {self.key}")
        sensor = Sensor(method="counter", quality=Quality.MEASURED, bias=0.0)
        return [Device(id="a", kind=DeviceKind.NODE, name="meter", sensor=sensor)]
    reads = 0
    def read(self, device):
        self.reads += 1
        if self.reads > 1:
            raise ConnectionError(f"https://user:{self.key}@host/?key={quote(self.key)}")
        return CounterReading(0.0)
    def close(self):
        raise OSError(f"closing {self.key}")

class Sink:
    def __init__(self, settings):
        self.key = settings.key.reveal()
    def handle(self, event):
        raise ValueError(f"posting to https://host/{self.key} failed")
    def close(self):
        raise ValueError(self.key)

@hookimpl
def carbonsdk_backends():
    return [Registration(name="leaky", factory=lambda context: Backend(context.settings), settings=Keys, inline=True)]

@hookimpl
def carbonsdk_sinks():
    return [Registration(name="leaky_sink", factory=lambda context: Sink(context.settings), settings=Keys)]
"""

RUN = """
import logging, json
logging.basicConfig(level="DEBUG")
tracker = ct.CarbonTracker(
    zone="DE", verbose=2, epochs=3, update_interval=0.01, settle_s=0.9, log_dir="logs",
    backends={"leaky": {"key": PASSWORD}},
    sinks={"leaky_sink": {"key": {"file": "key.txt"}}, "csv": {"path": "a.csv"}, "jsonl": {"path": "a.jsonl"}, "log": {}},
    fetchers={"electricitymaps": {"base_url": URL}, "static": {}}, api_keys={"electricitymaps": TOKEN},
)
for _ in tracker.epochs():
    pass
print(tracker.settings, vars(tracker), tracker.report(), json.dumps(tracker.report().to_dict()), tracker.state_dict())
tracker.set_api_keys({"electricitymaps": TOKEN})
print(tracker.stop().to_dict())
"""


@pytest.fixture
def leaky(programs):
    site = programs.place / "site"
    info = site / "leaky-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "leaky.py").write_text(LEAKY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[carbonsdk]\nleaky = leaky\n")
    (programs.place / "key.txt").write_text(FROM_FILE)
    return programs


def run(programs, service, source=RUN):
    given = f"URL, TOKEN, PASSWORD = {service.url!r}, os.environ['TOKEN'], os.environ['PASSWORD']\nsys.path.append('site')\n"
    return programs.run(given + source, environ={"TOKEN": TOKEN, "PASSWORD": PASSWORD, "XDG_CACHE_HOME": "cache"})


def written(programs):
    given = {"train.py", "key.txt", "leaky.py"}
    return {
        path: path.read_text()
        for path in programs.place.rglob("*")
        if path.is_file() and path.name not in given and path.suffix != ".pyc"
    }


ANSWERS = {
    "a redirect": Reply("", 302, {"Location": "http://127.0.0.1:9/?token=" + quote(TOKEN)}),
    "a refusal that repeats the token": Reply({"error": f"bad token {TOKEN}", "message": TOKEN}, 401),
    "a value": {"zone": "DE", "carbonIntensity": 216, "datetime": "2026-01-01T00:00:00Z", "token": TOKEN},
    "rubbish": f"<html>{TOKEN}</html>",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_output_of_a_whole_run_holds_a_secret(leaky, answer):
    with LoopbackService() as service:
        service.on("*", answer)
        ran = run(leaky, service)
        assert any(TOKEN in str(asked.headers) for asked in service.asked)  # it did go where it belongs
    assert ran.code == 0, ran.err
    outputs = {"stdout": ran.out, "stderr": ran.err, **written(leaky)}
    assert len(outputs) >= 6
    for where, text in outputs.items():
        assert not [spelling for spelling in SPELLINGS if spelling in text], where
    warnings = " ".join(ran.report().warnings)
    assert "leaky_sink" in warnings  # what went wrong is told all the same
    assert "posting to https://host/… failed" in warnings


def test_the_exception_of_a_backend_that_was_named_holds_none(leaky):
    with LoopbackService() as service:
        ran = run(leaky, service, 'ct.CarbonTracker(backends={"leaky": {"key": PASSWORD, "where": "open"}}, verbose=0)')
    assert ran.code == 1
    assert "cannot open with …" in ran.err
    assert not [spelling for spelling in SPELLINGS if spelling in ran.err]


def test_records_and_caches_are_for_the_user_s_eyes_only(leaky):
    with LoopbackService() as service:
        service.on("*", ANSWERS["a value"])
        run(leaky, service)
    records = list(leaky.state.rglob("*.jsonl"))
    assert records
    assert {stat.S_IMODE(path.stat().st_mode) for path in records} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in records} == {0o700}


def test_a_wrong_secret_setting_does_not_show_the_value(tmp_path):
    with pytest.raises(CarbonSDKError) as caught:
        ct.CarbonTracker(api_keys={"electricitymap": TOKEN}, verbose=0, offline=True, state_dir=tmp_path)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("show", [repr, str, "{0} {0!r}".format, lambda each: json.dumps(each, default=str)])
def test_however_a_secret_is_shown_it_is_not_seen(show):
    assert TOKEN not in show(Secret(TOKEN))


def test_settings_are_copied_with_their_secrets_and_never_pickled():
    settings = resolve({"api_keys": {"electricitymaps": TOKEN}}, environ={}).settings
    assert copy.deepcopy(settings) == settings
    assert TOKEN not in repr(asdict(settings))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(settings)


def test_doctor_and_config_show_none(leaky):
    for command in (["doctor"], ["doctor", "--json"], ["config"], ["plugins"], ["intensity", "DE", "--json"]):
        source = f"from carbonsdk.cli import main; sys.path.append('site'); sys.argv[1:] = {command!r}; main()"
        variables = {"API_KEYS__ELECTRICITYMAPS": TOKEN, "BACKENDS__LEAKY__KEY": PASSWORD, "OFFLINE": "1"}
        ran = leaky.run(source, environ={f"CARBONSDK_{name}": value for name, value in variables.items()})
        assert len(ran.out) > 100, (command, ran.err)
        assert not [spelling for spelling in SPELLINGS if spelling in ran.out + ran.err], command


ADDRESSES = """
import logging, json
logging.basicConfig(level="DEBUG")
tracker = ct.CarbonTracker(
    zone="DE", verbose=2, epochs=2, settle_s=0.9, backends={"replay": {"watts": "cpu=65"}},
    fetchers={"electricitymaps": {"base_url": URL}}, api_keys={"electricitymaps": TOKEN}, sinks={"jsonl": {"path": "a.jsonl"}},
)
for _ in tracker.epochs():
    pass
print(tracker.settings, json.dumps(tracker.stop().to_dict()))
"""


def test_whatever_the_umask_nobody_else_may_write_where_records_and_caches_lie(tmp_path):
    source = """
import os
from carbonsdk.clock import SystemClock
from carbonsdk.engine import baselines
from carbonsdk.engine.sharing.answer_cache import AnswerCache
os.umask(0)
baselines.keep([])
AnswerCache(SystemClock())._place()
"""
    places = {"XDG_STATE_HOME": tmp_path / "a/state", "XDG_CACHE_HOME": tmp_path / "a/cache"}
    subprocess.run([sys.executable, "-c", source], check=True, env={**os.environ, **{k: str(v) for k, v in places.items()}})
    made = list(tmp_path.rglob("*"))
    assert {"baselines.json", "intensity"} <= {path.name for path in made}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600, 0o700}


@pytest.mark.parametrize("proxied", [False, True])
def test_a_password_in_an_address_of_a_service_or_a_proxy_is_in_no_output(leaky, proxied):
    inside = "us3r1nf0-pass"
    with LoopbackService() as service:
        service.on("*", Reply({"error": f"bad {inside} at http://u:{inside}@host/"}, 500))
        url = f"https://u:{inside}@example.invalid" if proxied else service.url.replace("://", f"://u:{inside}@")
        given = f"URL, TOKEN = {url!r}, os.environ['TOKEN']\n"
        proxy = {"HTTPS_PROXY": f"http://p:{PASSWORD}@127.0.0.1:9".replace(" ", "%20")}
        ran = leaky.run(given + ADDRESSES, environ={"TOKEN": TOKEN, "XDG_CACHE_HOME": "cache", **proxy})
    assert ran.code == 0, ran.err
    assert "electricitymaps: " in ran.err + ran.out  # it did go wrong
    outputs = {"stdout": ran.out, "stderr": ran.err, **written(leaky)}
    for where, text in outputs.items():
        assert not [each for each in (inside, *SPELLINGS) if each in text], where


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_config_shows_no_password_of_an_address(leaky, flags):
    source = f"from carbonsdk.cli import main; sys.argv[1:] = ['config', *{flags!r}]; main()"
    environ = {"CARBONSDK_INTENSITY__ELECTRICITYMAPS__BASE_URL": f"https://u:{quote(PASSWORD)}@example.org/v4"}
    ran = leaky.run(source, environ=environ)
    assert "https://…@example.org/v4" in ran.out
    assert not [each for each in SPELLINGS if each in ran.out + ran.err]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("GET https://u:p@ss@host/a?b=c@d failed", "GET https://…@host/a?b=c@d failed"),
        ("http://host/a@b and mail@host", "http://host/a@b and mail@host"),
        ("redis://:secret@[::1]:6379/0", "redis://…@[::1]:6379/0"),
    ],
)
def test_what_stands_before_the_host_of_an_address_is_not_shown(said, shown):
    assert without_secrets(said) == shown


@pytest.fixture
def encrypted(tmp_path):
    """A service that speaks TLS, with a certificate that it gave itself."""
    openssl = shutil.which("openssl") or pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2"]
    subprocess.run([*made, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service = LoopbackService()
    service._server.socket = context.wrap_socket(service._server.socket, server_side=True)
    service.on("*", {"zone": "DE"})
    with service:
        yield service, service.url.replace("http:", "https:"), certificate


def test_a_certificate_that_nobody_vouches_for_gets_no_token(encrypted):
    service, url, certificate = encrypted
    with pytest.raises(ServiceUnavailable, match="no trusted TLS connection"):
        RequestsHttp().fetch_json(url, headers={"auth-token": Secret(TOKEN)})
    assert service.asked == []
    # It is the certificate alone that is wrong.
    with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=certificate), timeout=10) as answer:
        assert json.load(answer) == {"zone": "DE"}


def test_an_answer_that_swells_when_it_is_unpacked_is_refused():
    with LoopbackService() as service:
        service.on("*", Reply(gzip.compress(bytes(64 << 20)), headers={"Content-Encoding": "gzip"}))
        with pytest.raises(BadAnswer, match="more than 8388608 bytes"):
            RequestsHttp().fetch_json(service.url)
