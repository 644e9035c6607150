"""Files that anybody may have written: each reader gives a value, or an error of carbonsdk's own, soon and in little room.

What fuzzing found is here by name; the last test mutates files that are whole. More of it than a test run has time for:
CARBONSDK_FUZZ=20000 pytest tests/cases/test_hostile_files.py
"""

import json
import os
import socket
import time
from contextlib import chdir, nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbonsdk import carbontracker_logs, runs
from carbonsdk.backends.replay import recording
from carbonsdk.clock import SystemClock
from carbonsdk.engine import baselines
from carbonsdk.engine.planning.own_intensity import own_intensity
from carbonsdk.engine.sharing.answer_cache import AnswerCache
from carbonsdk.errors import CarbonSDKError, JournalError, SettingsError
from carbonsdk.journal.codec import encode
from carbonsdk.runs.loading import assemble
from carbonsdk.settings import resolve

SOON_S = 20.0  # of processor time; what was mended took minutes or hours


@pytest.fixture
def soon():
    before = time.process_time()
    yield
    assert time.process_time() - before < SOON_S


def settings_file(path):
    return resolve({}, environ={"HOME": str(path.parent), "CARBONSDK_CONFIG": str(path)}, directory=path.parent)


def journal(path):
    runs.list(path.parent.parent.parent)
    report = runs.load(path.parent)
    return json.dumps(report.to_dict(), allow_nan=False)


def logs(path):
    found = carbontracker_logs.read_directory(path.parent)
    assert carbontracker_logs.total(found).sentence
    for run in found:
        with suppress(JournalError):
            list(map(encode, carbontracker_logs.as_records(run)))
            assemble(carbontracker_logs.as_records(run))


def profile(path):
    return [each.profile.joules(5.0) for each in recording.load(path)]


def cached_answer(path):
    return AnswerCache(SystemClock(), path.parent)._fresh(path)


def secret(path):
    return resolve({"api_keys": {"electricitymaps": {"file": str(path)}}}, environ={"HOME": str(path.parent)})


READERS = {
    "carbonsdk.toml": settings_file,
    "pyproject.toml": settings_file,
    "hours.csv": own_intensity,
    "profile.json": profile,
    "profile.csv": profile,
    "baselines.json": lambda path: baselines.load(path.parent),
    "answer.json": cached_answer,
    "state/runs/r/h-0-1-0.jsonl": journal,
    "logs/1_carbontracker.log": logs,
}

DEEP = "[" * 100_000
LONG = "9" * 5_000  # more digits than Python turns into a number
HUGE = "9" * 400  # a number, but no float


def fresh(**more):
    return json.dumps({"written_ns": time.time_ns(), "fresh_s": 1e9, "values": [], **more})


FOUND = [
    ("carbonsdk.toml", f"epochs = {DEEP}"),
    ("carbonsdk.toml", f"epochs = {LONG}"),
    ("carbonsdk.toml", f"epochs = {HUGE}"),
    ("carbonsdk.toml", f"update_interval = {HUGE}"),
    ("carbonsdk.toml", 'state_dir = "~nobody/there"'),
    ("carbonsdk.toml", 'state_dir = "a\\u0000b"'),
    ("carbonsdk.toml", "[backends.replay]\n" + "".join(f"key{each} = 1\n" for each in range(20_000))),
    ("carbonsdk.toml", "a." * 100_000 + "a = 1"),
    ("carbonsdk.toml", "x = {" + " . ".join(['"a"'] * 100_000) + " = 1}"),
    ("carbonsdk.toml", "[" + "a." * 100_000 + "a]"),
    ("pyproject.toml", "tool = 5"),
    ("pyproject.toml", "[tool]\ncarbonsdk = 5"),
    ("hours.csv", f"2026-01-05T12:00Z,{HUGE}\n"),
    ("hours.csv", '"' + "x" * 300_000),
    ("profile.json", DEEP),
    ("profile.json", f'{{"devices": [{{"kind": "cpu", "watts": {HUGE}}}]}}'),
    ("profile.json", f'{{"devices": [{{"kind": "cpu", "profile": [[0, 1], [{HUGE}, 1]]}}]}}'),
    ("profile.json", '{"devices": [{"kind": "cpu", "profile": {}}]}'),
    ("profile.csv", "seconds,kind,name,watts\n0,cpu,x," + "9" * 200_000),
    ("baselines.json", DEEP),
    ("baselines.json", f'{{"schema": 1, "devices": [{{"watts": {HUGE}, "seconds": 1, "measured_at": "2026-01-01T00:00Z"}}]}}'),
    ("answer.json", fresh(fresh_s=float("inf"))),
    ("answer.json", fresh(fresh_s=["a thousand million of these took all memory"])),
    ("answer.json", fresh(written_ns="x")),
]


def put(place, name, content):
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("name", "content"), FOUND, ids=[f"{name}-{number}" for number, (name, _) in enumerate(FOUND)])
def test_what_fuzzing_found_is_a_value_or_an_error_of_our_own(tmp_path, soon, name, content):
    with suppress(CarbonSDKError):
        READERS[name](put(tmp_path, name, content))


@pytest.mark.parametrize("spec", [10**400, {"2026-01-05T12:00Z": 10**400}, {"2026-01-05T12:00Z": None}, "a\0b", "1e400"])
def test_an_intensity_that_is_no_number_and_no_file_is_refused(spec):
    with pytest.raises(SettingsError):
        own_intensity(spec)


@pytest.mark.parametrize("run", ["~nobody/there.jsonl", "a\0b", "\ud800", "x" * 5_000, "/dev/zero"])
def test_a_run_of_any_name_is_found_or_not(tmp_path, run):
    with pytest.raises(JournalError):
        runs.load(run, tmp_path)


def test_a_directory_of_any_name_is_read_or_not():
    for ask in (runs.list, carbontracker_logs.read_directory):
        with pytest.raises(JournalError):
            ask("a\0b")


def test_pipes_devices_loops_and_folders_among_records_hold_up_nobody(tmp_path):
    place = tmp_path / "runs" / "r"
    place.mkdir(parents=True)
    os.mkfifo(place / "pipe-0-1-0.jsonl")
    (place / "loop-0-1-0.jsonl").symlink_to(place / "loop-0-1-0.jsonl")
    (place / "zero-0-1-0.jsonl").symlink_to("/dev/zero")
    (place / "folder-0-1-0.jsonl").mkdir()
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs" / "loop")
    os.mkfifo(place / "1_carbontracker.log")
    assert runs.list(tmp_path) == ()
    with pytest.raises(JournalError):
        runs.load("r", tmp_path)
    assert runs.resumption("r", 0, tmp_path).first_number == 0
    (run,) = carbontracker_logs.read_directory(place)
    assert run.problems[0] == "1_carbontracker.log cannot be read: it is no ordinary file"


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def listener(path):
    with socket.socket(socket.AF_UNIX) as bound, chdir(path.parent):  # a socket's path may have 107 bytes only
        bound.bind(path.name)


def huge(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)  # takes no room: a hole


@pytest.mark.parametrize("make", [pipe, device, listener, Path.mkdir, huge])
@pytest.mark.parametrize("name", [*READERS, "key.txt"])
def test_what_is_no_ordinary_file_or_has_no_end_is_not_read(tmp_path, soon, name, make):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    go_on_without = {"baselines.json", "answer.json", "logs/1_carbontracker.log"}
    with nullcontext() if name in go_on_without else pytest.raises(CarbonSDKError):
        READERS.get(name, secret)(path)


LOGGED = "2026-01-01 00:00:00 - "
FOUND_DEVICES = f"{LOGGED}The following components were found:"
SLOW_LOGS = {
    "epochs that begin again and again": f"{LOGGED}Epoch 1:\n" * 40_000,
    "devices without a full stop": FOUND_DEVICES + " a with device(s) x" * 3_000 + "\n . " * 20_000 + "!\n",
    "locations without an end": f"{LOGGED}Carbon intensities (gCO2/kWh) fetched every x at detected location: "
    + "a: " * 20_000,
    "as many devices as epochs": "".join(
        f"{LOGGED}Epoch {n}:\n{LOGGED}Duration: 0:00:01\n{LOGGED}Average power usage (W) for c{n}: [{'1 ' * 300}]\n"
        for n in range(300)
    ),
    "as many components as messages": f"{LOGGED}Epoch 1:\n{LOGGED}Duration: 0:00:01\n"
    + "".join(f"{LOGGED}Average power usage (W) for c{n}: [{'1 ' * 256}]\n" for n in range(4_000)),
    "epochs of a thousand years": f"{LOGGED}Epoch 1:\n{LOGGED}Duration: 9999999:00:01.00\n" * 3,
}


@pytest.mark.parametrize("content", SLOW_LOGS.values(), ids=SLOW_LOGS)
def test_no_log_takes_long(tmp_path, soon, content):
    logs(put(tmp_path, "logs/1_carbontracker.log", content))


EXAMPLES = {
    "carbonsdk.toml": b'zone = "DE"\nepochs = 5\n[backends]\nuse = ["auto"]\n[backends.rapl]\nroot = "/x"\n',
    "pyproject.toml": b'[tool.carbonsdk]\nzone = "DE"\npue = 1.5\n[tool.carbonsdk.intensity]\nown = 300\n',
    "hours.csv": b"time,grams\n2026-01-05T12:00Z,300\n2026-01-05T13:00+01:00,200\n9999-12-31T23:59Z,5\n",
    "profile.json": b'{"devices": [{"kind": "gpu", "profile": [[0, 60], [1.5, 400]], "shape": "steps", "repeat": true}]}',
    "profile.csv": b"seconds,kind,name,watts\n0,cpu,x,5\n1,cpu,x,7\n",
    "baselines.json": b'{"schema": 1, "devices": [{"host": "h", "backend": "b", "id": "i", "watts": 5.0, "seconds": 60}]}',
    "logs/1_carbontracker.log": (
        f"{LOGGED}carbontracker version 1.2.5\n{FOUND_DEVICES} GPU with device(s) A100, A100.\n{LOGGED}Epoch 1:\n"
        f"{LOGGED}Duration: 0:00:01.50\n{LOGGED}Average power usage (W) for gpu: [50.1 60.2]\n"
    ).encode(),
}
TOKENS = [b"-1", b"1e400", b"NaN", b"null", b"[", b"{", b'"', b"\x00", b"\xff", b"\n", b"9223372036854775808", HUGE.encode()]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(TOKENS) | st.binary(max_size=6)), min_size=1, max_size=6
)


@pytest.fixture
def examples(sample):
    records = [
        sample.run(),
        sample.device(),
        sample.intensity(300.0),
        sample.epoch(0, 0, 10, (0.0, 100.0)),
        sample.slot(5, 50.0),
    ]
    return {
        **EXAMPLES,
        "answer.json": fresh(values=[{"grams_per_kwh": 5.0, "zone": "DE", "source": "x"}]).encode(),
        "state/runs/r/h-0-1-0.jsonl": b"".join(map(encode, [*records, sample.state(12, 120.0), sample.end(15, 150.0)])),
    }


@pytest.mark.parametrize("name", READERS)
@settings(
    max_examples=int(os.environ.get("CARBONSDK_FUZZ", "60")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(edits=EDITS)
def test_a_file_that_was_tampered_with_is_a_value_or_an_error_of_our_own(tmp_path, examples, name, edits):
    content = examples[name]
    for share, removed, inserted in edits:
        at = int(share * len(content))
        content = content[:at] + inserted + content[at + removed :]
    with suppress(CarbonSDKError):
        READERS[name](put(tmp_path, name, content))
